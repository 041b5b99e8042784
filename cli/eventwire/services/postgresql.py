"""PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from eventwire.errors import Refused, Rejected, ServiceError, Unavailable
from eventwire.fields import Field, FieldType
from eventwire.services.declare import Column, Credentials, Request, Service, import_client
from eventwire.services.postgresql_values import convert, readable
from eventwire.services.sql import Dialect, operations
from eventwire.services.tls import INSTEAD, ca_field, ca_file, certificate_problem, not_trusted, trust

if TYPE_CHECKING:
    from ssl import SSLContext

    import asyncpg

POOL_SIZE = 10
SHOWN_ROWS = 100  # of what a statement returns
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

# Classes of SQLSTATE that may pass by themselves (PostgreSQL documentation, appendix A): connection exceptions,
# transaction rollbacks such as deadlocks, a lack of resources, an operator's intervention; and two single ones: a lock that
# was not to be had in time, and a statement that was cancelled or took too long.
PASSING = ("08", "40", "53", "57P", "55P03", "57014")
# Those of them that leave open whether the statement took effect: the connection's end is no answer to it.
UNCERTAIN = ("08", "40003", "57P02")
CREDENTIALS = ("28",)


class Server:
    """A pool of connections, grown as deliveries need them."""

    def __init__(self, pool: asyncpg.Pool[Any], address: str, *, pooled: bool) -> None:
        """`pooled` is whether a pooler stands in between, which gives each transaction another connection."""
        self.pool = pool
        self.address = address
        self.pooled = pooled

    def together(self, connection: Any) -> AbstractAsyncContextManager[Any]:
        """Keeps what is done within it on one connection of the server."""
        return connection.transaction() if self.pooled else nullcontext()

    async def close(self) -> None:
        """Close every connection, in a moment or at once."""
        from asyncio import timeout

        try:
            async with timeout(5):
                await self.pool.close()
        except Exception:
            self.pool.terminate()  # a connection that does not end well is cut


async def connect(credentials: Credentials) -> Server:
    """Open the pool with its first connection, which proves that the credentials work."""
    asyncpg = import_client("asyncpg", "postgresql", "postgresql")
    settings = credentials.settings
    address = f"{settings['host']}:{settings['port']}"
    security = security_of(credentials)
    try:
        pool = await asyncpg.create_pool(
            host=settings["host"],
            port=settings["port"],
            database=settings.get("database"),
            user=settings.get("user"),
            password=credentials.get("password"),
            ssl=security,
            min_size=1,
            max_size=POOL_SIZE,
            timeout=CONNECT_SECONDS,
            command_timeout=None,  # the action's own timeout ends it
            # a pooler such as PgBouncer hands each transaction another connection, which knows no prepared statement
            statement_cache_size=100 if settings["prepared-statements"] else 0,
            server_settings={"application_name": "eventwire"},
            init=set_up,
        )
    except Exception as error:
        raise translate(error, address, sent=False) from error
    return Server(pool, address, pooled=not settings["prepared-statements"])


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
            parameters = convert(request["parameters"], prepared.get_parameters())
            sent = True  # what was prepared has no effect before
            rows = await prepared.fetch(*parameters)
            return response_of(prepared.get_statusmsg(), rows)
    except ServiceError:
        raise
    except Exception as error:
        raise translate(error, server.address, sent=sent) from error


def response_of(status: str, rows: Sequence[Any]) -> dict[str, Any]:
    """How many rows were touched, and what the statement returned."""
    count = status.rpartition(" ")[2]
    response: dict[str, Any] = {"status": status, "rows": int(count) if count.isdigit() else 0}
    if rows:
        response["returned"] = [readable(dict(row)) for row in rows[:SHOWN_ROWS]]
    return response


def translate(error: Exception, address: str, *, sent: bool = True) -> ServiceError:
    """What the server or the way to it said, as one that may pass or one that will not."""
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return translate_answer(error, state, address, sent=sent)
    if problem := certificate_problem(error):
        return not_trusted("PostgreSQL", address, problem)
    if "rejected SSL upgrade" in str(error):
        step = "Turn TLS on at the server, or choose another ssl-mode."
        return Rejected(f"PostgreSQL at {address} does not speak TLS.", next_step=step)
    words = f"PostgreSQL at {address}: {str(error) or type(error).__name__}"
    if isinstance(error, TimeoutError):
        return Unavailable(f"PostgreSQL at {address} did not answer.", sent=sent)
    kind = type(error).__name__
    if kind == "DataError":  # asyncpg's encoders, before anything is sent
        return Rejected(f"PostgreSQL: {error}.")
    if isinstance(error, OSError) or kind in ("ConnectionDoesNotExistError", "InterfaceError", "InternalClientError"):
        return Unavailable(f"{words}.", sent=sent, next_step=f"Is a server running at {address}?")
    return Rejected(f"{words}.")


def translate_answer(error: Exception, state: str, address: str, *, sent: bool) -> ServiceError:
    """An error with an SQLSTATE: the server's own, or the client's where the connection has ended."""
    words = f"PostgreSQL: {getattr(error, 'message', None) or error}"
    detail = getattr(error, "detail", None)
    words = f"{words.rstrip('.')}. {detail}" if detail else f"{words.rstrip('.')}."
    answer = {
        name: value
        for name in ("sqlstate", "constraint_name", "table_name", "column_name")
        if (value := getattr(error, name, None))
    }
    if state.startswith(CREDENTIALS):
        return Refused(words, response=answer, next_step="Give other credentials with: eventwire add:service-account")
    if state.startswith(PASSING):
        # but for these the server has told that the statement did not take effect
        return Unavailable(words, response=answer, sent=sent and state.startswith(UNCERTAIN))
    return Rejected(words, response=answer, next_step=getattr(error, "hint", None) or next_step_of(state, address))


def next_step_of(state: str, address: str) -> str | None:
    """What to do about an error that is common."""
    return {
        "3D000": f"Make the database, or name another one that is at {address}.",
        "42P01": "Make the table, or name another in `table`.",
        "42703": "Name a column that the table has.",
        "42501": "Grant the user the right, or use another service account.",
    }.get(state)


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
    tables=tables,
    operations=operations(DIALECT, send),
)
