"""PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from eventwire.errors import ServiceError
from eventwire.fields import Field, FieldType
from eventwire.services.declare import Column, Credentials, Operation, Request, Service, give_up, import_client
from eventwire.services.postgresql_batches import LOCK_MILLISECONDS, TOGETHER, Batch, Paces
from eventwire.services.postgresql_connections import MOST, BatchConnections
from eventwire.services.postgresql_errors import translate
from eventwire.services.postgresql_values import convert, parameters_of, response_of
from eventwire.services.sql import Dialect, operations
from eventwire.services.tls import INSTEAD, ca_field, ca_file, trust

if TYPE_CHECKING:
    from asyncio import Future
    from ssl import SSLContext

    import asyncpg

POOL_SIZE = 10
CONNECT_SECONDS = 15.0
VERIFYING = ("require", "verify-ca", "verify-full")

TABLES = """
SELECT c.table_schema, c.table_name, c.column_name, c.data_type,
       c.is_nullable = 'NO' AND c.column_default IS NULL AND c.is_identity = 'NO' AND c.is_generated = 'NEVER'
FROM information_schema.columns c
JOIN information_schema.tables t USING (table_schema, table_name)
WHERE c.table_schema NOT IN ('pg_catalog', 'information_schema') AND t.table_type IN ('BASE TABLE', 'VIEW')
ORDER BY c.table_schema, c.table_name, c.ordinal_position
"""


class Server:
    """Pools of connections, grown as deliveries need them."""

    def __init__(self, pool: asyncpg.Pool[Any], batches: BatchConnections, address: str, *, pooled: bool) -> None:
        """`pooled` is whether a pooler stands in between, which gives each transaction another connection."""
        self.pool = pool
        self.batches = batches
        """Its connections do not wait for locks: many rows would wait with the one."""
        self.address = address
        self.pooled = pooled
        self.paces = Paces()
        self.lone: Future[Any] | None = None
        """A request that came while nothing else did. It needs no second pool, which takes a moment to open; one at a time, since
        under load those that come one by one are to gather."""

    def together(self, connection: Any) -> AbstractAsyncContextManager[Any]:
        """Keeps what is done within it on one connection of the server."""
        return connection.transaction() if self.pooled else nullcontext()

    def alone(self, request: Request) -> Future[Any]:
        """A request that keeps nobody waiting, under way."""
        from asyncio import create_task

        return create_task(send(self, request), name="PostgreSQL statement")

    async def close(self) -> None:
        """Close every connection, in a moment or at once."""
        from asyncio import gather, timeout

        pools = (self.pool, self.batches)
        try:
            async with timeout(5):
                await gather(*(each.close() for each in pools))
        except Exception:
            for each in pools:
                each.terminate()  # a connection that does not end well is cut


async def connect(credentials: Credentials) -> Server:
    """Open the pool with its first connection, which proves that the credentials work."""
    asyncpg = import_client("asyncpg", "postgresql", "postgresql")
    settings = credentials.settings
    address = f"{settings['host']}:{settings['port']}"
    pooled = not settings["prepared-statements"]
    how = {
        "host": settings["host"],
        "port": settings["port"],
        "database": settings.get("database"),
        "user": settings.get("user"),
        "password": credentials.get("password"),
        "ssl": security_of(credentials),
        "timeout": CONNECT_SECONDS,
        "command_timeout": None,  # the action's own timeout ends it
        # a pooler such as PgBouncer hands each transaction another connection, which knows no prepared statement
        "statement_cache_size": 0 if pooled else 100,
        "init": set_up,
    }
    named = {"application_name": "eventwire"}
    # a pooler refuses it as a connection begins
    patience = {} if pooled else {"lock_timeout": str(LOCK_MILLISECONDS)}
    try:
        pool = await asyncpg.create_pool(**how, min_size=1, max_size=POOL_SIZE, server_settings=named)
        # opens nothing yet
        batches = await asyncpg.create_pool(**how, min_size=0, max_size=MOST, server_settings=named | patience)
    except Exception as error:
        raise translate(error, address, sent=False) from error
    return Server(pool, BatchConnections(batches, keeps=not pooled), address, pooled=pooled)


async def set_up(connection: Any) -> None:
    """Let the server itself read and write intervals: Python's know no months. It takes no round trip."""
    await connection.set_type_codec("interval", schema="pg_catalog", encoder=str, decoder=str, format="text")


def security_of(credentials: Credentials) -> str | SSLContext:
    """TLS as libpq's sslmode says, but that the system's authorities are trusted where none are named.

    As with libpq, `require` looks at the certificate only where there are authorities to hold it against, and
    ~/.postgresql/root.crt names them as well as `ca-file`. Raises Rejected for a broken `ca-file`.
    """
    mode = str(credentials.settings["ssl-mode"])
    own = mode in VERIFYING and ca_file(credentials) is not None
    if not own and (mode not in ("verify-ca", "verify-full") or has_root_of_libpq()):
        return mode
    context = trust(credentials, instead=True)
    context.check_hostname = mode == "verify-full"
    return context


def has_root_of_libpq() -> bool:
    """Whether libpq's own place for authorities holds some (PostgreSQL documentation, section 34.19.1)."""
    import os
    from pathlib import Path

    named = os.environ.get("PGSSLROOTCERT")
    return bool(named) or Path("~/.postgresql/root.crt").expanduser().is_file()


async def verify(server: Server) -> str:
    """Asks for version and database."""
    try:
        row = await server.pool.fetchrow("SELECT current_setting('server_version'), current_database()")
    except Exception as error:
        raise translate(error, server.address) from error
    return f"PostgreSQL {row[0].split()[0]}, database {row[1]}"


async def tables(server: Server) -> Mapping[str, tuple[Column, ...]]:
    """The database's tables and views with their columns; those outside the schema public with their schema's name."""
    try:
        rows = await server.pool.fetch(TABLES)
    except Exception as error:
        raise translate(error, server.address) from error
    found: dict[str, tuple[Column, ...]] = {}
    for schema, table, column, kind, required in rows:
        name = table if schema == "public" else f"{schema}.{table}"
        found[name] = (*found.get(name, ()), Column(column, kind, bool(required)))
    return found


async def send(server: Server, request: Request) -> Any:
    """Run one statement; it is committed when this returns. Raises Unavailable, Rejected."""
    sent = False
    try:
        async with server.pool.acquire() as connection, server.together(connection):
            prepared = await connection.prepare(request["statement"])
            parameters = convert(request["parameters"], parameters_of(prepared.get_parameters()))
            sent = True  # what was prepared has no effect before
            rows = await prepared.fetch(*parameters)
            return response_of(prepared.get_statusmsg(), rows)
    except ServiceError:
        raise
    except Exception as error:
        raise translate(error, server.address, sent=sent) from error


async def run_many(server: Server, requests: Sequence[tuple[Operation, Request]]) -> list[Any]:
    """Run the inserts and upserts of each statement in one round trip and one transaction; the rest as ever.

    What is no single row's, and what would have made the others wait, goes its own way over the pool.
    """
    from asyncio import gather

    if len(requests) == 1 and (server.lone is None or server.lone.done()):
        server.lone = server.alone(requests[0][1])
        return [server.lone]
    outcomes: list[Any] = [None] * len(requests)
    statements: dict[str, list[int]] = defaultdict(list)
    for position, (operation, request) in enumerate(requests):
        if operation.name in TOGETHER:
            statements[request["statement"]].append(position)
        else:
            outcomes[position] = server.alone(request)
    batches = [
        Batch(server, statement, {position: requests[position][1] for position in part}, outcomes)
        for statement, positions in statements.items()
        for part in server.paces.parts(statement, positions)
    ]
    try:
        await gather(*(each.run() for each in batches))
    except BaseException:
        give_up(outcomes)
        raise
    return outcomes


# NAMEDATALEN, which hardly anybody changes, less the zero at its end
DIALECT = Dialect(placeholder=lambda number: f"${number}", schemas=True, longest_name=63)

SERVICE = Service(
    name="postgresql",
    label="PostgreSQL",
    summary="Writes to a PostgreSQL database.",
    documentation="https://www.postgresql.org/docs/current/sql-commands.html",
    extra="postgresql",
    modules=("asyncpg",),
    fields=(
        Field("host", "Host", default="localhost", example="db.shop.example"),
        Field("port", "Port", type=FieldType.INTEGER, default=5432, minimum=1, maximum=65535),
        Field("database", "Database", required=True, example="shop"),
        Field("user", "User", required=True, example="shop"),
        Field("password", "Password", secret=True, help="Where the server asks for none, leave it out."),
        Field(
            "ssl-mode",
            "TLS",
            default="prefer",
            choices=("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
            help="As libpq's sslmode: verify-full proves that it is the right server.",
        ),
        ca_field(INSTEAD, when=("ssl-mode", VERIFYING)),
        Field(
            "prepared-statements",
            "Keep prepared statements",
            type=FieldType.BOOLEAN,
            default=True,
            help="Turn it off behind PgBouncer in transaction mode.",
        ),
    ),
    connect=connect,
    verify=verify,
    run_many=run_many,
    tables=tables,
    operations=operations(DIALECT, send),
)
