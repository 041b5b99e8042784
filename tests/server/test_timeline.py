"""The timeline's index: what is in it, what follows later, and how it is made again."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing

import pytest

from eventwire.engine.pipeline import Pipeline
from eventwire.engine.run import IncomingEvent
from eventwire.journal.identifiers import first_id, in_base_32, number_of
from eventwire.journal.store import Journal
from eventwire.project.locate import state_folder
from eventwire.project.read import read_project
from eventwire.server.store import StoreError
from eventwire.server.timeline import BATCH, FILE_NAME, Timeline, Wish
from tests.project.projects import write
from tests.server.pages.serving import BAKERY

FUTURE = 4_000_000_000.0
WISH = Wish(search="welcomed")


@pytest.fixture
def state(tmp_path):
    return state_folder(write(tmp_path, BAKERY))


@pytest.fixture
def timeline(state, tmp_path):
    opened = Timeline(state, lambda: read_project(tmp_path))
    yield opened
    opened.close()


def send(folder, *names, at=None):
    """Runs of these names, in the journal; `at` is when they came in."""

    async def run():
        journal = Journal(state_folder(folder))
        pipeline = Pipeline(read_project(folder), "test", environ={}, journal=journal)
        runs = []
        for position, name in enumerate(names):
            run = in_base_32((int(at * 1000) + position) << 80, 120) if at else None
            record = await pipeline.run(IncomingEvent("welcomed", {"name": name}, run=run))
            runs.append(record.id)
        await pipeline.close()
        journal.close()
        return runs

    return asyncio.run(run())


def names(timeline, wish=WISH, **more):
    return [each.title.removesuffix(" was welcomed") for each in timeline.page(wish, **more).entries]


def indexed(timeline):
    """The runs that are in the index, newest first."""
    return timeline._from_index(Wish(), None, 1000)


def test_numbers_sort_as_ids_do():
    ids = sorted(in_base_32(each << 60, 120) for each in (0, 1, 7, 1 << 40, (1 << 62) - 1))
    assert [number_of(each) for each in ids] == sorted(number_of(each) for each in ids)
    assert number_of(first_id(1_700_000_000.5)) >> 20 == 1_700_000_000_500


def test_what_is_not_indexed_yet_is_there_at_once(timeline, tmp_path):
    send(tmp_path, "a", "b")
    timeline.index_some()
    assert indexed(timeline) == []
    assert sorted(names(timeline)) == ["a", "b"]


def test_old_runs_are_indexed_backwards_and_new_ones_forwards(timeline, tmp_path):
    old = send(tmp_path, *(f"o{number}" for number in range(BATCH + 1)), at=time.time() - 1000)
    assert timeline.index_some() == BATCH
    assert indexed(timeline) == old[:0:-1]
    assert len(names(timeline, limit=1000)) == BATCH + 1, "the oldest is found in the journal"
    timeline.index_some()
    assert indexed(timeline) == old[::-1]
    new = send(tmp_path, "new", at=time.time())
    later = time.time() + 60
    while timeline.index_some(now=later):
        pass
    assert indexed(timeline) == new + old[::-1]
    assert names(timeline, limit=2) == ["new", f"o{BATCH}"]


def test_test_and_live_are_never_mixed_in_the_index(timeline, tmp_path):
    send(tmp_path, "a", at=time.time() - 100)
    while timeline.index_some():
        pass
    assert names(timeline, Wish("live")) == names(timeline, Wish("live", search="welcomed")) == []
    assert names(timeline, Wish("test")) == ["a"]


def test_runs_of_the_same_moment_are_all_there(timeline, tmp_path):
    at = int((time.time() - 100) * 1000) << 80

    async def run():
        journal = Journal(state_folder(tmp_path))
        pipeline = Pipeline(read_project(tmp_path), "test", environ={}, journal=journal)
        for number in range(3):
            await pipeline.run(IncomingEvent("welcomed", {"name": f"n{number}"}, run=in_base_32(at | number, 120)))
        await pipeline.close()
        journal.close()

    asyncio.run(run())
    while timeline.index_some(now=FUTURE):
        pass
    assert sorted(names(timeline)) == ["n0", "n1", "n2"]
    assert sorted(names(timeline, limit=2) + names(timeline, before=timeline.page(WISH, limit=2).older)) == [
        "n0",
        "n1",
        "n2",
    ]


def change(folder, statement, *values):
    async def run():
        journal = Journal(state_folder(folder))
        await journal.change(lambda connection: connection.execute(statement, values))
        journal.close()

    asyncio.run(run())


def test_a_run_that_ends_later_is_found_by_its_status(timeline, tmp_path):
    (run,) = send(tmp_path, "slow", at=time.time() - 100)
    change(tmp_path, "UPDATE runs SET status = 'running' WHERE id = ?", run)
    while timeline.index_some():
        pass
    assert names(timeline, Wish(status="running")) == ["slow"]
    change(tmp_path, "UPDATE runs SET status = 'failed' WHERE id = ?", run)
    timeline.index_some()
    assert names(timeline, Wish(status="failed")) == ["slow"]
    assert names(timeline, Wish(status="running")) == []


def test_what_the_journal_forgets_is_gone_from_the_index(timeline, tmp_path):
    old, new = send(tmp_path, "old", "new", at=time.time() - 100)
    while timeline.index_some():
        pass
    change(tmp_path, "DELETE FROM deliveries WHERE run = ?", old)
    change(tmp_path, "DELETE FROM runs WHERE id = ?", old)
    assert names(timeline) == ["new"]
    timeline.index_some()
    assert indexed(timeline) == [new]


@pytest.mark.parametrize("damage", [b"this is no database, and long enough to be looked at as one" * 99, b""])
def test_an_index_that_is_damaged_is_made_again(state, tmp_path, damage):
    first = Timeline(state, lambda: read_project(tmp_path))
    send(tmp_path, "a", at=time.time() - 100)
    first.close()
    (state / FILE_NAME).write_bytes(damage)
    second = Timeline(state, lambda: read_project(tmp_path))
    while second.index_some():
        pass
    assert names(second) == ["a"]
    second.close()


def test_an_index_that_another_has_locked_is_not_made_again(state, tmp_path, monkeypatch):
    send(tmp_path, "Ann", at=time.time() - 100)
    with closing(Timeline(state, lambda: read_project(tmp_path))) as first:
        while first.index_some():
            pass
        before = indexed(first)
    monkeypatch.setattr("eventwire.server.timeline.BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(state / FILE_NAME, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="database is locked"):
            Timeline(state, lambda: read_project(tmp_path))
        other.execute("ROLLBACK")
    with closing(Timeline(state, lambda: read_project(tmp_path))) as again:
        assert indexed(again) == before != []


def test_the_index_is_for_this_user_only(timeline, state):
    assert (state / FILE_NAME).stat().st_mode & 0o077 == 0
