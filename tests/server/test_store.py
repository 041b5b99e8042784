"""The server's file: private, shared by processes, and careful with what is not its own."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from multiprocessing import get_context

import pytest

from eventwire.server.store import MIGRATIONS, Store, StoreError


def test_only_this_user_can_read_it(tmp_path):
    (tmp_path / "server.sqlite3").touch(mode=0o644)
    with Store(tmp_path) as store:
        store.claim_id("hook", "1", 0, 60)
        files = list(tmp_path.iterdir())
        assert {path.name for path in files} >= {"server.sqlite3", "server.sqlite3-wal"}
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_it_is_in_wal_mode_and_has_a_version(tmp_path):
    with Store(tmp_path) as store:
        assert store.first("PRAGMA journal_mode") == ("wal",)
        assert store.first("PRAGMA synchronous") == (2,)
        assert store.first("PRAGMA user_version") == (len(MIGRATIONS),)


def test_a_change_is_whole_or_not_at_all(store):
    with pytest.raises(RuntimeError), store.transaction() as connection:
        connection.execute("INSERT INTO seen VALUES ('hook', '1', 0)")
        raise RuntimeError
    assert store.rows("SELECT * FROM seen") == []


def test_another_programs_database_is_left_alone(tmp_path):
    with closing(sqlite3.connect(tmp_path / "server.sqlite3")) as other:
        other.execute("CREATE TABLE theirs (x)")
    before = (tmp_path / "server.sqlite3").read_bytes()
    with pytest.raises(StoreError, match="another program") as raised:
        Store(tmp_path)
    assert raised.value.next_step
    assert (tmp_path / "server.sqlite3").read_bytes() == before


def test_a_newer_one_is_left_alone(tmp_path):
    with Store(tmp_path) as store, store.transaction() as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer version"):
        Store(tmp_path)


def test_what_is_no_database_says_so(tmp_path):
    (tmp_path / "server.sqlite3").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match="damaged") as raised:
        Store(tmp_path)
    assert "Move it away" in raised.value.next_step


def test_a_folder_that_is_not_there_says_so(tmp_path):
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(tmp_path / "nowhere")


def test_an_id_is_claimed_once_and_forgotten_after_a_while(store):
    assert store.claim_id("hook", "1", now=0, keep_seconds=60)
    assert not store.claim_id("hook", "1", now=59, keep_seconds=60)
    assert store.claim_id("other", "1", now=59, keep_seconds=60)
    assert store.claim_id("hook", "1", now=61, keep_seconds=60)
    assert store.has_seen("hook", "1", now=62, keep_seconds=60)
    assert not store.has_seen("hook", "1", now=200, keep_seconds=60)
    assert not store.has_seen("hook", "2", now=62, keep_seconds=60)


def claim(folder, results):
    with Store(folder) as store:
        results.put(sum(store.claim_id("hook", str(number), now=0, keep_seconds=60) for number in range(50)))


def test_of_several_processes_one_gets_each_id(tmp_path):
    context = get_context("spawn")
    results = context.Queue()
    processes = [context.Process(target=claim, args=(tmp_path, results)) for _ in range(3)]
    for process in processes:
        process.start()
    assert sum(results.get(timeout=60) for _ in processes) == 50
    for process in processes:
        process.join()
