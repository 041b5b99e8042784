"""A disk that fails, and one that tears a write, at every step of the journal's commits: nothing is lost or done twice."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.servers import absent
from tests.tools import copy_of, environment, process

SOURCE = Path(__file__).with_name("faults") / "journal_faults.c"
PROJECT = """
[project]
name = "faults"
[service-accounts.db]
service = "sqlite"
test = { database = "effects.sqlite3" }
[events.e.model]
id = "integer"
[events.e.filters.on-event.actions.unsafe]
service-account = "db"
action = "insert"
table = "unsafe"
values = { id = "{id}" }
[events.e.filters.on-event.actions.keyed]
service-account = "db"
action = "insert"
table = "keyed"
values = { id = "{id}" }
key-column = "key"
"""
TABLES = "CREATE TABLE unsafe (id INTEGER); CREATE TABLE keyed (id INTEGER, key TEXT UNIQUE);"
STEPS = 40
"""One event makes no more writes and syncs than these: the last of them never fail."""


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    """The failing file system, compiled."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        absent("a C compiler is absent: apt-get install gcc libc6-dev")
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    return library


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with a journal in which one run has ended."""
    folder = tmp_path_factory.mktemp("faults")
    (folder / "eventwire.toml").write_text(PROJECT)
    with closing(sqlite3.connect(folder / "effects.sqlite3")) as database:
        database.executescript(TABLES)
    assert process("run", "e", "--data", '{"id": 0}', folder=folder).exit_code == 0
    return folder


def rows(path, sql):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def examine(folder, shim, step, mode):
    """One event with a fault, then recovery without one: what holds whatever has failed."""
    faults = environment(folder, LD_PRELOAD=str(shim), EVENTWIRE_FAULT=f"{step}:{mode}")
    result = process("run", "e", "--data", '{"id": 1}', "--key", "one", folder=folder, environ=faults)
    assert result.exit_code in (0, 1, 5, -9), result.output
    if result.exit_code == 1:
        assert "journal" in result.stderr, result.output
    recovered = process("recover", folder=folder)
    assert recovered.exit_code in (0, 5), recovered.output

    journal = folder / ".eventwire" / "journal.sqlite3"
    assert rows(journal, "PRAGMA integrity_check") == [("ok",)]
    assert rows(journal, "SELECT id FROM runs WHERE status = 'running'") == []
    kept = dict(
        rows(
            journal,
            "SELECT d.name, d.status FROM deliveries d JOIN runs r ON r.id = d.run WHERE r.payload = '{\"id\":1}'",
        )
    )
    effects = {
        name: rows(folder / "effects.sqlite3", f"SELECT count(*) FROM {name} WHERE id = 1")[0][0]
        for name in ("unsafe", "keyed")
    }
    assert max(effects.values()) <= 1
    for name, count in effects.items():
        assert count == 0 or name in kept, "an effect that the journal knows nothing of"
        if kept.get(name) == "succeeded":
            assert count == 1, "a success without its effect"
    assert kept.get("keyed", "succeeded") == "succeeded", "what carries a key is brought to its end"
    assert kept.get("unsafe", "succeeded") in ("succeeded", "unknown")
    if result.exit_code == 0:
        assert kept == {"unsafe": "succeeded", "keyed": "succeeded"}

    # the same key again: what is in the journal is not run again, what is not runs now
    again = process("run", "e", "--data", '{"id": 1}', "--key", "one", folder=folder)
    assert again.exit_code in (0, 5), again.output
    assert rows(folder / "effects.sqlite3", "SELECT count(*) FROM keyed WHERE id = 1") == [(1,)]
    assert rows(folder / "effects.sqlite3", "SELECT count(*) FROM unsafe WHERE id = 1")[0][0] <= 1
    return result.exit_code


@pytest.mark.parametrize("step", range(1, STEPS, 2))
def test_a_torn_write_loses_nothing_and_does_nothing_twice(project, shim, step):
    folder = copy_of(project, f"torn-{step}")
    examine(folder, shim, step, "torn")


@pytest.mark.parametrize("step", range(2, STEPS, 4))
def test_a_write_that_fails_is_told_and_loses_nothing(project, shim, step):
    folder = copy_of(project, f"error-{step}")
    examine(folder, shim, step, "error")


def test_a_full_disk_stops_before_anything_is_sent(project, shim):
    folder = copy_of(project, "full")
    faults = environment(folder, LD_PRELOAD=str(shim), EVENTWIRE_FAULT="1:full")
    result = process("run", "e", "--data", '{"id": 1}', folder=folder, environ=faults)
    assert result.exit_code == 1
    assert "the disk is full" in result.stderr
    assert rows(folder / "effects.sqlite3", "SELECT count(*) FROM unsafe WHERE id = 1") == [(0,)]


def test_the_steps_cover_a_whole_event(project, shim):
    folder = copy_of(project, "whole")
    assert examine(folder, shim, STEPS, "torn") == 0, "STEPS is too small: the last of them still fails something"
    assert examine(copy_of(project, "first"), shim, 1, "torn") == -9, "the file system fails nothing"


@pytest.mark.nightly
@pytest.mark.parametrize("mode", ["error", "full", "torn", "killed"])
@pytest.mark.parametrize("step", range(1, STEPS))
def test_every_step_with_every_fault(project, shim, step, mode):
    examine(copy_of(project, f"{mode}-{step}"), shim, step, mode)
