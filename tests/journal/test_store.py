"""The journal: what it keeps, and what it says when it cannot."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from fcntl import LOCK_SH, flock
from pathlib import Path

import pytest
from msgspec.structs import replace

from eventwire.journal import store, writer
from eventwire.journal.owners import is_alive
from eventwire.journal.rows import AcceptedRun, EndedRun, FinishedDelivery, PlannedDelivery
from eventwire.journal.schema import APPLICATION_ID, MIGRATIONS
from eventwire.journal.store import Journal, JournalError, KeyTaken
from eventwire.journal.writes import Entries, TooMuch, as_json
from tests.journal.writing import begin


def accepted(run: str, *, key: str | None = None, received_at: float = 1.0) -> AcceptedRun:
    return AcceptedRun(run, "new-customer", "test", "cli", key, received_at, '{"id": 1}', "hash", "[]")


def planned(run: str, position: int = 0) -> PlannedDelivery:
    return PlannedDelivery(run, position, "on-event", f"a{position}", "acc", "file", "append", "ew_1", "started", "{}")


def finished(run: str, position: int = 0) -> FinishedDelivery:
    return FinishedDelivery(run, position, "succeeded", 1, 0.5, 2.5, '{"lines": 1}', None)


def others_view(journal: Journal, sql: str) -> list[tuple[object, ...]]:
    """What another program sees in the file."""
    connection = sqlite3.connect(f"file:{journal.path}?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


@pytest.fixture
def journal(tmp_path: Path):
    journal = Journal(tmp_path)
    yield journal
    journal.close()


def test_a_run_is_in_the_file_before_begin_returns(journal):
    async def work():
        await begin(journal, accepted("r1"), [planned("r1")])
        assert others_view(journal, "SELECT id, status FROM runs") == [("r1", "running")]
        assert others_view(journal, "SELECT name, status FROM deliveries") == [("a0", "started")]

    asyncio.run(work())


def test_the_last_outcome_and_the_end_of_its_run_are_written_together(journal):
    async def whole():
        await begin(journal, accepted("r1"), [planned("r1", 0), planned("r1", 1)])
        await journal.finish([finished("r1", 0)])
        assert others_view(journal, "SELECT status FROM runs") == [("running",)]
        await journal.finish([finished("r1", 1)], EndedRun("r1", "succeeded", 3.25))

    asyncio.run(whole())
    assert others_view(journal, "SELECT status, duration_ms FROM runs") == [("succeeded", 3.25)]
    assert [row["status"] for row in journal.deliveries("r1")] == ["succeeded", "succeeded"]


def test_commits_survive_power_loss_by_being_synchronous(tmp_path):
    Journal(tmp_path).close()
    connection = store.open_database(tmp_path / store.FILE_NAME)
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    connection.close()


def test_an_idempotency_key_is_taken_once_an_event_and_environment(journal):
    async def twice():
        await begin(journal, accepted("r1", key="k"), [])
        with pytest.raises(KeyTaken):
            await begin(journal, accepted("r2", key="k"), [planned("r2")])

    asyncio.run(twice())
    assert journal.find_by_key("new-customer", "test", "k")["id"] == "r1"
    assert journal.find_by_key("new-customer", "live", "k") is None
    assert journal.deliveries("r2") == []


def write_twenty_of_which_one_fails(journal):
    async def many():
        batches = [begin(journal, accepted(f"r{n}", key="same" if n in (3, 7) else None), []) for n in range(20)]
        return await asyncio.gather(*batches, return_exceptions=True)

    outcomes = asyncio.run(many())
    assert sum(isinstance(outcome, KeyTaken) for outcome in outcomes) == 1
    assert len(others_view(journal, "SELECT id FROM runs")) == 19


def test_one_batch_that_fails_does_not_take_its_neighbours_along(journal):
    write_twenty_of_which_one_fails(journal)


def test_what_waits_is_committed_together(tmp_path, monkeypatch):
    commits = []
    original = store.Writer._next_group

    def counting(writer):
        group = original(writer)
        if group:
            commits.append(sum(len(portion.batches) for portion in group))
        return group

    monkeypatch.setattr(store.Writer, "_next_group", counting)
    journal = Journal(tmp_path)

    async def many():
        await asyncio.gather(*(begin(journal, accepted(f"r{n}"), []) for n in range(500)))

    asyncio.run(many())
    written = len(journal.recent(1000))
    journal.close()
    assert sum(commits) == 500
    assert len(commits) < 250
    assert written == 500


def test_close_writes_what_was_handed_over(tmp_path):
    journal = Journal(tmp_path)

    async def work():
        waiting = [asyncio.ensure_future(begin(journal, accepted(f"r{n}"), [])) for n in range(50)]
        await asyncio.sleep(0)
        journal.close()
        await asyncio.gather(*waiting)

    asyncio.run(work())
    reopened = Journal(tmp_path)
    assert len(reopened.recent(100)) == 50
    reopened.close()


def test_recent_runs_come_newest_first(journal):
    async def work():
        for number in (2, 3, 1):
            await begin(journal, accepted(f"r{number}", received_at=float(number)), [])

    asyncio.run(work())
    assert [row["id"] for row in journal.recent(2)] == ["r3", "r2"]


def test_two_processes_can_write_at_once(tmp_path):
    first, second = Journal(tmp_path), Journal(tmp_path)

    async def both():
        writes = [
            begin(each, accepted(f"{name}{n}"), []) for name, each in (("a", first), ("b", second)) for n in range(50)
        ]
        await asyncio.gather(*writes)

    asyncio.run(both())
    assert len(first.recent(200)) == 100
    first.close()
    second.close()


def test_a_journal_that_stays_locked_is_an_error_that_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.1)
    journal = Journal(tmp_path)
    blocker = sqlite3.connect(journal.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match="another process has kept it locked") as raised:
        asyncio.run(begin(journal, accepted("r1"), []))
    assert "fuser" in raised.value.next_step
    blocker.execute("ROLLBACK")
    blocker.close()
    asyncio.run(begin(journal, accepted("r1"), []))
    journal.close()


def test_waiting_for_a_lock_that_is_let_go_succeeds(journal):
    blocker = sqlite3.connect(journal.path, isolation_level=None, check_same_thread=False)
    blocker.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.2, lambda: blocker.execute("ROLLBACK"))
    release.start()
    asyncio.run(begin(journal, accepted("r1"), []))
    release.join()
    blocker.close()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"this is no database, but a text of some length" * 40, "not a SQLite database"), (None, "another program")],
)
def test_a_foreign_file_is_refused_and_left_as_it_is(tmp_path, content, sentence):
    path = tmp_path / store.FILE_NAME
    if content is None:
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE notes (text)")
        other.commit()
        other.close()
        content = path.read_bytes()
    else:
        path.write_bytes(content)
    with pytest.raises(JournalError, match=sentence):
        Journal(tmp_path)
    assert path.read_bytes()[100:] == content[100:]


def test_a_newer_journal_is_refused(tmp_path):
    other = sqlite3.connect(tmp_path / store.FILE_NAME)
    other.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    other.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    other.close()
    with pytest.raises(JournalError, match="newer version of eventwire"):
        Journal(tmp_path)


def test_a_folder_that_cannot_be_written_is_an_error_that_says_so(tmp_path):
    with pytest.raises(JournalError, match="read-only"):
        Journal(tmp_path / "missing")


def test_a_full_disk_is_an_error_and_the_rest_stays_readable(tmp_path):
    journal = Journal(tmp_path)
    asyncio.run(begin(journal, accepted("r1"), []))
    journal.close()

    def open_full(path):
        connection = store.open_database(path)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    journal = Journal(tmp_path)
    journal._writer = store.Writer(
        lambda: open_full(journal.path), lambda error: store.translation(error, journal.path), lambda: "me"
    )
    big = AcceptedRun("r2", "e", "test", "cli", None, time.time(), "x" * 1_000_000, "h", "[]")
    with pytest.raises(JournalError, match="the disk is full"):
        asyncio.run(begin(journal, big, []))
    assert [row["id"] for row in journal.recent(10)] == ["r1"]
    journal.close()


def test_a_run_has_not_ended_while_an_outcome_of_it_is_missing(journal):
    async def whole():
        await begin(journal, accepted("r1"), [planned("r1", 0), planned("r1", 1)])
        await journal.finish([finished("r1", 1)], EndedRun("r1", "succeeded", 3.25))

    asyncio.run(whole())
    assert others_view(journal, "SELECT status FROM runs") == [("running",)]


def test_a_run_ends_in_the_same_commit_as_its_outcomes_whatever_else_is_in_it(journal):
    async def whole():
        await asyncio.gather(*(begin(journal, accepted(run), [planned(run)]) for run in ("r1", "r2", "r3")))
        await asyncio.gather(journal.finish([finished("r1")]), journal.finish([finished("r2")]))
        # the first of these asks for an end before any outcome of the last is written
        both = [journal.finish([], EndedRun("r1", "succeeded", 1)), journal.finish([finished("r3")])]
        await asyncio.gather(*both, journal.finish([], EndedRun("r3", "succeeded", 1)))

    asyncio.run(whole())
    assert others_view(journal, "SELECT id FROM runs WHERE status = 'succeeded'") == [("r1",), ("r3",)]


def test_others_who_look_at_the_same_moment_are_not_taken_for_the_owner(tmp_path):
    folder = tmp_path / "owners"
    folder.mkdir()
    (folder / "dead").touch()
    with (folder / "dead").open("rb") as looking:
        flock(looking, LOCK_SH)
        assert not is_alive(tmp_path, "dead")


def test_a_value_that_cannot_be_written_does_not_take_its_neighbours_along(journal):
    async def together():
        runs = [begin(journal, accepted(run, key=key), []) for run, key in (("r1", "a"), ("r2", "\ud800"), ("r3", "b"))]
        return await asyncio.gather(*runs, return_exceptions=True)

    outcomes = asyncio.run(together())
    assert [type(each) for each in outcomes] == [type(None), UnicodeEncodeError, type(None)]
    assert others_view(journal, "SELECT id FROM runs ORDER BY id") == [("r1",), ("r3",)]


def test_a_second_journal_in_the_process_does_not_take_the_locks_of_the_first(tmp_path):
    """Closing a file lets go of every lock that the process has on it: then another process takes the WAL away."""
    first, second = Journal(tmp_path), Journal(tmp_path)
    asyncio.run(begin(first, accepted("r1"), []))
    look = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT count(*) FROM runs').fetchone(); c.close()"
    subprocess.run([sys.executable, "-c", look, str(first.path)], check=True)
    assert first.path.with_name(f"{store.FILE_NAME}-wal").exists(), "somebody has the journal open"
    asyncio.run(begin(first, accepted("r2"), []))
    asyncio.run(begin(second, accepted("r3"), []))
    assert [row["id"] for row in first.recent(9)] == ["r3", "r2", "r1"]
    first.close()
    second.close()


def test_the_journal_is_for_this_user_only(tmp_path):
    (tmp_path / store.FILE_NAME).touch(0o644)
    Journal(tmp_path).close()
    assert (tmp_path / store.FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_a_group_of_more_characters_than_one_statement_takes_is_written_in_parts(journal, monkeypatch):
    monkeypatch.setattr(writer, "GROUP_CHARACTERS", 1000)
    write_twenty_of_which_one_fails(journal)


def test_a_group_writes_the_rows_of_all_its_portions(tmp_path):
    Journal(tmp_path).close()
    portions = [as_json([accepted("r1"), planned("r1")]), as_json([finished("r1")]), as_json([accepted("r2", key="k")])]
    with closing(store.open_database(tmp_path / store.FILE_NAME)) as connection:
        Entries(connection).write(portions, None)
        assert [row["id"] for row in connection.execute("SELECT id FROM runs ORDER BY id")] == ["r1", "r2"]
        assert [row["status"] for row in connection.execute("SELECT status FROM deliveries")] == ["succeeded"]


def test_rows_that_are_too_much_at_once_are_not_written(tmp_path):
    Journal(tmp_path).close()
    with closing(store.open_database(tmp_path / store.FILE_NAME)) as connection:
        with pytest.raises(TooMuch):
            Entries(connection).write([as_json([accepted("r1")]), as_json([accepted("r2")])], None, most_characters=100)
        assert not connection.execute("SELECT id FROM runs").fetchall()


@pytest.mark.parametrize(
    "text", ['{"a": "\\u0000"}', "\\\\u0000", 'quotes " and \\ and \u2028 and \b', "🙂", "0" * 5000]
)
def test_texts_are_kept_as_they_are(journal, text):
    asyncio.run(begin(journal, replace(accepted("r1"), payload=text), []))
    assert journal.run("r1")["payload"] == text


@pytest.mark.parametrize("text", ["a\0b", "\0", "\\\0"])
def test_a_text_that_would_be_cut_off_is_not_written(journal, text):
    with pytest.raises(ValueError, match="U.0000"):
        asyncio.run(begin(journal, accepted("r1", key=text), []))
    assert journal.run("r1") is None


@pytest.mark.parametrize("moment", [0.1 + 0.2, 1732560000.1234567, 1e22, 1e-7])
def test_numbers_are_kept_as_they_are(journal, moment):
    asyncio.run(begin(journal, accepted("r1", received_at=moment), []))
    assert journal.run("r1")["received_at"] == moment


def test_nothing_is_written_as_well(journal):
    async def work():
        await asyncio.gather(journal.finish([]), begin(journal, accepted("r1"), []), journal.finish([]))
        await journal.finish([])

    asyncio.run(work())
    assert others_view(journal, "SELECT id FROM runs") == [("r1",)]


def test_what_is_written_after_a_transaction_was_lost(journal):
    """Kinds of rows that came for the first time in it are written as any others."""

    async def work():
        await begin(journal, accepted("r1", key="same"), [planned("r1")])
        twice = [begin(journal, accepted(run, key="same"), [planned(run)]) for run in ("r2", "r3")]
        mixed = [journal.start("r1", 0), journal.let_go("r1", 1.0), journal.finish([finished("r1")])]
        outcomes = await asyncio.gather(*twice, *mixed, return_exceptions=True)
        assert [isinstance(each, KeyTaken) for each in outcomes] == [True, True, False, False, False]
        await journal.finish([], EndedRun("r1", "succeeded", 3.25))

    asyncio.run(work())
    assert others_view(journal, "SELECT id, status FROM runs") == [("r1", "succeeded")]


def test_several_that_open_a_new_journal_at_the_same_moment(tmp_path):
    for attempt in range(20):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        together = threading.Barrier(6)

        def open_it(_: int, folder: Path = folder, together: threading.Barrier = together) -> str:
            together.wait()
            journal = Journal(folder)
            mode = journal._reader.execute("PRAGMA journal_mode").fetchone()[0]
            journal.close()
            return mode

        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(open_it, range(6))) == ["wal"] * 6
