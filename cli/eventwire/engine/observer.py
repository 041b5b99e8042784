"""What others are told of while runs go on: the terminal's live display, the server's live pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eventwire.engine.delivery import Delivery
    from eventwire.engine.record import RunStatus
    from eventwire.engine.run import Run
    from eventwire.journal.rows import AcceptedRun


class Observer:
    """Is told; does nothing by itself. Its methods are called in the event loop and must neither wait nor raise."""

    def accepted(self, run: AcceptedRun) -> None:
        """A run is in the journal."""

    def retrying(self, delivery: Delivery, error: Exception, delay_seconds: float) -> None:
        """An attempt has failed, and another follows."""

    def ended(self, run: Run, status: RunStatus) -> None:
        """A run has ended, durably."""


SILENCE = Observer()
