"""What a terminal shows while a run waits for its next attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventwire.engine.observer import Observer

if TYPE_CHECKING:
    from eventwire.engine.delivery import Delivery
    from eventwire.terminal.session import Session


class RetryDisplay(Observer):
    """Tells of each attempt that failed, and when the next one follows. Scripts that read JSON are told nothing."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def retrying(self, delivery: Delivery, error: Exception, delay_seconds: float) -> None:
        if self._session.json:
            return
        tried = f"attempt {delivery.attempts} of {delivery.retry.attempts}"
        message = getattr(error, "message", None) or str(error)
        self._session.say(f"{delivery.label}: {tried} failed: {message} The next one follows in {delay_seconds:.1f} s.")
