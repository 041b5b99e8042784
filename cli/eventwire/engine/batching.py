"""Deliveries that wait for the same connection at the same moment go together.

A delivery is never held back for others to come: it goes out at the next turn of the event loop, with all that asked in
the same turn. Others start at once, too, until a few batches are under way; what comes then waits for one of them to end,
and goes with all that has come meanwhile. So batches are small where there is little to do, and grow with the load.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from time import perf_counter
from typing import Any

from eventwire.services.declare import Operation, Request, Service

UNDER_WAY = 4
LARGEST = 500
SHARED = 128
"""Up to so many go in one batch; more are shared among the batches that may start, so that the server works on one while the
next is made."""


class Ticket:
    """Stands for a request that goes with others. It is settled once: by its response, by what was raised, or by whoever
    gives it up. Cheaper than a future, whose callbacks each take a turn of the event loop.
    """

    __slots__ = ("begun", "is_settled", "own")

    def __init__(self) -> None:
        self.begun = perf_counter()
        self.is_settled = False
        self.own: asyncio.Future[Any] | None = None
        """The request that it follows, where that goes its own way."""

    def over(self, outcome: Any) -> None:
        """Called once, with the response or with what was raised."""
        raise NotImplementedError

    def settle(self, outcome: Any) -> None:
        """Give it its response, or what was raised; what comes after that is passed over."""
        if self.is_settled:
            return
        self.is_settled = True
        if self.own is not None:
            self.own.cancel()
        self.over(outcome)

    def cancel(self) -> None:
        """Give it up."""
        self.settle(asyncio.CancelledError())

    def follow(self, own: asyncio.Future[Any]) -> None:
        """End as a request that goes its own way does, and let that end where this is given up."""
        if self.is_settled:
            own.cancel()
        self.own = own
        own.add_done_callback(self._followed)

    def _followed(self, own: asyncio.Future[Any]) -> None:
        if own.cancelled():
            self.cancel()
        else:
            self.settle(own.exception() or own.result())


class Promise(Ticket):
    """A ticket that can be awaited."""

    __slots__ = ("future",)

    def __init__(self) -> None:
        super().__init__()
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def over(self, outcome: Any) -> None:
        if self.future.done():
            return
        if isinstance(outcome, asyncio.CancelledError):
            self.future.cancel()
        elif isinstance(outcome, BaseException):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


Waiting = tuple[Operation, Request, Ticket]


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
        promise = Promise()
        self.submit(operation, request, promise)
        try:
            return await promise.future
        except asyncio.CancelledError:
            promise.cancel()
            self.give_up()
            raise

    @property
    def takes_many(self) -> bool:
        """Whether deliveries can go together, and so can be submitted."""
        return self._run_many is not None

    def submit(self, operation: Operation, request: Request, ticket: Ticket) -> None:
        """Send a request with others; the ticket is settled with its response, or with what the operation's own `send` raises.

        Whoever settles it before, for a timeout for one, has to call `give_up`.
        """
        self._waiting.append((operation, request, ticket))
        if not self._asked and len(self._batches) < self._under_way:
            self._asked = True
            asyncio.get_running_loop().call_soon(self._start)

    def give_up(self) -> None:
        """End the batches that nobody waits for: a server that never answers would keep their places for good."""
        for task, batch in self._batches.items():
            if all(ticket.is_settled for _, _, ticket in batch):
                task.cancel()

    async def close(self) -> None:
        """Cut off what is under way, and close the connection. Whoever waits for an outcome is cancelled."""
        while self._waiting:
            self._waiting.popleft()[2].cancel()
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
        return [each for each in (self._waiting.popleft() for _ in range(count)) if not each[2].is_settled]

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._batches[task]
        self._start()

    async def _run(self, batch: Sequence[Waiting]) -> None:
        """Send a batch, and give each delivery its outcome."""
        assert self._run_many is not None
        try:
            outcomes = await self._run_many(self._connection, [(operation, request) for operation, request, _ in batch])
            settled = list(zip(batch, outcomes, strict=True))
        except Exception as error:  # a bug of the service's, which must not leave anyone waiting
            settled = [(waiting, error) for waiting in batch]
        except asyncio.CancelledError as error:
            settle_all([(waiting, error) for waiting in batch])
            raise
        settle_all(settled)


def settle_all(settled: Sequence[tuple[Waiting, Any]]) -> None:
    """Give each delivery its outcome, or let it follow a request that goes its own way."""
    future = asyncio.Future
    for (_, _, ticket), outcome in settled:
        try:
            if isinstance(outcome, future):
                ticket.follow(outcome)
            else:
                ticket.settle(outcome)
        except Exception as bug:  # which must not keep the others waiting
            asyncio.get_running_loop().call_exception_handler({"message": "An outcome was lost.", "exception": bug})
