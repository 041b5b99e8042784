"""The journal in SQLite: durable before anything is acknowledged, readable while a run goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from eventwire.errors import EventwireError
from eventwire.journal.schema import ForeignFile, migrate
from eventwire.journal.writer import Statement, Writer

if TYPE_CHECKING:
    import asyncio

FILE_NAME = "journal.sqlite3"

# How long to wait for another process that is writing: a group commit takes milliseconds.
BUSY_SECONDS = 10.0

INSERT_RUN = """
INSERT INTO runs
    (id, event, environment, source, idempotency_key, received_at, payload, payload_hash, status, filters, filter_count,
     parent)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'running', ?, ?, ?)
"""
INSERT_DELIVERY = """
INSERT INTO deliveries
    (run, position, filter, name, service_account, service, action, idempotency_key, status, request, error)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
FINISH_DELIVERY = """
UPDATE deliveries SET status = ?, attempts = ?, started_ms = ?, duration_ms = ?, response = ?, error = ?
WHERE run = ? AND position = ?
"""
FINISH_RUN = "UPDATE runs SET status = ?, duration_ms = ? WHERE id = ?"


class JournalError(EventwireError):
    """The journal cannot be opened or written."""

    code = "journal"


class KeyTaken(Exception):
    """Another run of this event already has the idempotency key."""


class AcceptedRun(Struct, frozen=True):
    """A run as it came in. Times are seconds since 1970; `payload` and `filters` are JSON text."""

    id: str
    event: str
    environment: str
    source: str
    idempotency_key: str | None
    received_at: float
    payload: str
    payload_hash: str
    filters: str
    filter_count: int = 0
    parent: str | None = None
    """The run whose action's outcome raised the event."""


class PlannedDelivery(Struct, frozen=True):
    """A delivery before anything is sent. `request` is JSON text; one that is skipped has `error` instead."""

    run: str
    position: int
    """Its place among the run's deliveries, from 0."""
    filter: str
    name: str
    service_account: str
    service: str
    action: str
    idempotency_key: str
    status: str
    request: str
    error: str | None = None


class FinishedDelivery(Struct, frozen=True):
    """A delivery's outcome. Times are milliseconds; `response` and `error` are JSON text."""

    run: str
    position: int
    status: str
    attempts: int
    started_ms: float
    duration_ms: float
    response: str | None
    error: str | None


class EndedRun(Struct, frozen=True):
    """How a run ended."""

    id: str
    status: str
    duration_ms: float


class Journal:
    """A project's journal. Every write returns once it is durable."""

    def __init__(self, folder: Path) -> None:
        """Open the journal in a project's state folder, making it where there is none. Raises JournalError."""
        self.path = folder / FILE_NAME
        with translated(self.path):
            with closing(open_database(self.path)) as connection:
                migrate(connection)
            self._reader = open_database(self.path)
        self._writer = Writer(lambda: open_database(self.path))

    def close(self) -> None:
        """Write what is waiting, and let go of the file."""
        self._writer.close()
        self._reader.close()

    async def begin(self, run: AcceptedRun, deliveries: Sequence[PlannedDelivery]) -> None:
        """Record a run and what it is about to send. Raises KeyTaken, JournalError."""
        accepted: Statement = (
            INSERT_RUN,
            (
                run.id,
                run.event,
                run.environment,
                run.source,
                run.idempotency_key,
                run.received_at,
                run.payload,
                run.payload_hash,
                run.filters,
                run.filter_count,
                run.parent,
            ),
        )
        await self._write([accepted, *map(insert_delivery, deliveries)])

    async def finish(self, outcomes: Sequence[FinishedDelivery], ended: EndedRun | None = None) -> None:
        """Record what came of deliveries and, with the last of them, that their run has ended. Raises JournalError."""
        statements = [finish_delivery(outcome) for outcome in outcomes]
        if ended:
            statements.append((FINISH_RUN, (ended.status, ended.duration_ms, ended.id)))
        await self._write(statements)

    def find_by_key(self, event: str, environment: str, key: str) -> Mapping[str, Any] | None:
        """The run that has an idempotency key, as a row of `runs`, or None."""
        return self._one(
            "SELECT * FROM runs WHERE event = ? AND environment = ? AND idempotency_key = ?", (event, environment, key)
        )

    def deliveries(self, run: str) -> list[Mapping[str, Any]]:
        """A run's deliveries, as rows, in the order they were planned."""
        return list(self._rows("SELECT * FROM deliveries WHERE run = ? ORDER BY position", (run,)))

    def recent(self, limit: int) -> list[Mapping[str, Any]]:
        """The newest runs, as rows of `runs`, newest first."""
        return list(self._rows("SELECT * FROM runs ORDER BY received_at DESC LIMIT ?", (limit,)))

    def runs(
        self, *, event: str | None = None, status: str | None = None, since: float | None = None, limit: int
    ) -> list[Mapping[str, Any]]:
        """Runs as rows, newest first: of an event, of a status, received at or after a moment (seconds since 1970)."""
        wanted = {"event = ?": event, "status = ?": status, "received_at >= ?": since}
        given = {clause: value for clause, value in wanted.items() if value is not None}
        where = f"WHERE {' AND '.join(given)}" if given else ""
        sql = f"SELECT * FROM runs {where} ORDER BY received_at DESC LIMIT ?"
        return list(self._rows(sql, (*given.values(), limit)))

    def runs_that_begin(self, text: str) -> list[Mapping[str, Any]]:
        """The runs whose id begins with a text, in the order of their ids; not more than ten."""
        sql = "SELECT * FROM runs WHERE id >= ? AND id < ? ORDER BY id LIMIT 10"
        return list(self._rows(sql, (text, text + "\U0010ffff")))

    def _one(self, sql: str, parameters: Sequence[Any]) -> Mapping[str, Any] | None:
        return next(self._rows(sql, parameters), None)

    def _rows(self, sql: str, parameters: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
        with translated(self.path):
            rows = self._reader.execute(sql, parameters).fetchall()
        return iter([dict(row) for row in rows])

    async def _write(self, statements: Sequence[Statement]) -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()

        def done(error: BaseException | None) -> None:
            loop.call_soon_threadsafe(settle, written, error)

        self._writer.write(statements, done)
        with translated(self.path):
            # the batch is in the writer's hands: leaving now must not lose track of whether it became durable
            await asyncio.shield(written)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into JournalError or KeyTaken."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        if "idempotency_key" in str(error):
            raise KeyTaken from error
        raise
    except (sqlite3.Error, ForeignFile, OSError) as error:
        raise JournalError(
            f"The journal {path} cannot be used: {sentence_of(error)}.", next_step=next_step_of(error)
        ) from error


def open_database(path: Path) -> sqlite3.Connection:
    """A connection as the journal wants it: WAL, and each commit on the disk before it returns."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def settle(future: asyncio.Future[None], error: BaseException | None) -> None:
    """Give a future the writer's word, unless nobody waits any more."""
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def insert_delivery(delivery: PlannedDelivery) -> Statement:
    """The statement that records a delivery before it starts."""
    return (
        INSERT_DELIVERY,
        (
            delivery.run,
            delivery.position,
            delivery.filter,
            delivery.name,
            delivery.service_account,
            delivery.service,
            delivery.action,
            delivery.idempotency_key,
            delivery.status,
            delivery.request,
            delivery.error,
        ),
    )


def finish_delivery(outcome: FinishedDelivery) -> Statement:
    """The statement that records what came of a delivery."""
    return (
        FINISH_DELIVERY,
        (
            outcome.status,
            outcome.attempts,
            outcome.started_ms,
            outcome.duration_ms,
            outcome.response,
            outcome.error,
            outcome.run,
            outcome.position,
        ),
    )


def sentence_of(error: BaseException) -> str:
    """What is wrong with the journal, in words."""
    text = str(error)
    if "locked" in text or "busy" in text:
        return f"another process has kept it locked for {BUSY_SECONDS:.0f} seconds"
    if "disk is full" in text or "No space left" in text:
        return "the disk is full"
    if "readonly" in text or "read-only" in text or "unable to open" in text:
        return "it cannot be written; is the folder read-only?"
    if "not a database" in text:
        return "the file is not a SQLite database"
    if "malformed" in text:
        return "the file is damaged"
    return text.rstrip(".")


def next_step_of(error: BaseException) -> str:
    """What to do about it."""
    text = str(error)
    if "locked" in text or "busy" in text:
        return "See which one with: fuser -v .eventwire/journal.sqlite3"
    if "disk is full" in text or "No space left" in text:
        return "Make room, and run the command again."
    if "readonly" in text or "read-only" in text or "unable to open" in text:
        return "Make the project's folder writable, or copy the project to one that is."
    return "Move the file away to start a new journal; the old one stays readable where you put it."
