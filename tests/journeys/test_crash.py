"""The real process, killed at random moments, against real servers: what was acknowledged has its effects, nothing that is
safe or keyed happens twice, and the rest is unknown, exactly that."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sqlite3
import subprocess
import time
import uuid
from collections import Counter
from contextlib import closing
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis

from tests.journeys.unreliable import Unreliable
from tests.servers import POSTGRESQL, REDIS, require
from tests.tools import EVENTWIRE, environment, process

EVENTS = 400
ROUNDS = 12
NIGHTLY_ROUNDS = 300
PROJECT = """
[project]
name = "crash"

[service-accounts.db]
service = "postgresql"
test = {{ host = "{db.hostname}", port = {db_port}, database = "{database}", user = "{db.username}" }}

[service-accounts.cache]
service = "redis"
test = {{ host = "{cache.hostname}", port = {cache_port}, database = {number} }}

[events.e.model]
id = "integer"
{actions}
"""
ACTIONS = {
    "keyed": ("db", "insert", 'table = "{table}_keyed"\nvalues = {{ id = "{{id}}" }}\nkey-column = "key"'),
    "upserted": ("db", "upsert", 'table = "{table}_upserted"\nvalues = {{ id = "{{id}}" }}\nconflict = ["id"]'),
    "inserted": ("db", "insert", 'table = "{table}_inserted"\nvalues = {{ id = "{{id}}" }}'),
    "set": ("cache", "set", 'key = "{table}:set:{{id}}"\nvalue = "{{id}}"'),
    "counted": ("cache", "incr", 'key = "{table}:counted:{{id}}"'),
}
UNSAFE = ("inserted", "counted")


class Shop:
    """A project with an action of each kind, and what the servers have of it."""

    def __init__(self, folder, *, db_port=None, cache_port=None):
        self.folder = folder
        self.table = f"ew_crash_{uuid.uuid4().hex[:8]}"
        db, cache = urlsplit(POSTGRESQL), urlsplit(REDIS)
        actions = "".join(
            f'[events.e.filters.on-event.actions.{name}]\nservice-account = "{account}"\naction = "{does}"\n'
            f"timeout-seconds = 2\n{fields.format(table=self.table)}\n"
            for name, (account, does, fields) in ACTIONS.items()
        )
        (folder / "eventwire.toml").write_text(
            PROJECT.format(
                db=db,
                cache=cache,
                db_port=db_port or db.port or 5432,
                cache_port=cache_port or cache.port or 6379,
                database=db.path.lstrip("/"),
                number=cache.path.lstrip("/") or 0,
                actions=actions,
            )
        )
        lines = "".join(json.dumps({"id": number}) + "\n" for number in range(EVENTS))
        (folder / "events.ndjson").write_text(lines)
        self.cache = redis.Redis.from_url(REDIS)

    def sql(self, *statements):
        async def run():
            connection = await asyncpg.connect(POSTGRESQL)
            try:
                return [await connection.fetch(statement) for statement in statements][-1]
            finally:
                await connection.close()

        return asyncio.run(run())

    def make_tables(self):
        self.sql(
            f"CREATE TABLE {self.table}_keyed (id int, key text UNIQUE)",
            f"CREATE TABLE {self.table}_upserted (id int PRIMARY KEY)",
            f"CREATE TABLE {self.table}_inserted (id int)",
        )

    def remove(self):
        self.sql(*(f"DROP TABLE IF EXISTS {self.table}_{name}" for name in ("keyed", "upserted", "inserted")))
        for key in self.cache.scan_iter(f"{self.table}:*"):
            self.cache.delete(key)
        self.cache.close()

    def start(self):
        """A process on its way through all events, each with a key of its own."""
        return subprocess.Popen(
            [EVENTWIRE, "run", "e", "--each", "@events.ndjson", "--key", "{id}", "--concurrency", "40", "--json"],
            cwd=self.folder,
            env=environment(self.folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def effects(self):
        """How often each event has had its effect, by action."""
        found = {
            name: Counter(row["id"] for row in self.sql(f"SELECT id FROM {self.table}_{name}"))
            for name in ("keyed", "upserted", "inserted")
        }
        found["set"] = Counter(int(key.rpartition(b":")[2]) for key in self.cache.scan_iter(f"{self.table}:set:*"))
        keys = list(self.cache.scan_iter(f"{self.table}:counted:*"))
        values = self.cache.mget(keys) if keys else []
        pairs = zip(keys, values, strict=True)
        found["counted"] = Counter({int(key.rpartition(b":")[2]): int(value) for key, value in pairs})
        return found

    def journaled(self):
        """Each delivery's status, by action and event."""
        with closing(sqlite3.connect(self.folder / ".eventwire" / "journal.sqlite3")) as journal:
            rows = journal.execute(
                "SELECT d.name, json_extract(r.payload, '$.id'), d.status FROM deliveries d JOIN runs r ON r.id = d.run"
            ).fetchall()
            assert journal.execute("PRAGMA quick_check").fetchone() == ("ok",)
            assert journal.execute("SELECT count(*) FROM runs WHERE status = 'running'").fetchone() == (0,)
        return {(name, event): status for name, event, status in rows}

    def examine(self):
        """What holds once every run has ended, whatever has happened before."""
        effects, journaled = self.effects(), self.journaled()
        for (name, event), status in journaled.items():
            count = effects[name][event]
            assert count <= 1, f"{name} of event {event} happened {count} times"
            if status == "succeeded":
                assert count == 1, f"{name} of event {event} is said to have succeeded, and has no effect"
            else:
                assert (status, name in UNSAFE) == ("unknown", True), f"{name} of event {event} is {status}"
        for name, counts in effects.items():
            for event in counts:
                assert (name, event) in journaled, f"{name} of event {event} is in no journal"
        return journaled


@pytest.fixture
def shop(tmp_path):
    require("postgresql", POSTGRESQL)
    require("redis", REDIS)
    shop = Shop(tmp_path)
    shop.make_tables()
    yield shop
    shop.remove()


def kill_at_random(shop, seed):
    """Kill the process somewhere on its way, bring to an end what is left, and look; then run all events again."""
    running = shop.start()
    time.sleep(random.Random(seed).uniform(0.15, 0.9))
    running.send_signal(signal.SIGKILL)
    running.communicate()
    recovered = process("recover", "--json", folder=shop.folder)
    assert recovered.exit_code in (0, 3, 5), recovered.output
    if not (shop.folder / ".eventwire" / "journal.sqlite3").exists():
        return
    before = shop.examine()
    _, stderr = shop.start().communicate(timeout=60)
    after = shop.examine()
    assert len(after) == EVENTS * len(ACTIONS), stderr
    assert {key: after[key] for key in before} == before, "what was unknown or done is not run again"


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_process_that_is_killed(shop, seed):
    kill_at_random(shop, seed)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(ROUNDS, NIGHTLY_ROUNDS))
def test_a_process_that_is_killed_again_and_again(shop, seed):
    kill_at_random(shop, seed)


@pytest.mark.parametrize("seed", range(2))
def test_a_process_that_is_killed_while_it_recovers(shop, seed):
    chance = random.Random(seed)
    for _ in range(4):
        running = shop.start()
        while not (shop.folder / ".eventwire" / "journal.sqlite3-wal").exists() and running.poll() is None:
            time.sleep(0.01)
        time.sleep(chance.uniform(0.1, 0.4))
        running.send_signal(signal.SIGKILL)
        running.communicate()
    assert process("recover", folder=shop.folder).exit_code in (0, 5)
    shop.examine()


@pytest.mark.parametrize("behaviour", ["drop", "reset", "delay"])
def test_connections_that_are_cut_under_load(tmp_path, behaviour):
    require("postgresql", POSTGRESQL)
    require("redis", REDIS)
    with Unreliable(POSTGRESQL, behaviour) as db, Unreliable(REDIS, behaviour) as cache:
        shop = Shop(tmp_path, db_port=db.port, cache_port=cache.port)
        try:
            shop.make_tables()
            stdout, stderr = shop.start().communicate(timeout=120)
            db.become_reliable()
            cache.become_reliable()
            told = json.loads(stdout)
            assert told["events"] == EVENTS, stderr
            assert (behaviour == "delay") == (told["succeeded"] == EVENTS), "the connections were not cut"
            # what failed for good is a dead letter, and what may have happened is unknown; the rest is as it was told
            effects, journaled = shop.effects(), shop.journaled()
            for (name, event), status in journaled.items():
                assert effects[name][event] <= 1, f"{name} of event {event}: {status}"
                assert status != "succeeded" or effects[name][event] == 1
                assert status != "failed" or name not in UNSAFE or effects[name][event] == 0, (
                    f"{name} {event} had failed"
                )
            process("replay", "--status", "failed", "--yes", "--json", folder=shop.folder)
            after = shop.effects()
            for name in ("keyed", "upserted", "set"):
                assert {event: after[name][event] for event in range(EVENTS)} == dict.fromkeys(range(EVENTS), 1)
            assert max(after["inserted"].values()) == 1
        finally:
            shop.remove()


def test_a_server_that_is_stopped_and_started_under_load(tmp_path):
    require("postgresql", POSTGRESQL)
    require("redis", REDIS)
    with Unreliable(POSTGRESQL, "reliable") as db:
        shop = Shop(tmp_path, db_port=db.port)
        try:
            shop.make_tables()
            running = shop.start()
            time.sleep(0.5)
            db.stop()
            time.sleep(0.3)
            db.start()
            running.communicate(timeout=120)
            effects, journaled = shop.effects(), shop.journaled()
            for (name, event), status in journaled.items():
                assert effects[name][event] <= 1, f"{name} of event {event}: {status}"
                assert status != "succeeded" or effects[name][event] == 1
            assert all(status == "succeeded" for (name, _), status in journaled.items() if ACTIONS[name][0] == "cache")
        finally:
            shop.remove()
