"""Deliveries that wait for the same connection at the same moment go together.

A delivery is never held back for others to come: it goes out at the next turn of the event loop, with all that asked in
the same turn. Others start at once, too, until a few batches are under way; what comes then waits for one of them to end,
and goes with all that has come meanwhile. So batches are small where there is little to do, and grow with the load.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from eventwire.services.declare import Operation, Request, Service

UNDER_WAY = 4
LARGEST = 500
SHARED = 32
"""Up to so many go in one batch; more are shared among the batches that may start, so that the server works on one while the
next is made."""

Waiting = tuple[Operation, Request, "asyncio.Future[Any]"]


class Batching:
    """What is sent over one connection of a service account."""

    def __init__(
        self, service: Service, connection: Any, *, under_way: int = UNDER_WAY, largest: int = LARGEST
    ) -> None:
        """`under_way` is how many batches there may be at once, `largest` how many deliveries one of them may hold."""
        self._connection = connection
        self._run_many = service.run_many
        self._under_way = under_way
        self._largest = largest
        self._waiting: deque[Waiting] = deque()
        self._asked = False
        self._batches: dict[asyncio.Task[None], list[Waiting]] = {}

    async def send(self, operation: Operation, request: Request) -> Any:
        """Send a request and return its response. Raises what the operation's own `send` does.

        Being cancelled, by a timeout for example, abandons this delivery alone. Where it was still waiting it is not sent.
        Where it was under way with others it goes on with them, so that it may have had its effect or may have it yet; a
        batch that nobody waits for any more is cut off. Where it went its own way it is ended as `send` is. So whoever was
        cancelled knows of the effect as little as with any request that was cut off.
        """
        if self._run_many is None:
            return await operation.send(self._connection, request)
        outcome = self.submit(operation, request)
        try:
            return await outcome
        except asyncio.CancelledError:
            self.give_up()
            raise

    @property
    def takes_many(self) -> bool:
        """Whether deliveries can go together, and so can be submitted."""
        return self._run_many is not None

    def submit(self, operation: Operation, request: Request) -> asyncio.Future[Any]:
        """Send a request with others; the future gives its response, or raises what the operation's own `send` does.

        Whoever cancels the future, or settles it for a timeout, has to call `give_up`.
        """
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((operation, request, outcome))
        if not self._asked and len(self._batches) < self._under_way:
            self._asked = True
            loop.call_soon(self._start)
        return outcome

    def give_up(self) -> None:
        """End the batches that nobody waits for: a server that never answers would keep their places for good."""
        for task, batch in self._batches.items():
            if all(waiting.done() for _, _, waiting in batch):
                task.cancel()

    async def close(self) -> None:
        """Cut off what is under way, and close the connection. Whoever waits for an outcome is cancelled."""
        for _, _, outcome in self._waiting:
            outcome.cancel()
        self._waiting.clear()
        for batch in self._batches:
            batch.cancel()
        await asyncio.gather(*self._batches, return_exceptions=True)
        await self._connection.close()

    def _start(self) -> None:
        """Start batches of what waits, as many as may be under way."""
        self._asked = False
        while self._waiting and len(self._batches) < self._under_way:
            if batch := self._next():
                task = asyncio.create_task(self._run(batch), name=f"batch of {len(batch)}")
                self._batches[task] = batch
                task.add_done_callback(self._ended)

    def _next(self) -> list[Waiting]:
        """What goes next: those who have waited longest, but for the ones that were given up."""
        free = self._under_way - len(self._batches)
        share = max(SHARED, -(-len(self._waiting) // free))
        count = min(len(self._waiting), share, self._largest)
        return [each for each in (self._waiting.popleft() for _ in range(count)) if not each[2].done()]

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._batches[task]
        self._start()

    async def _run(self, batch: Sequence[Waiting]) -> None:
        """Send a batch, and give each delivery its outcome."""
        assert self._run_many is not None
        try:
            outcomes = await self._run_many(self._connection, [(operation, request) for operation, request, _ in batch])
            for (_, _, waiting), outcome in zip(batch, outcomes, strict=True):
                settle(waiting, outcome)
        except Exception as error:  # a bug of the service's, which must not leave anyone waiting
            for _, _, waiting in batch:
                settle(waiting, error)
        except asyncio.CancelledError:
            for _, _, waiting in batch:
                waiting.cancel()
            raise


def settle(waiting: asyncio.Future[Any], outcome: Any) -> None:
    """Give a delivery its outcome, or let it follow a request that goes its own way."""
    if isinstance(outcome, asyncio.Future):
        follow(waiting, outcome)
    elif waiting.done():
        return  # given up in the meantime
    elif isinstance(outcome, BaseException):
        waiting.set_exception(outcome)
    else:
        waiting.set_result(outcome)


def follow(waiting: asyncio.Future[Any], own: asyncio.Future[Any]) -> None:
    """The delivery ends as the request that goes its own way does, and the request where the delivery is given up."""

    def ended(own: asyncio.Future[Any]) -> None:
        if own.cancelled():
            waiting.cancel()
        else:
            error = own.exception()
            settle(waiting, own.result() if error is None else error)

    def given_up(waiting: asyncio.Future[Any]) -> None:
        if waiting.cancelled():
            own.cancel()

    own.add_done_callback(ended)
    waiting.add_done_callback(given_up)  # at once where it is given up already
