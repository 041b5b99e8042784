"""The event loop of a command that delivers: uvloop where it runs, and stopping by Ctrl-C in two steps."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from eventwire.engine.pipeline import Pipeline
from eventwire.terminal.session import Session

Result = TypeVar("Result")

# How long running deliveries may go on after the first Ctrl-C.
GRACE_SECONDS = 10.0
# How long the journal's thread waits for the interpreter beside a busy event loop; Python's own 5 ms are longer than a commit.
SWITCH_SECONDS = 0.00005


def run_until_done(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine in a new event loop, with Python set for many events."""
    spare_the_collector()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        import uvloop
    except ImportError:  # not there on Windows
        return asyncio.run(work)
    return uvloop.run(work)


def spare_the_collector() -> None:
    """Look for cycles less often, and never again among what is there already, which is code and the project.

    A few hundred events on their way are so many young objects that Python's thresholds let the collector take a third of
    the time; hardly any of them are part of a cycle.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


class Stopping:
    """Whether the user wants to stop: the first signal gives running deliveries their grace time, the second none."""

    def __init__(self, session: Session, pipeline: Pipeline, *, leave_retries: bool = False) -> None:
        """`leave_retries` leaves what waits for another attempt to another process, at once."""
        self._session = session
        self._pipeline = pipeline
        self._leave_retries = leave_retries
        self._also: list[Callable[[], None]] = []
        self._graceful: asyncio.Task[None] | None = None

    @property
    def wanted(self) -> bool:
        """True from the first signal on."""
        return self._graceful is not None

    def listen(self) -> None:
        """Take Ctrl-C and SIGTERM from now on."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)

    def then(self, do: Callable[[], None]) -> None:
        """Do something else, too, at the first signal."""
        self._also.append(do)

    def stop(self) -> None:
        """What a signal does."""
        if self._graceful is not None:
            self._pipeline.cut_off()
            return
        self._session.say(
            f"Stopping: running actions have {GRACE_SECONDS:.0f} seconds to end. Ctrl-C again stops at once."
        )
        self._graceful = asyncio.create_task(
            self._pipeline.stop(GRACE_SECONDS, leave_retries=self._leave_retries), name="stop"
        )
        for do in self._also:
            do()
