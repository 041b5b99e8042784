"""The journal's tables, and how one version of them becomes the next."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

APPLICATION_ID = 0x65777265  # "ewre": tells an eventwire journal from any other SQLite file

# One entry a version; a journal of version n has had the first n applied. Entries that were released never change.
MIGRATIONS = (
    """
    CREATE TABLE runs (
        id TEXT PRIMARY KEY,
        event TEXT NOT NULL,
        environment TEXT NOT NULL,
        source TEXT NOT NULL,
        idempotency_key TEXT,
        parent TEXT,
        replay_of TEXT,
        received_at REAL NOT NULL,          -- seconds since 1970, UTC
        payload TEXT NOT NULL,              -- JSON
        payload_hash TEXT NOT NULL,         -- tells a repeated key with another payload
        status TEXT NOT NULL,               -- running, succeeded, partial, failed
        filters TEXT NOT NULL DEFAULT '[]', -- JSON: name, where, matched, explanation; of many, those that matched
        filter_count INTEGER NOT NULL DEFAULT 0,
        duration_ms REAL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX runs_by_time ON runs (received_at);
    CREATE INDEX runs_by_event ON runs (event, received_at);
    CREATE INDEX runs_unfinished ON runs (received_at) WHERE status = 'running';
    CREATE UNIQUE INDEX runs_by_key ON runs (event, environment, idempotency_key) WHERE idempotency_key IS NOT NULL;

    CREATE TABLE deliveries (
        run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,          -- the order of the project file, from 0
        filter TEXT NOT NULL,
        name TEXT NOT NULL,
        service_account TEXT NOT NULL,
        service TEXT NOT NULL,
        action TEXT NOT NULL,
        idempotency_key TEXT NOT NULL,
        status TEXT NOT NULL,               -- planned, started, succeeded, failed, skipped, unknown
        attempts INTEGER NOT NULL DEFAULT 0,
        started_ms REAL,                    -- since the run was received
        duration_ms REAL,
        request TEXT NOT NULL,              -- JSON, without secrets
        response TEXT,                      -- JSON
        error TEXT,                         -- JSON
        PRIMARY KEY (run, position)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX deliveries_open ON deliveries (status, run)
        WHERE status IN ('planned', 'started', 'failed', 'unknown');
    """,
    # 2: who runs a run, retries that outlast a process, attempts, and what became of the unknown
    """
    ALTER TABLE runs ADD COLUMN owner TEXT;             -- the process that runs it (journal/owners.py); NULL: nobody
    ALTER TABLE runs ADD COLUMN generation INTEGER NOT NULL DEFAULT 0; -- how many events raised each other before it
    ALTER TABLE runs ADD COLUMN event_id TEXT;          -- the event's own id, where it came with one
    ALTER TABLE runs ADD COLUMN event_time TEXT;        -- when it happened, where it said so
    ALTER TABLE runs ADD COLUMN extensions TEXT;        -- JSON: what a CloudEvent had beside its payload
    ALTER TABLE runs ADD COLUMN raised_by TEXT;         -- which outcome of the parent: filter/action on success
    ALTER TABLE runs ADD COLUMN not_raised TEXT;        -- JSON: events that its outcomes could not raise
    ALTER TABLE deliveries ADD COLUMN repetition TEXT NOT NULL DEFAULT 'unsafe'; -- safe, keyed, unsafe
    ALTER TABLE deliveries ADD COLUMN due_at REAL;      -- when the next attempt is due; seconds since 1970
    ALTER TABLE deliveries ADD COLUMN resolution TEXT;  -- JSON: what a person said of one that was unknown
    DROP INDEX runs_by_time;
    DROP INDEX runs_by_event;
    DROP INDEX deliveries_open;
    CREATE INDEX runs_by_event ON runs (event); -- ids sort by time, and each index ends with them
    CREATE INDEX runs_that_failed ON runs (status) WHERE status IN ('partial', 'failed');
    CREATE INDEX runs_by_parent ON runs (parent) WHERE parent IS NOT NULL;
    CREATE INDEX runs_by_original ON runs (replay_of) WHERE replay_of IS NOT NULL;
    CREATE INDEX deliveries_that_failed ON deliveries (status, run) WHERE status IN ('failed', 'unknown');

    CREATE TABLE attempts (                 -- those that failed and were followed by another
        run TEXT NOT NULL,
        position INTEGER NOT NULL,
        number INTEGER NOT NULL,            -- from 1
        started_at REAL NOT NULL,           -- seconds since 1970
        duration_ms REAL NOT NULL,
        error TEXT NOT NULL,                -- JSON
        response TEXT,                      -- JSON
        PRIMARY KEY (run, position, number)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE account_states (           -- accounts that are paused, or have been
        name TEXT NOT NULL,
        environment TEXT NOT NULL,
        state TEXT NOT NULL,                -- closed, open, half-open: its circuit
        failures INTEGER NOT NULL,          -- in a row
        paused_until REAL,                  -- seconds since 1970
        last_error TEXT,                    -- a sentence
        changed_at REAL NOT NULL,           -- seconds since 1970
        PRIMARY KEY (name, environment)
    ) STRICT, WITHOUT ROWID;
    """,
)


class ForeignFile(Exception):
    """The file is a SQLite database, but not a journal of this version of eventwire or an older one."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a journal to the current version, a version at a time, each in one transaction.

    Raises ForeignFile where the file is another program's, or a newer eventwire's.
    """
    # at one moment: another process may be bringing it there
    connection.execute("BEGIN")
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        is_foreign = application == 0 and has_tables(connection)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    if version == len(MIGRATIONS) and application == APPLICATION_ID:
        return
    if version > len(MIGRATIONS) and application == APPLICATION_ID:
        raise ForeignFile("it was written by a newer version of eventwire")
    if application not in (0, APPLICATION_ID) or is_foreign:
        raise ForeignFile("it is the database of another program")
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        apply(connection, script, number)


def apply(connection: sqlite3.Connection, script: str, version: int) -> None:
    """Run one version's statements, unless another process has just done so."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("PRAGMA user_version").fetchone()[0] < version:
            for statement in statements_of(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def statements_of(script: str) -> Iterator[str]:
    """The statements of a script, each of which ends a line, but for a comment."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def has_tables(connection: sqlite3.Connection) -> bool:
    """Whether the database holds anything."""
    return connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is not None
