"""When attempts that go together have to be answered: one timer for all of the same length."""

from __future__ import annotations

import asyncio
from collections import deque

from eventwire.engine.batching import Ticket


class Deadlines:
    """Tickets that fail with TimeoutError where they are not settled in time.

    A timer for each is most of what a timeout costs. Those of the same length end in the order in which they
    began, so that one timer, for the first, is enough; those that are done are forgotten as others come.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[float, deque[tuple[float, Ticket]]] = {}
        self._timers: set[float] = set()
        """Lengths that have a timer running."""

    def add(self, seconds: float, ticket: Ticket) -> None:
        """Let a ticket fail with TimeoutError after some seconds; all in one event loop."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        waiting = self._waiting.get(seconds)
        if waiting is None:
            waiting = self._waiting[seconds] = deque()
        while waiting and waiting[0][1].is_settled:
            waiting.popleft()
        if seconds not in self._timers:
            self._timers.add(seconds)
            loop.call_later(seconds, self._expire, seconds)
        waiting.append((loop.time() + seconds, ticket))

    def _expire(self, seconds: float) -> None:
        """Fail those whose time is over, and look again when the next one's is."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting[seconds]
        while waiting and (waiting[0][1].is_settled or waiting[0][0] <= loop.time()):
            waiting.popleft()[1].settle(TimeoutError())
        if waiting:
            loop.call_at(waiting[0][0], self._expire, seconds)
        else:
            self._timers.discard(seconds)
