"""A journal of an older version becomes one of today's, with all that is in it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from eventwire.journal import schema
from eventwire.journal.store import FILE_NAME, Journal


@pytest.fixture
def old(tmp_path):
    """A journal as the first version left it: a run that ended, and one that was cut off."""
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        schema.apply(connection, schema.MIGRATIONS[0], 1)
        for run, status in (("01m0aaaaaaaaaaaaaaaaaaaaaa", "partial"), ("01m0bbbbbbbbbbbbbbbbbbbbbb", "running")):
            connection.execute(
                "INSERT INTO runs (id, event, environment, source, idempotency_key, received_at, payload, payload_hash, "
                "status, filters, filter_count, duration_ms) VALUES (?, 'e', 'test', 'cli', ?, 1.7e9, '{\"id\":1}', 'h', ?, "
                "'[]', 1, 5.0)",
                (run, f"key of {run}", status),
            )
            connection.execute(
                "INSERT INTO deliveries (run, position, filter, name, service_account, service, action, idempotency_key, "
                "status, request) VALUES (?, 0, 'on-event', 'a', 'db', 'sqlite', 'insert', 'ew_1', ?, '{}')",
                (run, "failed" if status == "partial" else "started"),
            )
    return tmp_path


def test_everything_from_before_is_still_there(old):
    journal = Journal(old)
    assert [(row["id"][4], row["status"]) for row in journal.runs(limit=9)] == [("b", "running"), ("a", "partial")]
    assert [row["id"][4] for row in journal.runs(status="failed", limit=9)] == ["a"]
    assert journal.find_by_key("e", "test", "key of 01m0aaaaaaaaaaaaaaaaaaaaaa") is not None
    journal.close()


def test_a_run_from_before_is_nobodys_and_its_delivery_may_have_happened(old):
    journal = Journal(old)
    assert [row["id"][4] for row in journal.abandoned()] == ["b"]
    (delivery,) = journal.deliveries("01m0bbbbbbbbbbbbbbbbbbbbbb")
    assert delivery["repetition"] == "unsafe"
    assert asyncio.run(journal.take("01m0bbbbbbbbbbbbbbbbbbbbbb"))
    journal.close()


def test_a_migration_that_fails_leaves_the_journal_as_it_was(old, monkeypatch):
    broken = (*schema.MIGRATIONS[:1], schema.MIGRATIONS[1] + "INSERT INTO nowhere VALUES (1);\n")
    monkeypatch.setattr(schema, "MIGRATIONS", broken)
    with closing(sqlite3.connect(old / FILE_NAME, isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            schema.migrate(connection)
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert "owner" not in [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
    monkeypatch.undo()
    Journal(old).close()


def test_two_processes_that_migrate_at_once_do_it_once(old):
    first = sqlite3.connect(old / FILE_NAME, isolation_level=None)
    second = sqlite3.connect(old / FILE_NAME, isolation_level=None)
    with closing(first), closing(second):
        schema.migrate(first)
        schema.apply(second, schema.MIGRATIONS[1], 2)  # it had seen version 1
        assert second.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)


def test_a_new_journal_and_a_migrated_one_have_the_same_tables(old, tmp_path_factory):
    new = tmp_path_factory.mktemp("new")
    Journal(old).close()
    Journal(new).close()

    def tables(folder):
        with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
            names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").fetchall()
            return {name: connection.execute(f"PRAGMA table_info({name})").fetchall() for (name,) in names}

    assert tables(old) == tables(new)
