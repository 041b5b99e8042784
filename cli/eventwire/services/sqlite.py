"""SQLite databases on this machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from eventwire.errors import Rejected, ServiceError, Unavailable
from eventwire.fields import Field
from eventwire.language.payloads import encode_json
from eventwire.services.declare import Column, Credentials, Operation, Request, Service, give_up
from eventwire.services.sql import Dialect, operations

if TYPE_CHECKING:
    from asyncio import Future

Result = TypeVar("Result")

# How long to wait for another process that is writing.
BUSY_SECONDS = 10.0
SHOWN_ROWS = 100  # of what a statement returns
LARGEST_INTEGER = 2**63 - 1
FORESEEN = (sqlite3.Error, sqlite3.Warning, ValueError)  # what the client library raises


class Step:
    """One piece of work for the thread, and the future of whoever waits for it."""

    def __init__(self, work: Callable[[sqlite3.Connection], Any]) -> None:
        from asyncio import get_running_loop

        self.work = work
        self.loop = get_running_loop()
        self.done: Future[Any] = self.loop.create_future()

    def run(self, connection: sqlite3.Connection) -> None:
        """Do the work, in the thread, and give its outcome to the one who waits."""
        try:
            outcome: tuple[Any, Exception | None] = self.work(connection), None
        except Exception as error:
            outcome = None, error
        self.settle(*outcome)

    def settle(self, result: Any, error: Exception | None) -> None:
        """Pass an outcome on to the event loop, where there still is one."""
        # a loop that was closed in the meantime has nobody left who waits
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(settle, self.done, result, error)


class Database:
    """One connection in a thread of its own: SQLite has one writer, and waiting for it must not stop the others."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._work: SimpleQueue[Step | None] = SimpleQueue()
        self._connection: sqlite3.Connection | None = None
        self._current: Step | None = None
        self._turn = Lock()
        self._ended: Step | None = None

    async def open(self) -> None:
        """Start the thread and open the file. Raises Unavailable, Rejected."""
        opening = Step(lambda connection: None)
        # its own thread, so that a process that ends does not wait for another's lock
        Thread(target=self._run, args=(opening,), name=f"sqlite {self.path.name}", daemon=True).start()
        try:
            await opening.done
        except sqlite3.Error as error:
            raise translate(error, self.path) from error

    async def do(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do something with the connection. Raises Unavailable, Rejected.

        Where the one who waits is cancelled, the statement is interrupted and undone, and those behind it go on.
        """
        step = Step(work)
        self._work.put(step)
        try:
            result: Result = await step.done
        except FORESEEN as error:
            raise translate(error, self.path) from error
        finally:
            self._interrupt(step)
        return result

    async def close(self) -> None:
        """Finish what waits, and let go of the file."""
        from asyncio import wait

        if self._ended is None:
            self._ended = Step(lambda connection: None)
            self._work.put(None)
        await wait([self._ended.done], timeout=BUSY_SECONDS)

    def _interrupt(self, step: Step) -> None:
        with self._turn:
            if self._current is step and step.done.cancelled() and self._connection:
                self._connection.interrupt()

    def _run(self, opening: Step) -> None:
        try:
            connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            connection.execute("PRAGMA schema_version")
        except sqlite3.Error as error:
            opening.settle(None, error)
            return
        self._connection = connection
        opening.settle(None, None)
        while (step := self._work.get()) is not None:
            with self._turn:
                if step.done.cancelled():
                    continue
                self._current = step
            step.run(connection)
            with self._turn:
                self._current = None
        self._connection = None
        connection.close()
        if self._ended:
            self._ended.settle(None, None)


def settle(done: Future[Any], result: Any, error: Exception | None) -> None:
    """Give the one who waits the outcome, unless nobody waits any more."""
    if done.done():
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)


async def connect(credentials: Credentials) -> Database:
    """Open the database. Raises Rejected where its folder does not exist or the file is something else."""
    path = Path(credentials.base) / str(credentials.settings["database"])
    if not path.parent.is_dir():
        raise Rejected(f"The folder {path.parent} does not exist.", next_step=f"Make it with: mkdir -p {path.parent}")
    database = Database(path)
    await database.open()
    return database


async def verify(database: Database) -> str:
    """Asks for the tables."""
    count = await database.do(
        lambda connection: connection.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'table'").fetchone()[0]
    )
    return f"SQLite {sqlite3.sqlite_version}, {database.path.name}, {count} table{'s' * (count != 1)}"


class Bound(NamedTuple):
    """A request, ready to run."""

    text: str
    parameters: Sequence[Any]

    @classmethod
    def of(cls, request: Request) -> Bound:
        """The request's values as SQLite stores them. Raises Rejected."""
        parameters = [adapt(value, number) for number, value in enumerate(request["parameters"], start=1)]
        return cls(request["statement"], parameters)

    def run(self, connection: sqlite3.Connection) -> dict[str, Any]:
        """How many rows were touched, and what the statement returned."""
        before = connection.total_changes
        cursor = connection.execute(self.text, self.parameters)
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, map(readable, row), strict=True)) for row in cursor.fetchmany(SHOWN_ROWS)]
        for _ in cursor:
            pass  # a statement with RETURNING does its work as its rows are read
        # the cursor leaves out what triggers did, but does not count statements that begin with WITH
        count = cursor.rowcount if cursor.rowcount >= 0 else connection.total_changes - before
        response: dict[str, Any] = {"rows": count}
        return response | {"returned": rows} if names else response

    def attempt(self, connection: sqlite3.Connection) -> dict[str, Any] | Exception:
        """What running it gives, an error as a value."""
        try:
            return self.run(connection)
        except Exception as error:
            return error


async def send(database: Database, request: Request) -> Any:
    """Run one statement; it is in the file when this returns."""
    return await database.do(Bound.of(request).run)


async def run_many(database: Database, requests: Sequence[tuple[Operation, Request]]) -> list[Any]:
    """Run the statements in one transaction, which waits for the disk once. All are in the file when this returns.

    A statement of the user's own goes its own way: it may run long, and may be no part of a transaction.
    """
    from asyncio import ensure_future

    outcomes: list[Any] = []
    statements: list[Bound] = []
    for operation, request in requests:
        if operation.name == "execute":
            outcomes.append(ensure_future(send(database, request)))
            continue
        try:
            statements.append(Bound.of(request))
            outcomes.append(statements[-1])
        except Exception as error:
            outcomes.append(error)
    if statements:
        try:
            done = iter(await database.do(lambda connection: in_one_transaction(connection, statements)))
        except BaseException:
            give_up(outcomes)
            raise
        outcomes = [next(done) if isinstance(each, Bound) else each for each in outcomes]
    return [as_service_error(each, database.path) if isinstance(each, Exception) else each for each in outcomes]


def in_one_transaction(
    connection: sqlite3.Connection, statements: Sequence[Bound]
) -> Sequence[dict[str, Any] | Exception]:
    """Each statement's response, or its error as a value. One that fails is undone by itself, as without a transaction."""
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        # a lock that was not to be had in all this time; anything else each statement says by itself
        return [error] * len(statements) if is_busy(error) else one_by_one(connection, statements)
    outcomes = []
    for statement in statements:
        outcomes.append(statement.attempt(connection))
        if not connection.in_transaction:
            if is_interrupted(outcomes[-1]):
                return [outcomes[-1]] * len(statements)  # nobody waits any more
            # RAISE(ROLLBACK), ON CONFLICT ROLLBACK or a full disk undid all before it, too
            return one_by_one(connection, statements)
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        # a foreign key that is checked at the end is one statement's fault
        in_doubt = not isinstance(error, sqlite3.IntegrityError)
        return [error] * len(statements) if in_doubt else one_by_one(connection, statements)
    return outcomes


def one_by_one(connection: sqlite3.Connection, statements: Sequence[Bound]) -> Sequence[dict[str, Any] | Exception]:
    """Each statement in a transaction of its own."""
    return [statement.attempt(connection) for statement in statements]


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds the lock."""
    return getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY")


def is_interrupted(outcome: dict[str, Any] | Exception) -> bool:
    """Whether a statement was stopped from outside."""
    return getattr(outcome, "sqlite_errorname", "") == "SQLITE_INTERRUPT"


def as_service_error(error: Exception, path: Path) -> Exception:
    """An error as `send` would raise it."""
    return translate(error, path) if isinstance(error, FORESEEN) else error


def adapt(value: Any, number: int) -> Any:
    """A payload's value as SQLite stores it. Raises Rejected."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and not -LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER:
        raise Rejected(f"Parameter {number}, {value}, is larger than SQLite's integers, which have 64 bits.")
    if isinstance(value, Decimal):
        return str(value)  # a column of numeric affinity makes it a number where that loses nothing
    if isinstance(value, Mapping | list | tuple):
        return encode_json(value)
    return value


def readable(value: Any) -> Any:
    """A column's value as JSON data."""
    return value.hex() if isinstance(value, bytes) else value


async def tables(database: Database) -> Mapping[str, tuple[Column, ...]]:
    """The database's tables with their columns."""

    def read(connection: sqlite3.Connection) -> dict[str, tuple[Column, ...]]:
        names = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        ).fetchall()
        return {name: columns_of(connection, name) for (name,) in names}

    return await database.do(read)


def columns_of(connection: sqlite3.Connection, table: str) -> tuple[Column, ...]:
    """A table's columns; one that is NOT NULL without a default, and no rowid's alias, is required."""
    rows = connection.execute('SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(?)', (table,))
    return tuple(
        # SQLite numbers an INTEGER PRIMARY KEY itself
        Column(name, kind or "any", bool(needed) and default is None and not (key == 1 and kind.upper() == "INTEGER"))
        for name, kind, needed, default, key in rows
    )


def translate(error: Exception, path: Path) -> ServiceError:
    """What SQLite or its client said, as one that may pass or one that will not."""
    words = f"{path.name}: {error}."
    code = getattr(error, "sqlite_errorname", "")
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_IOERR")):
        return Unavailable(words, sent=False)
    if code.startswith("SQLITE_CANTOPEN"):
        return Rejected(f"{path}: the database cannot be opened.", next_step="Check its path and permissions.")
    return Rejected(words, response={"error": code} if code else None, next_step=next_step_of(str(error), path))


def next_step_of(words: str, path: Path) -> str | None:
    """What to do about an error that is common."""
    if words.startswith("no such table"):
        return f'Make it with: sqlite3 {path} "CREATE TABLE …"'
    if "no column named" in words or words.startswith("no such column"):
        return f"See the columns with: sqlite3 {path} .schema"
    return None


SERVICE = Service(
    name="sqlite",
    label="SQLite",
    summary="Writes to a SQLite database on this machine.",
    documentation="https://www.sqlite.org/lang.html",
    fields=(
        Field(
            "database",
            "Database file",
            required=True,
            example="data/shop.sqlite3",
            help="Relative to the project's folder; made where it is missing.",
        ),
    ),
    connect=connect,
    verify=verify,
    run_many=run_many,
    tables=tables,
    operations=operations(Dialect(placeholder=lambda number: "?", schemas=False), send),
)
