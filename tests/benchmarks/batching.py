"""Deliveries one by one against the same through batching: PostgreSQL inserts, Redis SETs, SQLite inserts.

256 are in flight at any time, as 256 events would have them. One by one means each by its operation's `send`, over the
account's own pool: ten connections for PostgreSQL, a hundred for Redis, the one thread for SQLite.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import uvloop

from eventwire.engine.batching import Batching
from eventwire.services.catalog import find_service
from eventwire.services.declare import Credentials, Operation, Request, Service, Target
from tests.servers import POSTGRESQL, REDIS

IN_FLIGHT = 256
REPETITIONS = 7
TABLE = "ew_bench_batching"
CREATE = f"CREATE TABLE {TABLE} (id bigint PRIMARY KEY, name text, amount numeric, at timestamptz)"
ROW = {"name": "Ana Souza", "amount": 19.9, "at": "2026-01-02T03:04:05Z"}

Send = Callable[[Operation, Request], Awaitable[Any]]


async def rate(send: Send, operation: Operation, requests: Sequence[Request]) -> float:
    """How many a second, with so many in flight."""
    left = iter(requests)

    async def worker() -> None:
        for request in left:
            await send(operation, request)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(worker())
    return len(requests) / (time.perf_counter() - started)


def inserts(operation: Operation, table: str) -> Iterator[Request]:
    """Rows, each with a key of its own."""
    for number in range(1, 1 << 62):
        yield operation.build({"table": table, "values": {"id": number, **ROW}}, Target({}, "test", ""))


def sets(operation: Operation) -> Iterator[Request]:
    """SETs of a thousand keys in turn."""
    for number in range(1 << 62):
        values = {"key": f"ew:bench:{number % 1000}", "value": "Ana Souza", "when": "always"}
        yield operation.build(values, Target({}, "test", ""))


async def compare(service: Service, connection: Any, requests: Iterator[Request], name: str, counts: Any) -> None:
    """Print the medians of both ways, in turn, and of their ratio."""
    operation = service.operation(name)
    assert operation is not None
    batching = Batching(service, connection)

    async def one_by_one(operation: Operation, request: Request) -> Any:
        return await operation.send(connection, request)

    pairs = []
    for _ in range(REPETITIONS):
        alone = await rate(one_by_one, operation, list(islice(requests, counts[0])))
        pairs.append((alone, await rate(batching.send, operation, list(islice(requests, counts[1])))))
    alone, together = (median(each) for each in zip(*pairs, strict=True))
    ratios = sorted(two / one for one, two in pairs)
    print(
        f"{service.label:10} {name}: one by one {alone:7,.0f} a second, together {together:7,.0f}: "
        f"{median(ratios):5.1f} times ({ratios[0]:.1f} to {ratios[-1]:.1f})"
    )


@asynccontextmanager
async def opened(service: Service, settings: dict[str, Any], base: str = ".", **secrets: str) -> Any:
    """A connection with the service's defaults."""
    defaults = {each.name: each.default for each in service.fields if each.default is not None}
    connection = await service.connect(Credentials(defaults | settings, secrets, base=base))
    try:
        yield connection
    finally:
        await connection.close()


async def postgresql() -> None:
    """Inserts into a table of its own."""
    service, parts = find_service("postgresql"), urlsplit(POSTGRESQL)
    settings = {"host": parts.hostname, "port": parts.port or 5432, "database": parts.path.lstrip("/")}
    secrets = {"password": parts.password} if parts.password else {}
    async with opened(service, settings | {"user": parts.username, "ssl-mode": "disable"}, **secrets) as server:
        await server.pool.execute(f"DROP TABLE IF EXISTS {TABLE}")
        await server.pool.execute(CREATE)
        try:
            rows = inserts(service.operation("insert"), TABLE)
            await compare(service, server, rows, "insert", (3_000, 20_000))
        finally:
            await server.pool.execute(f"DROP TABLE {TABLE}")


async def redis() -> None:
    """SETs."""
    service, parts = find_service("redis"), urlsplit(REDIS)
    settings = {"host": parts.hostname, "port": parts.port or 6379, "database": int(parts.path.lstrip("/") or 0)}
    async with opened(service, settings) as server:
        await compare(service, server, sets(service.operation("set")), "set", (10_000, 40_000))
        await server.client.delete(*(f"ew:bench:{number}" for number in range(1000)))


async def sqlite() -> None:
    """Inserts into a file on disk."""
    import sqlite3

    service = find_service("sqlite")
    with TemporaryDirectory(prefix="eventwire-benchmark-", dir=Path.cwd()) as folder:
        made = sqlite3.connect(f"{folder}/bench.sqlite3")
        made.execute("PRAGMA journal_mode = WAL")
        made.execute(f"CREATE TABLE {TABLE} (id INTEGER PRIMARY KEY, name, amount, at)")
        made.close()
        async with opened(service, {"database": "bench.sqlite3"}, folder) as database:
            rows = inserts(service.operation("insert"), TABLE)
            await compare(service, database, rows, "insert", (1_000, 20_000))


def main() -> None:
    """Print the figures."""
    for each in (postgresql, redis, sqlite):
        uvloop.run(each())


if __name__ == "__main__":
    main()
