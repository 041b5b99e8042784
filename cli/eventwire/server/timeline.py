"""The timeline: which events there are, newest first, by environment, category, status, context and search.

It has an index of its own beside the journal, in a SQLite file that can be deleted: it is made again from the journal.
One task of the serving process writes it, a while after runs are accepted, and slowly where events are coming in fast:
what is not indexed yet is read from the journal itself, so that the newest event is there at once.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unicodedata import category

from msgspec import Struct

from eventwire.journal.identifiers import first_id, number_of
from eventwire.journal.rows import Row
from eventwire.journal.store import Journal, JournalError, use_wal
from eventwire.project.files import keep_private
from eventwire.server.entries import Entry, entry_of, searched_text
from eventwire.server.store import StoreError

if TYPE_CHECKING:
    from eventwire.project.model import Project

FILE_NAME = "timeline.sqlite3"
VERSION = 2
A_PAGE = 40
SETTLED_SECONDS = 10.0
"""A run that is older than that is in the journal, if it ever will be: only those are indexed."""
SCANNED = 1000
"""So many runs that are not indexed are looked at for one page."""
CATEGORISED = 100
"""So many of them are looked at for their categories."""
MOST_CATEGORIES = 200
"""Where each event has a category of its own, nobody chooses among more; by its address each is shown."""
MOST_WORDS = 16
BATCH = 100
IDLE_SECONDS = 1.0
TROUBLE_SECONDS = 30.0
BUSY_RUNS = 50
"""With so many events on their way, the index takes a twentieth of the time; otherwise half of it."""
BUSY_SECONDS = 5.0

TABLES = """
CREATE TABLE entries (
    number INTEGER PRIMARY KEY,         -- sorts as run ids do
    run TEXT NOT NULL UNIQUE,
    environment TEXT NOT NULL,
    event TEXT NOT NULL,
    status TEXT NOT NULL,
    category TEXT,
    context TEXT
) STRICT;
CREATE INDEX entries_by_environment ON entries (environment, number);
CREATE INDEX entries_by_event ON entries (environment, event, number);
CREATE INDEX entries_by_status ON entries (environment, status, number);
CREATE INDEX entries_by_category ON entries (environment, category, number) WHERE category IS NOT NULL;
CREATE INDEX entries_by_context ON entries (environment, context, number) WHERE context IS NOT NULL;
CREATE INDEX entries_running ON entries (number) WHERE status = 'running';
CREATE TABLE categories (environment TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (environment, name)) STRICT, WITHOUT ROWID;
CREATE TABLE progress (name TEXT PRIMARY KEY, run TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE VIRTUAL TABLE search USING fts5 (environment, text, tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co So'")
"""
SEARCHED = ("L", "N", "Co", "So")
"""The beginnings of the categories of characters that can be searched for, emoji among them; all others only part words."""


class Wish(Struct, frozen=True):
    """Which events are asked for."""

    environment: str = "test"
    search: str = ""
    category: str | None = None
    status: str | None = None
    event: str | None = None
    context: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing is asked for but the newest."""
        return not (self.search or self.category or self.status or self.event or self.context)

    @property
    def words(self) -> list[str]:
        """The words that are searched for: those of which something can be found."""
        words = self.search.replace("\0", " ").split()[:MOST_WORDS]
        return [each for each in words if any(category(letter).startswith(SEARCHED) for letter in each)]

    @property
    def is_vain(self) -> bool:
        """Whether nothing can be found, since what is searched for has no letter."""
        return bool(self.search) and not self.words

    def fits(self, entry: Entry) -> bool:
        """Whether an entry that is not indexed is asked for, but for what is searched for."""
        wanted = (
            (self.environment, entry.environment),
            (self.category, entry.category),
            (self.status, entry.status),
            (self.event, entry.event),
            (self.context, entry.context),
        )
        return all(wish is None or wish == found for wish, found in wanted)


class Page(Struct, frozen=True):
    """A page of the timeline."""

    entries: Sequence[Entry]
    older: str | None
    """The run before which the next page begins; None on the last."""


class Timeline:
    """The timeline of one project. Its pages can be asked for from any thread."""

    def __init__(self, folder: Path, project: Callable[[], Project]) -> None:
        """Open the index in a project's state folder; `project` gives the project as it is served.

        Raises JournalError, StoreError.
        """
        self.path = folder / FILE_NAME
        self._project = project
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._closed = False
        try:
            self._writer = self._open()
            self._reader = connect(self.path)
        except (sqlite3.Error, OSError) as error:
            step = "See that the folder may be written to, and that the disk has room."
            raise StoreError(f"The timeline's index {self.path} cannot be made: {error}.", next_step=step) from error
        self._journal = Journal(folder)
        self._counter = Journal(folder)
        self._counting = threading.Lock()
        self._source = Journal(folder)
        """The writer's own view of the journal."""

    def close(self) -> None:
        """Let go of the files."""
        with self._lock, self._counting, self._writing:
            self._closed = True
            self._writer.close()
            self._reader.close()
            self._journal.close()
            self._counter.close()
            self._source.close()

    def _open(self) -> sqlite3.Connection:
        """The index, made anew where it is damaged or another version's."""
        try:
            connection = connect(self.path)
            if connection.execute("PRAGMA user_version").fetchone()[0] == VERSION:
                return connection
            connection.close()
        except sqlite3.OperationalError:
            raise  # another server has it locked, or the disk says no: that is no damage
        except sqlite3.DatabaseError:
            pass  # what is damaged is made anew, below
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        connection = connect(self.path)
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for statement in TABLES.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        return connection

    # Reading

    def page(self, wish: Wish, before: str | None = None, limit: int = A_PAGE) -> Page:
        """The newest entries that are asked for, older than `before`."""
        if wish.is_vain:
            return Page([], None)
        with self._lock:
            newest, oldest = self._reach()
            found: list[Entry] = []
            cursor = before
            if newest is None or cursor is None or cursor > newest:
                cursor, found = self._from_journal(wish, cursor, newest, limit)
                if cursor is not None:
                    return Page(found, cursor)
            runs = self._from_index(wish, before, limit + 1 - len(found))
            rows = self._journal.runs_named(runs)
            # the index may know of a run's end a moment late, and of its removal, too
            found += [entry_of(self._project(), rows[run]) for run in runs if run in rows]
            if len(found) > limit:
                return Page(found[:limit], found[limit - 1].run)
            if oldest is None:
                return Page(found, None)
            start = min(filter(None, (before, oldest)))
            cursor, more = self._from_journal(wish, start, None, limit - len(found))
            return Page([*found, *more], cursor)

    def categories(self, environment: str) -> list[str]:
        """The categories that there are; of runs that are not indexed, those of the newest."""
        with self._lock:
            sql = "SELECT name FROM categories WHERE environment = ? ORDER BY name LIMIT ?"
            rows = self._reader.execute(sql, (environment, MOST_CATEGORIES))
            found = {name for (name,) in rows}
            newest = self._journal.runs(after=self._reach()[0], limit=CATEGORISED)
        entries = [entry_of(self._project(), row) for row in newest if row["environment"] == environment]
        return sorted(found | {each.category for each in entries if each.category})

    def entries(self, runs: Sequence[str]) -> list[Entry]:
        """The entries of runs, newest first."""
        rows = self.rows(runs)
        return [entry_of(self._project(), rows[run]) for run in sorted(rows, reverse=True)]

    def rows(self, runs: Sequence[str]) -> dict[str, Row]:
        """Those runs that there are of several, as rows of the journal, by their ids."""
        with self._lock:
            return self._journal.runs_named(runs)

    def newest(self, limit: int) -> list[Row]:
        """The newest runs, as rows of the journal."""
        with self._lock:
            return self._journal.recent(limit)

    def counts(self, environment: str, since: float) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """What came of runs and of deliveries since a moment (`Journal.count_runs`, `count_deliveries`)."""
        with self._counting:
            return self._counter.count_runs(environment, since), self._counter.count_deliveries(environment, since)

    def dead_letters(
        self, *, environment: str, event: str | None, status: str, before: str | None, limit: int
    ) -> list[tuple[Row, list[Row]]]:
        """The newest runs with actions that failed or are unknown, each with those actions, as rows of the journal."""
        with self._counting:
            rows = self._counter.runs(environment=environment, event=event, status=status, before=before, limit=limit)
            return [(row, self._counter.open_ends(row["id"], status)) for row in rows]

    def _reach(self) -> tuple[str | None, str | None]:
        """The newest run that is indexed, and the oldest one where older ones are still to be."""
        found = dict(self._reader.execute("SELECT name, run FROM progress").fetchall())
        return found.get("newest"), found.get("oldest")

    def _from_journal(
        self, wish: Wish, before: str | None, after: str | None, limit: int
    ) -> tuple[str | None, list[Entry]]:
        """Entries that are not indexed, and where the next page begins: None where all of them were looked at."""
        if limit <= 0:
            return before, []
        rows = self._journal.runs(before=before, after=after, limit=SCANNED)
        of_environment = (
            (entry_of(self._project(), row), row) for row in rows if row["environment"] == wish.environment
        )
        fitting = ((entry, row) for entry, row in of_environment if wish.fits(entry))
        found = list(islice(searched(wish, fitting) if wish.words else (entry for entry, _ in fitting), limit))
        if len(found) == limit:
            return found[-1].run, found
        return (rows[-1]["id"] if len(rows) == SCANNED else None), found

    def _from_index(self, wish: Wish, before: str | None, limit: int) -> list[str]:
        """The runs that are asked for, of those that are indexed."""
        given: dict[str, Any] = {
            "entries.environment = ?": wish.environment,
            "entries.category = ?": wish.category,
            "entries.status = ?": wish.status,
            "entries.event = ?": wish.event,
            "entries.context = ?": wish.context,
            "entries.number < ?": self._number(before) if before else None,
        }
        given = {clause: value for clause, value in given.items() if value is not None}
        tables, order = "entries", "entries.number"
        if wish.words:
            tables, order = "search CROSS JOIN entries ON entries.number = search.rowid", "search.rowid"
            given |= {"search MATCH ?": match_of(wish)}
            if before:
                given |= {"search.rowid < ?": self._number(before)}
        sql = f"SELECT run FROM {tables} WHERE {' AND '.join(given)} ORDER BY {order} DESC LIMIT ?"
        return [run for (run,) in self._reader.execute(sql, (*given.values(), limit))]

    def _number(self, run: str) -> int:
        """A run's number in the index."""
        row = self._reader.execute("SELECT number FROM entries WHERE run = ?", (run,)).fetchone()
        return int(row[0]) if row else number_of(run)

    # Writing

    async def keep(self, under_way: Callable[[], int], tell: Callable[[str], None]) -> None:
        """Index what comes in, and what was there before, for ever; `under_way` says how busy the server is."""
        while True:
            began = time.perf_counter()
            try:
                done = await asyncio.to_thread(self.index_some)
            except (sqlite3.Error, OSError, JournalError) as error:
                tell(f"The timeline's index {self.path} cannot be written: {error}. It is tried again in a while.")
                await asyncio.sleep(TROUBLE_SECONDS)
                continue
            spent = time.perf_counter() - began
            if not done:
                await asyncio.sleep(IDLE_SECONDS)
            else:
                await asyncio.sleep(spent * (19 if under_way() > BUSY_RUNS else 1))

    def index_some(self, now: float | None = None) -> int:
        """Index some runs: new ones first, then older ones, the newest of them first. Returns how many."""
        now = time.time() if now is None else now
        with self._writing:
            if self._closed:
                return 0
            reach = dict(self._writer.execute("SELECT name, run FROM progress").fetchall())
            settled = first_id(now - SETTLED_SECONDS)
            if "newest" not in reach:
                reach = {"newest": settled, "oldest": settled}
                self._write([], reach)
            rows: Sequence[Row] = self._source.runs_after(reach["newest"], settled, BATCH)
            if rows:
                self._write(rows, {"newest": rows[-1]["id"]})
                return len(rows)
            if "oldest" in reach:
                rows = self._source.runs(before=reach["oldest"], limit=BATCH)
                self._write(rows, {"oldest": rows[-1]["id"] if rows else None})
                return len(rows)
            return self._settle_running() and 0

    def _write(self, rows: Sequence[Row], progress: dict[str, str | None]) -> None:
        entries = [(entry_of(self._project(), row), row) for row in rows]
        with self._writer as connection:
            connection.execute("BEGIN IMMEDIATE")
            for entry, row in entries:
                insert(connection, entry, searched_text(entry, row))
            for name, run in progress.items():
                if run is None:
                    connection.execute("DELETE FROM progress WHERE name = ?", (name,))
                else:
                    connection.execute("INSERT OR REPLACE INTO progress VALUES (?, ?)", (name, run))

    def _settle_running(self) -> int:
        """Take note of runs that have ended since they were indexed, and drop those that the journal has forgotten."""
        running = self._writer.execute("SELECT number, run FROM entries WHERE status = 'running' LIMIT ?", (BATCH,))
        numbers = {run: number for number, run in running.fetchall()}
        rows = self._source.runs_named(list(numbers)) if numbers else {}
        ended = [(row["status"], numbers[run]) for run, row in rows.items() if row["status"] != "running"]
        oldest = self._source.oldest()
        limit = number_of(oldest) if oldest else 1 << 62
        gone = self._writer.execute("SELECT number FROM entries WHERE number < ? LIMIT ?", (limit, BATCH)).fetchall()
        if ended or gone:
            with self._writer as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("UPDATE entries SET status = ? WHERE number = ?", ended)
                connection.executemany("DELETE FROM search WHERE rowid = ?", gone)
                connection.executemany("DELETE FROM entries WHERE number = ?", gone)
        return len(ended) + len(gone)


def insert(connection: sqlite3.Connection, entry: Entry, text: str) -> None:
    """Index an entry; one that is indexed already stays as it is."""
    number = number_of(entry.run)
    values = (entry.run, entry.environment, entry.event, entry.status, entry.category, entry.context)
    while not connection.execute(
        "INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", (number, *values)
    ).rowcount:
        if connection.execute("SELECT 1 FROM entries WHERE run = ?", (entry.run,)).fetchone():
            return
        number += 1  # another run of the same millisecond and the same random bits
    connection.execute(
        "INSERT INTO search (rowid, environment, text) VALUES (?, ?, ?)", (number, entry.environment, text)
    )
    if entry.category:
        connection.execute("INSERT OR IGNORE INTO categories VALUES (?, ?)", (entry.environment, entry.category))


def searched(wish: Wish, entries: Iterable[tuple[Entry, Row]]) -> Iterator[Entry]:
    """Those entries that are searched for, as the index itself would find them."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(TABLES.rpartition(";\n")[2])
        kept = []
        for entry, row in entries:
            kept.append(entry)
            values = (len(kept), entry.environment, searched_text(entry, row))
            connection.execute("INSERT INTO search (rowid, environment, text) VALUES (?, ?, ?)", values)
        sql = "SELECT rowid FROM search WHERE search MATCH ? ORDER BY rowid"
        for (number,) in connection.execute(sql, (match_of(wish),)):
            yield kept[number - 1]


def match_of(wish: Wish) -> str:
    """What is searched for, in FTS5's language: every word, each as the beginning of one."""
    words = " AND ".join('"' + word.replace('"', '""') + '" *' for word in wish.words)
    return f'environment : "{wish.environment}" AND text : ({words})'


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the index. It need not outlast a power failure: it can be made again."""
    keep_private(path)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        use_wal(connection, BUSY_SECONDS)
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection
