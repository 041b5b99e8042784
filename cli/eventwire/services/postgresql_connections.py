"""The connections that batches go over: a few, kept with the statements that were prepared on them.

A batch needs one round trip so, the one that executes it. What used to come before and after, preparing and resetting, is left
out or done behind its back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from eventwire.services.postgresql_values import Parameters, parameters_of

if TYPE_CHECKING:
    import asyncpg

MOST = 6
"""So many at once: four that carry a batch, and others that are being reset."""
KEPT_SECONDS = 1.0
"""So long is a statement executed that was prepared before. It has the types that the table had then; where it fails, its rows
are sent anew one by one, as the table is now."""
IDLE_SECONDS = 60.0
"""A connection that nobody has used for so long goes back to its pool, which closes it in time."""
STATEMENTS = 100  # that a connection keeps; a payload may name the table


class Prepared(NamedTuple):
    """A statement on its connection."""

    statement: Any
    parameters: Parameters
    at: float
    """When it was prepared, on the monotonic clock."""


class BatchConnection:
    """A connection with the statements that were prepared on it."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.idle_since = 0.0
        self._prepared: dict[str, Prepared] = {}

    @property
    def is_lost(self) -> bool:
        """Whether its server, or the way there, has ended it."""
        try:
            return bool(self.connection.is_closed())
        except Exception:  # asyncpg takes one that was lost back at once, and lets it say nothing more
            return True

    def kept(self, statement: str) -> Prepared | None:
        """The statement, where it was prepared a moment ago."""
        found = self._prepared.get(statement)
        return found if found and time.monotonic() - found.at < KEPT_SECONDS else None

    async def prepare(self, statement: str) -> Prepared:
        """The statement as the tables are now."""
        prepared = await self.connection.prepare(statement)
        if len(self._prepared) >= STATEMENTS:
            self._prepared.clear()
        found = Prepared(prepared, parameters_of(prepared.get_parameters()), time.monotonic())
        self._prepared[statement] = found
        return found


class BatchConnections:
    """Connections of a pool, each lent to one batch at a time."""

    def __init__(self, pool: asyncpg.Pool[Any], *, keeps: bool) -> None:
        """`keeps` is whether they may be kept: behind a pooler each transaction has another connection."""
        self._pool = pool
        self._keeps = keeps
        self._free = asyncio.Semaphore(MOST)
        self._idle: list[BatchConnection] = []
        self._being_put_in_order: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def count(self) -> int:
        """How many are open."""
        count: int = self._pool.get_size()
        return count

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[BatchConnection]:
        """A connection; where its use fails it is not used again as it is."""
        await self._free.acquire()
        try:
            connection = await self._next()
        except BaseException:
            self._free.release()
            raise
        is_whole = False
        try:
            yield connection
            is_whole = self._keeps
        finally:
            task = asyncio.create_task(self._put_in_order(connection, is_whole), name="reset of a connection")
            self._being_put_in_order.add(task)
            task.add_done_callback(self._being_put_in_order.discard)

    async def close(self) -> None:
        """Close them all."""
        await asyncio.gather(*self._being_put_in_order, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()
        await self._release(self._idle)
        self._idle = []
        await self._pool.close()

    def terminate(self) -> None:
        """Cut them all."""
        self._pool.terminate()

    async def _next(self) -> BatchConnection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_lost:
                return connection
            await self._release([connection])
        return BatchConnection(await self._pool.acquire())

    async def _put_in_order(self, used: BatchConnection, is_whole: bool) -> None:
        """Reset a connection, as a pool does: a trigger may have set or locked something for its session."""
        try:
            if is_whole and not used.is_lost:
                with suppress(Exception):  # it is lost, as the pool finds out
                    await used.connection.reset()
                    self._keep(used)
                    return
            await self._release([used])
        finally:
            self._free.release()

    def _keep(self, used: BatchConnection) -> None:
        used.idle_since = time.monotonic()
        self._idle.append(used)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._retire)

    def _retire(self) -> None:
        """Give back those that nobody has used for long."""
        now = time.monotonic()
        old = [each for each in self._idle if now - each.idle_since >= IDLE_SECONDS]
        self._idle = [each for each in self._idle if each not in old]
        self._timer = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._retire) if self._idle else None
        if old:
            task = asyncio.create_task(self._release(old), name="release of connections")
            self._being_put_in_order.add(task)
            task.add_done_callback(self._being_put_in_order.discard)

    async def _release(self, connections: Sequence[BatchConnection]) -> None:
        for each in connections:
            with suppress(Exception):  # the pool has cut it
                await self._pool.release(each.connection)
