"""When attempts that go together have to be answered: one timer for all of the same length."""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter

from eventwire.engine.batching import Ticket


class Deadlines:
    """Tickets that fail with TimeoutError where they are not settled in time.

    A timer for each is most of what a timeout costs. Those of the same length end in the order in which they
    began, so that one timer, for the first, is enough; those that are done are forgotten as others come.
    """

    def __init__(self) -> None:
        self._waiting: dict[float, deque[Ticket]] = {}
        """By length; each has a timer running."""

    def add(self, seconds: float, ticket: Ticket) -> None:
        """Let a ticket fail with TimeoutError some seconds after it began; all in one event loop."""
        waiting = self._waiting.get(seconds)
        if waiting is None:
            waiting = self._waiting[seconds] = deque()
            asyncio.get_running_loop().call_later(seconds, self._expire, seconds)
        while waiting and waiting[0].is_settled:
            waiting.popleft()
        waiting.append(ticket)

    def _expire(self, seconds: float) -> None:
        """Fail those whose time is over, and look again when the next one's is."""
        waiting = self._waiting[seconds]
        while waiting:
            left = waiting[0].begun + seconds - perf_counter()
            if left > 0 and not waiting[0].is_settled:
                asyncio.get_running_loop().call_later(left, self._expire, seconds)
                return
            waiting.popleft().settle(TimeoutError())
        del self._waiting[seconds]
