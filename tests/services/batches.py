"""What the contract tests of `run_many` need of each service that offers it: requests that go in, and requests that do not."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import redis as redis_library

from eventwire.services.catalog import find_service
from eventwire.services.declare import Credentials
from tests.servers import POSTGRESQL, REDIS, require
from tests.services.helpers import TARGET
from tests.services.lines import Line


async def send_together(service, connection, pairs):
    """The outcomes of requests sent together, with those that went their own way."""
    outcomes = await service.run_many(connection, pairs)
    own = await asyncio.gather(*(each for each in outcomes if isinstance(each, asyncio.Future)), return_exceptions=True)
    ended = iter(own)
    return [next(ended) if isinstance(each, asyncio.Future) else each for each in outcomes]


class Place:
    """Where a service's requests have their effect; each place is empty at first."""

    service = ""

    def credentials(self, port: int | None = None) -> Credentials:
        """Of the place's server, or of a line to it."""
        raise NotImplementedError

    def request(self, kind: str, number: int) -> tuple[str, dict[str, Any]]:
        """Operation and values. Of kind `good`, its response tells the number; `bad`: the server rejects it; `unfit`: it cannot
        be sent; `other`: another operation or statement, which goes well."""
        raise NotImplementedError

    def effects(self) -> int:
        """How many good ones have had their effect."""
        raise NotImplementedError

    async def stall(self, line: Line) -> None:
        """Let no good request be answered any more that comes over the line."""
        line.mute()

    async def stalled(self, line: Line) -> None:
        """Until one of them is under way."""
        await line.used.wait()

    def pair(self, kind: str, number: int):
        """What `run_many` takes."""
        name, values = self.request(kind, number)
        operation = find_service(self.service).operation(name)
        defaults = {each.name: each.default for each in operation.fields if each.default is not None}
        return operation, operation.build(defaults | values, TARGET)


class PostgresqlPlace(Place):
    service = "postgresql"

    def __init__(self, schema: str) -> None:
        self.schema = schema

    def credentials(self, port=None):
        parts = urlsplit(POSTGRESQL)
        settings = {
            "host": "127.0.0.1" if port else parts.hostname,
            "port": port or parts.port or 5432,
            "database": parts.path.lstrip("/"),
            "user": parts.username,
            "ssl-mode": "disable",
            "prepared-statements": True,
        }
        return Credentials(settings, {"password": parts.password} if parts.password else {})

    def request(self, kind, number):
        table = f"{self.schema}.customers"
        rows = {"good": number, "bad": -1, "unfit": "many"}
        if kind == "other":
            return "update", {"table": table, "values": {"name": "b"}, "where": {"id": -1}}
        return "insert", {"table": table, "values": {"id": rows[kind], "name": f"n{number}"}, "returning": ["id"]}

    async def stall(self, line):
        # what is muted would not get beyond being prepared
        await asyncio.to_thread(
            query_postgresql,
            f"CREATE FUNCTION {self.schema}.stall() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN PERFORM pg_sleep(60); RETURN new; END$$",
            f"CREATE TRIGGER stall BEFORE INSERT ON {self.schema}.customers "
            f"FOR EACH ROW EXECUTE FUNCTION {self.schema}.stall()",
        )

    async def stalled(self, line):
        while not await asyncio.to_thread(query_postgresql, self.running("pid")):
            pass

    def running(self, wanted: str) -> str:
        """A query for what other connections are doing here."""
        here = f"query LIKE '%{self.schema}%' AND state = 'active' AND pid <> pg_backend_pid()"
        return f"SELECT {wanted} FROM pg_stat_activity WHERE {here} AND wait_event = 'PgSleep'"

    def effects(self):
        (row,) = query_postgresql(f"SELECT count(*) FROM {self.schema}.customers WHERE id > 0")
        return row["count"]


def query_postgresql(*statements: str) -> list[Any]:
    """Run statements one after the other; returns the rows of the last."""

    async def run():
        connection = await asyncpg.connect(POSTGRESQL)
        try:
            return [await connection.fetch(each) for each in statements][-1]
        finally:
            await connection.close()

    return asyncio.run(run())


class RedisPlace(Place):
    service = "redis"

    def __init__(self, prefix: str, client: Any) -> None:
        self.prefix = prefix
        self.client = client

    def credentials(self, port=None):
        parts = urlsplit(REDIS)
        settings = {"host": parts.hostname, "port": port or parts.port, "database": int(parts.path.lstrip("/") or 0)}
        return Credentials({**settings, "tls": False}, {})

    def request(self, kind, number):
        return {
            "good": ("incrby", {"key": f"{self.prefix}{number}", "by": number}),
            "bad": ("incr", {"key": f"{self.prefix}text"}),
            "unfit": ("set", {"key": f"{self.prefix}x", "value": "\ud800"}),
            "other": ("set", {"key": f"{self.prefix}y", "value": number, "when": "missing"}),
        }[kind]

    def effects(self):
        keys = self.client.keys(f"{self.prefix}[0-9]*")
        return len(keys)


class SqlitePlace(Place):
    service = "sqlite"

    def __init__(self, folder: Any) -> None:
        self.folder = folder
        self.query("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT)")
        self.query("INSERT INTO customers VALUES (-1, 'a')")

    def credentials(self, port=None):
        return Credentials({"database": "shop.sqlite3"}, {}, base=str(self.folder))

    def request(self, kind, number):
        rows = {"good": number, "bad": -1, "unfit": 2**63}
        if kind == "other":
            return "update", {"table": "customers", "values": {"name": "b"}, "where": {"id": -1}}
        values = {"id": rows[kind], "name": f"n{number}"}
        return "insert", {"table": "customers", "values": values, "returning": ["id"]}

    def effects(self):
        return self.query("SELECT count(*) FROM customers WHERE id > 0")[0][0]

    def query(self, sql: str) -> list[Any]:
        import sqlite3

        connection = sqlite3.connect(self.folder / "shop.sqlite3")
        try:
            with connection:
                return connection.execute(sql).fetchall()
        finally:
            connection.close()


@contextmanager
def place_of(service: str, folder: Any):
    """A new place of a service that offers `run_many`; skips or fails where its server is absent."""
    if service == "sqlite":
        folder.mkdir()
        yield SqlitePlace(folder)
    elif service == "postgresql":
        require("postgresql", POSTGRESQL)
        schema = f"ew_{uuid.uuid4().hex[:12]}"
        table = f"CREATE TABLE {schema}.customers (id integer PRIMARY KEY, name text NOT NULL)"
        query_postgresql(f"CREATE SCHEMA {schema}", table, f"INSERT INTO {schema}.customers VALUES (-1, 'a')")
        place = PostgresqlPlace(schema)
        try:
            yield place
        finally:
            query_postgresql(place.running("pg_terminate_backend(pid)"))
            query_postgresql(f"DROP SCHEMA {schema} CASCADE")
    elif service == "redis":
        require("redis", REDIS)
        prefix = f"ew:{uuid.uuid4().hex[:10]}:"
        with redis_library.Redis.from_url(REDIS) as client:
            client.set(f"{prefix}text", "x")
            yield RedisPlace(prefix, client)
            client.delete(*client.keys(f"{prefix}*"))
    else:
        raise AssertionError(f"The contract tests of run_many know no place of {service}")
