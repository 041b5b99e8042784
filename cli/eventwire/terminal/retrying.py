"""What a terminal shows while a run waits for its next attempt."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from eventwire.engine.observer import Observer
from eventwire.terminal.session import is_terminal

if TYPE_CHECKING:
    from eventwire.engine.delivery import Delivery
    from eventwire.engine.record import RunStatus
    from eventwire.engine.run import Run
    from eventwire.terminal.session import Session

SHOWN = 8
"""So many waits are drawn at once; of more, only how many they are."""
TICK_SECONDS = 0.1
SHOWN_BEYOND_SECONDS = 0.5
"""How long a wait that is over stays on the screen: its attempt is being made."""
Key = tuple[str, int]
"""A delivery: its run and its position."""


class RetryDisplay(Observer):
    """On a terminal each wait is a line that counts down; elsewhere each attempt that failed is a line, and when the next
    one follows. Scripts that read JSON are told nothing.
    """

    def __init__(self, session: Session, *, is_live: bool = True) -> None:
        """`is_live` allows for the countdown; without it there are lines on a terminal, too."""
        self._session = session
        self._waiting: dict[Key, tuple[float, Delivery, str]] = {}
        self._counts_down = is_live and is_terminal(session.stderr) and session.environ.get("TERM") != "dumb"
        self._drawing: asyncio.Task[None] | None = None

    def retrying(self, delivery: Delivery, error: Exception, delay_seconds: float) -> None:
        if self._session.json:
            return
        message = getattr(error, "message", None) or str(error)
        if not self._counts_down:
            self._session.say(f"{failed(delivery)}: {message} The next one follows in {delay_seconds:.1f} s.")
            return
        self._waiting[delivery.run, delivery.position] = (time.monotonic() + delay_seconds, delivery, message)
        if self._drawing is None or self._drawing.done():
            self._drawing = asyncio.create_task(self._draw(), name="countdown")

    def ended(self, run: Run, status: RunStatus) -> None:
        for key in [each for each in self._waiting if each[0] == run.id]:
            del self._waiting[key]
        if not self._waiting and self._drawing is not None:
            self._drawing.cancel()

    async def _draw(self) -> None:
        """Count down until nothing waits any more; nothing of it stays on the screen."""
        # rich takes 20 ms to import, and only a retry needs it
        from rich.console import Console
        from rich.live import Live

        console = Console(file=self._session.stderr, no_color=not self._session.has_colour("stderr"))
        live = Live(console=console, transient=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
        with live, self._session.saying_above(console):
            while self._waiting:
                live.update(self._lines(), refresh=True)
                await asyncio.sleep(TICK_SECONDS)
                now = time.monotonic()
                for key in [key for key, (due, *_) in self._waiting.items() if due + SHOWN_BEYOND_SECONDS < now]:
                    del self._waiting[key]

    def _lines(self) -> Any:
        """A line for each wait, the next first, each as wide as the terminal."""
        from rich.text import Text

        now = time.monotonic()
        waits = sorted(self._waiting.values(), key=lambda wait: wait[0])
        lines = [line_of(due - now, delivery, message) for due, delivery, message in waits[:SHOWN]]
        if len(waits) > SHOWN:
            lines.append(f"… and {len(waits) - SHOWN} more wait for another attempt")
        return Text("\n".join(lines), no_wrap=True, overflow="ellipsis")


def failed(delivery: Delivery) -> str:
    """Which attempt of which action has failed."""
    return f"{delivery.label}: attempt {delivery.attempts} of {delivery.retry.attempts} failed"


def line_of(seconds: float, delivery: Delivery, message: str) -> str:
    """One wait, its countdown first so that a narrow terminal shows it."""
    when = f"again in {seconds:4.1f} s" if seconds > 0 else "trying again"
    return f"{when:<17}{failed(delivery)}: {message}"
