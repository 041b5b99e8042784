"""The journal in SQLite: durable before anything is acknowledged, readable while a run goes on."""

from __future__ import annotations

import sqlite3
import time
from asyncio import Future, get_running_loop
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.json import encode

from eventwire.errors import EventwireError
from eventwire.journal.identifiers import first_id
from eventwire.journal.owners import Owner, forget, is_alive
from eventwire.journal.rows import (
    AcceptedRun,
    AccountState,
    EndedRun,
    FinishedDelivery,
    LeftRun,
    PlannedDelivery,
    PostponedDelivery,
    ResolvedDelivery,
    Row,
    StartedDelivery,
)
from eventwire.journal.schema import ForeignFile, migrate
from eventwire.journal.statements import FORGET, MAY_HAVE_OPEN_ENDS, OPEN_ENDS, RARE
from eventwire.journal.writer import Done, Writer, settle
from eventwire.project.files import keep_private

Result = TypeVar("Result")
FILE_NAME = "journal.sqlite3"
LAST_ID = "~"
"""Comes after every run's id."""

# How long to wait for another process that is writing: a group commit takes milliseconds.
BUSY_SECONDS = 10.0
LOOKED_AT_TOGETHER = 500
"""So many runs that may have open ends are looked at in one query."""


class JournalError(EventwireError):
    """The journal cannot be opened or written."""

    code = "journal"


class KeyTaken(Exception):
    """Another run of this event already has the idempotency key."""


class Journal:
    """A project's journal. Every write returns once it is durable."""

    def __init__(self, folder: Path) -> None:
        """Open the journal in a project's state folder, making it where there is none. Raises JournalError."""
        self.folder = folder
        self.path = folder / FILE_NAME
        with suppress(OSError):  # what cannot be written, SQLite says better
            keep_private(self.path)
        with translated(self.path):
            with closing(open_database(self.path)) as connection:
                migrate(connection)
            self._reader = open_database(self.path)
        self._writer: Writer | None = None
        self._owner: Owner | None = None

    def close(self) -> None:
        """Write what is waiting, and let go of the file and of the runs that have not ended."""
        if self._writer is not None:
            self._writer.close()
        if self._owner is not None:
            self._owner.close()
        self._reader.close()

    # Writing

    def begin_soon(self, run: AcceptedRun, deliveries: Sequence[PlannedDelivery], done: Done) -> None:
        """Record a run and what it is about to send; `done` is told KeyTaken or JournalError, or None once it is durable."""
        if self._owner is None:
            self._become_owner()
        (self._writer or self._start_writer()).write([run, *deliveries], done)

    async def start(self, run: str, position: int) -> None:
        """Record that a delivery is about to be sent. Raises JournalError."""
        await self._written([StartedDelivery(run, position)])

    async def postpone(self, delivery: PostponedDelivery) -> None:
        """Record an attempt that failed, and when the next is due. Raises JournalError."""
        await self._written([delivery])

    def finish_soon(self, outcomes: Sequence[FinishedDelivery], ended: EndedRun | None, done: Done) -> None:
        """Record what came of deliveries and, with the last of them, that their run has ended; `done` is told JournalError, or
        None once it is durable.
        """
        (self._writer or self._start_writer()).write([*outcomes, ended] if ended else outcomes, done)

    async def finish(self, outcomes: Sequence[FinishedDelivery], ended: EndedRun | None = None) -> None:
        """Record what came of deliveries and, with the last of them, that their run has ended. Raises JournalError."""
        future = get_running_loop().create_future()
        self.finish_soon(outcomes, ended, partial(settle, future))
        await future

    async def let_go(self, run: str, duration_ms: float) -> None:
        """Leave what is left of a run to whoever takes it. Raises JournalError."""
        await self._written([LeftRun(run, duration_ms)])

    async def resolve(self, run: str, positions: Sequence[int], status: str, resolution: str, run_status: str) -> None:
        """Record what a person says became of deliveries that are unknown, as JSON text. Raises JournalError."""
        await self._written([ResolvedDelivery(run, each, status, resolution, run_status) for each in positions])

    async def note_account(self, state: AccountState) -> None:
        """Record the state of an account's circuit. Raises JournalError."""
        await self._written([state])

    async def forget(self, before: float, most: int) -> int:
        """Remove runs that came in before a moment (seconds since 1970) and have ended, the oldest first and only so
        many; returns how many. Raises JournalError.
        """

        def remove(connection: sqlite3.Connection) -> int:
            sql = "SELECT id FROM runs WHERE id < ? AND status != 'running' ORDER BY id LIMIT ?"
            old = connection.execute(sql, (first_id(before), most)).fetchall()
            for statement in FORGET:
                connection.executemany(statement, old)
            return len(old)

        return await self.change(remove)

    async def change(self, change: Callable[[sqlite3.Connection], Result]) -> Result:
        """Read and write in one transaction, and return what the change returns. Raises JournalError."""
        future: Future[Result] = get_running_loop().create_future()
        (self._writer or self._start_writer()).change(change, partial(settle, future))
        return await future

    async def _written(self, entries: Sequence[Struct]) -> None:
        future = get_running_loop().create_future()
        (self._writer or self._start_writer()).write(entries, partial(settle, future))
        await future

    def _start_writer(self) -> Writer:
        self._writer = Writer(
            lambda: open_database(self.path),
            lambda error: translation(error, self.path),
            lambda: self._owner.name if self._owner else None,
        )
        return self._writer

    # Whose runs are whose

    @property
    def owner(self) -> str:
        """This process's name in the journal. Raises JournalError."""
        return (self._owner or self._become_owner()).name

    def _become_owner(self) -> Owner:
        with translated(self.path):
            self._owner = Owner(self.folder)
        return self._owner

    def abandoned(self, environment: str | None = None, *, handed_over: bool = True) -> list[Row]:
        """The runs that have not ended and that no living process runs, as rows, oldest first.

        `handed_over` are those whose process left the rest to others; without them, only those whose process died.
        """
        table, clause = RARE["running"]
        rows = self._rows(
            f"SELECT id, event, environment, owner FROM {table} WHERE {clause} AND coalesce(environment = ?, 1) "
            "ORDER BY id",
            (environment,),
        )
        alive = {owner: is_alive(self.folder, owner) for owner in {row["owner"] for row in rows} if owner}
        return [row for row in rows if not alive.get(row["owner"], not handed_over)]

    async def take(self, run: str) -> bool:
        """Become the one who runs a run that was abandoned; False where another process was faster, or it has ended."""
        row = self.run(run)
        if row is None or row["status"] != "running" or (row["owner"] and is_alive(self.folder, row["owner"])):
            return False
        mine, before = self.owner, row["owner"]

        def take_over(connection: sqlite3.Connection) -> bool:
            taken = connection.execute(
                "UPDATE runs SET owner = ? WHERE id = ? AND status = 'running' AND owner IS ?", (mine, run, before)
            ).rowcount
            left = (
                before
                and connection.execute(
                    "SELECT 1 FROM runs WHERE status = 'running' AND owner = ? LIMIT 1", (before,)
                ).fetchone()
            )
            if before and not left:
                forget(self.folder, before)
            return bool(taken)

        return await self.change(take_over)

    # Reading

    def run(self, run: str) -> Row | None:
        """A run, as a row of `runs`, or None."""
        return self._one("SELECT * FROM runs WHERE id = ?", (run,))

    def find_by_key(self, event: str, environment: str, key: str) -> Row | None:
        """The run that has an idempotency key, as a row of `runs`, or None."""
        return self._one(
            "SELECT * FROM runs WHERE event = ? AND environment = ? AND idempotency_key = ?", (event, environment, key)
        )

    def deliveries(self, run: str) -> list[Row]:
        """A run's deliveries, as rows, in the order they were planned."""
        return self._rows("SELECT * FROM deliveries WHERE run = ? ORDER BY position", (run,))

    def attempts(self, run: str) -> list[Row]:
        """A run's attempts that failed and were followed by another, as rows, in order."""
        return self._rows("SELECT * FROM attempts WHERE run = ? ORDER BY position, number", (run,))

    def open_ends(self, run: str, status: str) -> list[Row]:
        """A run's actions that failed or are unknown and that no replay has done since: rows of `deliveries`."""
        return self._rows(f"{OPEN_ENDS[status]} ORDER BY bad.run, position", (json_array([run]),))

    def replays(self, run: str) -> list[Row]:
        """The replays of a run, as rows of `runs`, in order."""
        return self._rows("SELECT * FROM runs WHERE replay_of = ? ORDER BY id", (run,))

    def children(self, run: str) -> list[Row]:
        """The runs of the events that a run raised, as rows of `runs`, in order."""
        return self._rows("SELECT * FROM runs WHERE parent = ? ORDER BY id", (run,))

    def account_states(self) -> list[Row]:
        """The circuits of the accounts that are paused or have been, as rows."""
        return self._rows("SELECT * FROM account_states ORDER BY name, environment", ())

    def recent(self, limit: int) -> list[Row]:
        """The newest runs, as rows of `runs`, newest first."""
        return self.runs(limit=limit)

    def runs(
        self,
        *,
        event: str | None = None,
        environment: str | None = None,
        status: str | None = None,
        since: float | None = None,
        until: float | None = None,
        before: str | None = None,
        after: str | None = None,
        limit: int,
    ) -> list[Row]:
        """Runs as rows, newest first: of an event, an environment, a status, received between moments (seconds since 1970), older
        or newer than a run.

        The status may be a run's, or `failed` and `unknown` for those with an action that is: the dead letters, and
        what waits for somebody to look. What a replay has done since, or a person has settled, is neither.
        """
        wanted: dict[str, Any] = {"event = ?": event, "environment = ?": environment, "id < ?": before, "id > ?": after}
        if since is not None:
            wanted["id >= ?"] = first_id(since)
        if until is not None:
            wanted["id <= ?"] = first_id(until)
        given = {clause: value for clause, value in wanted.items() if value is not None}
        if status in OPEN_ENDS:
            return self._with_open_ends(status, given, wanted.get("id >= ?") or "", before or LAST_ID, limit)
        table, clauses = "runs", list(given)
        if status in RARE:
            table, clause = RARE[status]
            clauses.append(clause)
        elif status:
            clauses.append("status = ?")
            given["status"] = status
        where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
        return self._rows(f"SELECT * FROM {table} {where} ORDER BY id DESC LIMIT ?", (*given.values(), limit))

    def _with_open_ends(self, status: str, given: Mapping[str, Any], since: str, before: str, limit: int) -> list[Row]:
        """The newest runs, as many as asked for, that have actions which failed or are unknown and were not done since."""
        where = "".join(f" AND {clause}" for clause in given)
        sql = f"""
            SELECT * FROM runs WHERE id IN (SELECT original FROM ({OPEN_ENDS[status]}))
            AND replay_of IS NULL{where} ORDER BY id DESC LIMIT ?
        """
        found: list[Row] = []
        with (
            translated(self.path),
            closing(self._reader.execute(MAY_HAVE_OPEN_ENDS[status], (before, since, before, since))) as candidates,
        ):
            while len(found) < limit and (some := candidates.fetchmany(min(2 * limit, LOOKED_AT_TOGETHER))):
                ids = json_array([row["id"] for row in some])
                found += self._rows(sql, (ids, *given.values(), limit - len(found)))
        return found

    def runs_after(self, run: str, before: str, limit: int) -> list[Row]:
        """The runs between two ids, as rows, oldest first."""
        return self._rows("SELECT * FROM runs WHERE id > ? AND id < ? ORDER BY id LIMIT ?", (run, before, limit))

    def runs_named(self, runs: Sequence[str]) -> dict[str, Row]:
        """Those runs that there are of several, as rows, by their ids."""
        marks = ", ".join("?" * len(runs))
        return {row["id"]: row for row in self._rows(f"SELECT * FROM runs WHERE id IN ({marks})", runs)}

    def oldest(self) -> str | None:
        """The id of the oldest run; None where nothing has run yet."""
        row = self._one("SELECT id FROM runs ORDER BY id LIMIT 1", ())
        return row["id"] if row else None

    def count_runs(self, environment: str, since: float) -> list[tuple[Any, ...]]:
        """By event, the runs that came in since a moment: how many, failed or in part, and running."""
        sql = """
        SELECT event, count(*), sum(status IN ('failed', 'partial')), 0, sum(status = 'running') FROM runs
        WHERE id >= ? AND environment = ? GROUP BY event
        """
        return [tuple(row.values()) for row in self._rows(sql, (first_id(since), environment))]

    def count_deliveries(self, environment: str, since: float) -> list[tuple[Any, ...]]:
        """By event, filter, action and service account, the deliveries of those runs: how many, failed, unknown, open."""
        sql = """
        SELECT runs.event, filter, name, service_account, sum(deliveries.status != 'skipped'),
            sum(deliveries.status = 'failed'), sum(deliveries.status = 'unknown'),
            sum(deliveries.status IN ('planned', 'started'))
        FROM runs JOIN deliveries ON deliveries.run = runs.id
        WHERE runs.id >= ? AND environment = ? GROUP BY 1, 2, 3, 4
        """
        return [tuple(row.values()) for row in self._rows(sql, (first_id(since), environment))]

    def runs_that_begin(self, text: str) -> list[Row]:
        """The runs whose id begins with a text, in the order of their ids; not more than ten."""
        sql = "SELECT * FROM runs WHERE id >= ? AND id < ? ORDER BY id LIMIT 10"
        return self._rows(sql, (text, text + "\U0010ffff"))

    def _one(self, sql: str, parameters: Sequence[Any]) -> Row | None:
        return next(iter(self._rows(sql, parameters)), None)

    def _rows(self, sql: str, parameters: Sequence[Any]) -> list[Row]:
        with translated(self.path):
            return [dict(row) for row in self._reader.execute(sql, parameters)]


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into JournalError or KeyTaken."""
    try:
        yield
    except (sqlite3.Error, ForeignFile, OSError) as error:
        raise translation(error, path) from error


def translation(error: Exception, path: Path) -> Exception:
    """What SQLite or the system said, as JournalError or KeyTaken; anything else, such as a constraint that should hold by
    itself, is our bug.
    """
    if isinstance(error, sqlite3.IntegrityError):
        return KeyTaken() if "idempotency_key" in str(error) else error
    if not isinstance(error, (sqlite3.Error, ForeignFile, OSError)):
        return error
    problem = JournalError(f"The journal {path} cannot be used: {sentence_of(error)}.", next_step=next_step_of(error))
    problem.__cause__ = error
    return problem


def open_database(path: Path) -> sqlite3.Connection:
    """A connection as the journal wants it: WAL, and each commit on the disk before it returns."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.row_factory = sqlite3.Row
        use_wal(connection, BUSY_SECONDS)
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def use_wal(connection: sqlite3.Connection, seconds: float) -> None:
    """Have a database write its log ahead, also where others open it for the first time at the same moment: SQLite itself waits
    for no lock there. Raises sqlite3.Error, after so many seconds where it is locked.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
        time.sleep(0.01)


def json_array(texts: Sequence[str]) -> str:
    """Texts as one parameter, for `json_each`."""
    return encode(texts).decode()


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
