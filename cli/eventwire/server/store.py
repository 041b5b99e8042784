"""What the server remembers beside the journal: keys, users, sessions, button presses, and ids that came in.

A SQLite file of its own in the project's state folder, for this user only. Nothing in it can be used as it stands: keys,
sessions and links are there as hashes. Several processes may use it at once (`add:key` while `serve` runs).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from eventwire.errors import EventwireError
from eventwire.journal.store import use_wal
from eventwire.project.files import keep_private

FILE_NAME = "server.sqlite3"
BUSY_SECONDS = 10.0  # for which another process that is writing is waited for; it takes milliseconds
APPLICATION_ID = 0x65777376  # "ewsv": tells it from any other SQLite file

# One entry a version; a file of version n has had the first n applied. Entries that were released never change.
MIGRATIONS = (
    """
    CREATE TABLE api_keys (
        id TEXT PRIMARY KEY,                -- the part of the key that is no secret
        name TEXT NOT NULL,
        environment TEXT NOT NULL,          -- test, live
        hash BLOB NOT NULL,                 -- SHA-256 of the whole key
        created_at REAL NOT NULL,           -- seconds since 1970, UTC, as all times here
        expires_at REAL,
        last_used_at REAL,
        removed_at REAL
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX api_keys_by_name ON api_keys (name) WHERE removed_at IS NULL;

    CREATE TABLE users (
        name TEXT PRIMARY KEY,
        role TEXT NOT NULL,                 -- viewer, operator, admin
        password_hash TEXT NOT NULL,        -- argon2id
        created_at REAL NOT NULL,
        last_sign_in_at REAL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE sessions (
        hash BLOB PRIMARY KEY,              -- SHA-256 of the cookie
        user TEXT REFERENCES users (name) ON DELETE CASCADE,  -- NULL: signed in by a link of this machine
        created_at REAL NOT NULL,
        seen_at REAL NOT NULL,
        expires_at REAL NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sessions_by_user ON sessions (user);

    CREATE TABLE sign_in_links (
        hash BLOB PRIMARY KEY,              -- SHA-256 of the link's token
        expires_at REAL NOT NULL,
        used_at REAL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE presses (
        id TEXT PRIMARY KEY,
        webhook_id TEXT NOT NULL,           -- the same for every try of one press
        run TEXT NOT NULL,
        button TEXT NOT NULL,
        state TEXT NOT NULL,                -- pressing, completed, failed, unknown
        actor TEXT NOT NULL,
        url TEXT NOT NULL,
        pressed_at REAL NOT NULL,
        duration_ms REAL,
        status INTEGER,                     -- the answer's HTTP status
        answer TEXT,                        -- the answer's body, as far as it is kept
        error TEXT                          -- what went wrong, in a sentence
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX presses_by_button ON presses (run, button, pressed_at);

    CREATE TABLE seen (
        source TEXT NOT NULL,
        id TEXT NOT NULL,
        at REAL NOT NULL,
        PRIMARY KEY (source, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX seen_by_time ON seen (at);

    CREATE TABLE files (
        source TEXT NOT NULL,
        name TEXT NOT NULL,
        generation INTEGER NOT NULL,        -- which file of that name it is: another one has taken its place
        seen TEXT NOT NULL,                 -- size, time of change and inode when it was last looked into
        digest TEXT NOT NULL,               -- SHA-256 of the beginning and the end of what was read of it
        header TEXT NOT NULL,               -- JSON: the columns of a CSV file
        line INTEGER NOT NULL,              -- the last line that raised its event, or was refused
        offset INTEGER NOT NULL,            -- where the line after it begins, in bytes
        PRIMARY KEY (source, name)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE ticks (
        source TEXT PRIMARY KEY,
        due_at REAL NOT NULL                -- up to then every time of the schedule was run, or passed over
    ) STRICT, WITHOUT ROWID;
    """,
    # 2: notifications
    """
    CREATE TABLE push_keys (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        private_key TEXT NOT NULL           -- by which browsers' push services know this server (VAPID), as PEM
    ) STRICT;

    CREATE TABLE push_subscriptions (
        endpoint TEXT PRIMARY KEY,          -- where the browser's push service takes notifications for it
        public_key TEXT NOT NULL,           -- of the browser: only it can read them
        secret TEXT NOT NULL,
        actor TEXT NOT NULL,
        created_at REAL NOT NULL
    ) STRICT, WITHOUT ROWID;
    """,
)


class StoreError(EventwireError):
    """The server's file cannot be opened or written."""

    code = "server-store"


class Store:
    """The server's file of a project. It can be used from any thread."""

    def __init__(self, folder: Path) -> None:
        """Open it in a project's state folder, making it where there is none. Raises StoreError."""
        self.path = folder / FILE_NAME
        self._lock = threading.RLock()
        with self._translated():
            keep_private(self.path)
            self._connection = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.execute("PRAGMA synchronous = FULL")
        # at one moment: another process may be making them
        self._connection.execute("BEGIN")
        try:
            application = self._connection.execute("PRAGMA application_id").fetchone()[0]
            has_tables = self._connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        if application not in (0, APPLICATION_ID) or (application == 0 and has_tables):
            raise foreign_file(self.path, "it is the database of another program")
        use_wal(self._connection, BUSY_SECONDS)
        with self.transaction() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(MIGRATIONS):
                raise foreign_file(self.path, "it was written by a newer version of eventwire")
            for script in MIGRATIONS[version:]:
                for statement in script.split(";\n"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One change, whole or not at all, and durable at the end. Nobody else writes meanwhile. Raises StoreError."""
        with self._lock, self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # where the disk is full, SQLite has rolled back already
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a SELECT gives. Raises StoreError."""
        with self._lock, self._translated():
            return self._connection.execute(statement, parameters).fetchall()

    def first(self, statement: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row of a SELECT, or None. Raises StoreError."""
        found = self.rows(statement, parameters)
        return found[0] if found else None

    def claim_id(self, source: str, id: str, now: float, keep_seconds: float) -> bool:
        """Whether an id of a source comes for the first time; from now on it has come. Ids are forgotten after a
        while: what is older than that is refused by its timestamp.
        """
        with self.transaction() as connection:
            connection.execute("DELETE FROM seen WHERE at < ?", (now - keep_seconds,))
            claimed = connection.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", (source, id, now))
            return claimed.rowcount == 1

    def has_seen(self, source: str, id: str, now: float, keep_seconds: float) -> bool:
        """Whether an id of a source has come before."""
        sql = "SELECT 1 FROM seen WHERE source = ? AND id = ? AND at >= ?"
        return self.first(sql, (source, id, now - keep_seconds)) is not None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise self._error(error) from error
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be opened: {error.strerror or error}.",
                next_step="See that the folder may be written to, then try again.",
            ) from error

    def _error(self, error: sqlite3.DatabaseError) -> StoreError:
        name = getattr(error, "sqlite_errorname", "")
        if name in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
            return StoreError(
                f"{self.path} is damaged: {error}.",
                next_step="Move it away; keys and users are then given anew, and the journal keeps the runs.",
            )
        if name == "SQLITE_FULL":
            return StoreError(f"{self.path} cannot be written: the disk is full.", next_step="Free some space.")
        return StoreError(f"{self.path} cannot be used: {error}.", next_step="See that it may be read and written.")


def foreign_file(path: Path, reason: str) -> StoreError:
    """The error for a file that is not ours to write."""
    return StoreError(f"{path} cannot be used: {reason}.", next_step=f"Move {path.name} away, or update eventwire.")
