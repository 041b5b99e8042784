"""What stands between an action and its service account: a cap on how many at once, a rate, and a circuit breaker.

An account that fails again and again is paused for a while, so that a server that is down is not hammered and the other
accounts go on. The pause ends with a trial: one delivery goes through, and its outcome decides. (M. Nygard, *Release
It!*, 2007, calls this a circuit breaker.)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum

from eventwire.errors import Unavailable

FAILURES_BEFORE_PAUSE = 5
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 60.0


class Circuit(StrEnum):
    """Whether an account is used."""

    CLOSED = "closed"
    """It is."""
    OPEN = "open"
    """It is paused: nothing is sent."""
    HALF_OPEN = "half-open"
    """One delivery is on its way, and decides."""


class Paused(Unavailable):
    """The account is paused, for longer than a delivery waits."""

    code = "paused"


class Gate:
    """One account's. A delivery enters before each attempt, and leaves with what came of it."""

    def __init__(
        self,
        account: str,
        *,
        max_concurrent: int | None = None,
        max_per_second: float | None = None,
        on_change: Callable[[Gate], None] = lambda gate: None,
    ) -> None:
        """`on_change` is told of every change of the circuit."""
        self.account = account
        self.circuit = Circuit.CLOSED
        self.failures = 0
        """In a row."""
        self.last_error: str | None = None
        self.pause_seconds = 0.0
        """How long the latest pause is."""
        self._paused_until = 0.0  # on the monotonic clock, which never jumps
        self._changed = asyncio.Event()
        self._slots = asyncio.Semaphore(max_concurrent) if max_concurrent else None
        self._interval = 1 / max_per_second if max_per_second else 0.0
        self._next_turn = 0.0
        self._on_change = on_change
        self.is_free = self._slots is None and not self._interval
        """Whether a delivery can go through at once, whatever the others do: each one asks, so it is kept at hand."""

    async def enter(self, patience_seconds: float) -> None:
        """Wait for one's turn. Raises Paused where the account is paused for longer than one's patience.

        Where this returns, `leave` or `abandon` has to follow.
        """
        if self._slots is not None:
            await self._slots.acquire()
        try:
            is_trial = self.circuit is not Circuit.CLOSED and await self._wait_out(patience_seconds)
            try:
                await self._wait_turn()
            except BaseException:
                if is_trial:
                    self._switch(Circuit.OPEN)
                raise
        except BaseException:
            if self._slots is not None:
                self._slots.release()
            raise

    def leave(self, error: Exception | None) -> None:
        """Say what came of an attempt; None for one that was answered."""
        if self._slots is not None:
            self._slots.release()
        if isinstance(error, Unavailable):
            self._count_failure(error)
        elif self.failures or self.circuit is not Circuit.CLOSED:
            self.failures = 0
            self._switch(Circuit.CLOSED)

    def abandon(self) -> None:
        """Leave without an outcome: the attempt was cut off. A trial is left to the next."""
        if self._slots is not None:
            self._slots.release()
        if self.circuit is Circuit.HALF_OPEN:
            self._switch(Circuit.OPEN)

    async def _wait_out(self, patience_seconds: float) -> bool:
        """Wait until the circuit is closed, or until the pause has ended: then one is the trial, and True."""
        end = time.monotonic() + patience_seconds
        while self.circuit is not Circuit.CLOSED:
            now = time.monotonic()
            if self.circuit is Circuit.OPEN and now >= self._paused_until:
                self._switch(Circuit.HALF_OPEN)
                return True
            if now >= end:
                raise self._paused()
            wake = min(end, self._paused_until) if self.circuit is Circuit.OPEN else end
            with suppress(TimeoutError):
                async with asyncio.timeout(wake - now):
                    await self._changed.wait()
        return False

    async def _wait_turn(self) -> None:
        """Wait until the account's rate allows one more."""
        if not self._interval:
            return
        now = time.monotonic()
        turn = max(now, self._next_turn)
        self._next_turn = turn + self._interval
        if turn > now:
            await asyncio.sleep(turn - now)

    def _count_failure(self, error: Unavailable) -> None:
        self.failures += 1
        self.last_error = error.message
        if self.circuit is Circuit.HALF_OPEN or (
            self.circuit is Circuit.CLOSED and self.failures >= FAILURES_BEFORE_PAUSE
        ):
            self.pause_seconds = min(LONGEST_PAUSE_SECONDS, self.pause_seconds * 2 or FIRST_PAUSE_SECONDS)
            self._paused_until = time.monotonic() + self.pause_seconds
            self._switch(Circuit.OPEN)

    def _switch(self, circuit: Circuit) -> None:
        if circuit is Circuit.CLOSED:
            self.pause_seconds = 0.0
        if circuit is self.circuit:
            return
        self.circuit = circuit
        self.is_free = circuit is Circuit.CLOSED and self._slots is None and not self._interval
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        self._on_change(self)

    def _paused(self) -> Paused:
        return Paused(
            f'The service account "{self.account}" is paused after {self.failures} failures in a row, the last: '
            f"{self.last_error}",
            sent=False,
            next_step="Nothing was sent. Once its server answers again, send it with: eventwire replay --status failed",
        )
