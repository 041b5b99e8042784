"""When attempts that go together have to be answered: one timer for all of the same length."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any


class Deadlines:
    """Futures that fail with TimeoutError where they are not done in time.

    A timer for each future is most of what a timeout costs. Those of the same length end in the order in which they
    began, so that one timer, for the first, is enough; those that are done are forgotten as others come.
    """

    def __init__(self) -> None:
        self._waiting: dict[float, deque[tuple[float, asyncio.Future[Any]]]] = {}
        self._timers: set[float] = set()
        """Lengths that have a timer running."""

    def add(self, seconds: float, future: asyncio.Future[Any]) -> None:
        """Let a future fail with TimeoutError after some seconds."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting.get(seconds)
        if waiting is None:
            waiting = self._waiting[seconds] = deque()
        while waiting and waiting[0][1].done():
            waiting.popleft()
        if seconds not in self._timers:
            self._timers.add(seconds)
            loop.call_later(seconds, self._expire, seconds)
        waiting.append((loop.time() + seconds, future))

    def _expire(self, seconds: float) -> None:
        """Fail those whose time is over, and look again when the next one's is."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting[seconds]
        while waiting and (waiting[0][1].done() or waiting[0][0] <= loop.time()):
            _, future = waiting.popleft()
            if not future.done():
                future.set_exception(TimeoutError())
        if waiting:
            loop.call_at(waiting[0][0], self._expire, seconds)
        else:
            self._timers.discard(seconds)
