"""A project against real PostgreSQL and Redis, as the tutorial makes it; and what happens where a server says no."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import uuid
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis

from tests.servers import POSTGRESQL, REDIS, closed_port, require
from tests.tools import EVENTWIRE, Terminal, environment, process

SAMPLE = {"id": 7, "name": "Ana", "address": {"city": "Recife"}, "signed-up": "2026-01-02T03:04:05Z", "plan": "pro"}
PROPERTIES = ("id:integer", "name:string", "address.city:string", "signed-up:date-time", "plan:string?")


def sql(statement):
    async def run():
        connection = await asyncpg.connect(POSTGRESQL)
        try:
            return [dict(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return asyncio.run(run())


def postgresql(**changes):
    parts = urlsplit(POSTGRESQL)
    given = {
        "host": parts.hostname,
        "port": parts.port or 5432,
        "database": parts.path.lstrip("/"),
        "user": parts.username,
    }
    return [part for key, value in (given | changes).items() for part in ("--test", f"{key}={value}")]


def redis_settings(**changes):
    parts = urlsplit(REDIS)
    given = {"host": parts.hostname, "port": parts.port, "database": parts.path.lstrip("/") or 0}
    return [part for key, value in (given | changes).items() for part in ("--test", f"{key}={value}")]


@pytest.fixture
def shop(tmp_path):
    """The tutorial's project, by the installed command alone; `shop.table` and `shop.prefix` are its own."""
    require("postgresql", POSTGRESQL)
    require("redis", REDIS)
    name = f"ew_{uuid.uuid4().hex[:10]}"
    sql(f"CREATE TABLE {name} (id integer PRIMARY KEY, name text, city text, signed_up timestamptz)")

    def eventwire(*arguments, exit_code=0, **environ):
        done = process(*arguments, folder=tmp_path, environ=environment(tmp_path, **environ))
        assert done.exit_code == exit_code, done.output
        return done

    eventwire("init", "--name", "shop")
    eventwire("add:event", "signed-up", *(part for each in PROPERTIES for part in ("--property", each)))
    (tmp_path / "samples" / "signed-up.json").write_text(json.dumps(SAMPLE))
    eventwire("add:service-account", "warehouse", "--service", "postgresql", *postgresql())
    eventwire("add:service-account", "cache", "--service", "redis", *redis_settings())
    values = {"id": "{id}", "name": "{name}", "city": "{address.city}", "signed_up": "{signed-up}"}
    columns = [part for key, value in values.items() for part in ("--set", f"values.{key}={value}")]
    path = ("add:action", "signed-up", "on-event")
    eventwire(
        *path, "store", "--service-account", "warehouse", "--action", "insert", "--set", f"table={name}", *columns
    )
    key = ("--set", f"key={name}:{{id}}", "--set", "value={name}")
    eventwire(*path, "remember", "--service-account", "cache", "--action", "set", *key)
    eventwire.folder, eventwire.name = tmp_path, name
    yield eventwire
    sql(f"DROP TABLE {name}")
    client = redis.Redis.from_url(REDIS)
    client.delete(f"{name}:7")
    client.close()


def statuses(record):
    return {action["name"]: action["status"] for each in record["filters"] for action in each["actions"]}


def test_an_event_goes_into_postgresql_and_redis_in_parallel(shop):
    shop("check")
    record = shop("run", "signed-up", "--json").document
    assert statuses(record) == {"store": "succeeded", "remember": "succeeded"}
    (row,) = sql(f"SELECT * FROM {shop.name}")
    assert (row["id"], row["name"], row["city"]) == (7, "Ana", "Recife")
    assert row["signed_up"].isoformat() == "2026-01-02T03:04:05+00:00"
    client = redis.Redis.from_url(REDIS)
    assert client.get(f"{shop.name}:7") == b"Ana"
    client.close()


def test_a_constraint_that_is_violated_fails_its_action_only(shop):
    shop("run", "signed-up")
    record = shop("run", "signed-up", "--json", exit_code=5).document
    assert record["status"] == "partial"
    assert statuses(record) == {"store": "failed", "remember": "succeeded"}
    (error,) = [each["error"] for filters in record["filters"] for each in filters["actions"] if each["error"]]
    assert "duplicate key" in error["message"] and "already exists" in error["message"]


def test_a_server_that_is_down_fails_its_action_only(shop):
    port = closed_port()
    shop("add:service-account", "warehouse", *postgresql(host="127.0.0.1", port=port), "--no-verify")
    done = shop("run", "signed-up", "--json", exit_code=5)
    assert statuses(done.document) == {"store": "failed", "remember": "succeeded"}
    assert f"127.0.0.1:{port}" in done.stdout and "Is a server running" in done.stdout


def test_a_wrong_password_is_a_credential_error(shop):
    client = redis.Redis.from_url(REDIS)
    client.execute_command("ACL", "SETUSER", shop.name, "on", ">right", "~*", "+@all")
    try:
        shop("add:service-account", "cache", *redis_settings(user=shop.name), "--no-verify")
        wrong = {"EVENTWIRE_CACHE_TEST_PASSWORD": "hunter2"}
        done = shop("run", "signed-up", "--only", "on-event/remember", "--json", exit_code=4, **wrong)
        assert "hunter2" not in done.output
        assert statuses(done.document)["remember"] == "failed"
        refused = shop("add:service-account", "cache", *redis_settings(user=shop.name), exit_code=4, **wrong)
        assert "Error: Redis: " in refused.stderr
        shop("run", "signed-up", "--only", "on-event/remember", EVENTWIRE_CACHE_TEST_PASSWORD="right")
    finally:
        client.execute_command("ACL", "DELUSER", shop.name)
        client.close()


def test_a_missing_table_is_told_in_the_servers_words(shop):
    text = (shop.folder / "eventwire.toml").read_text()
    (shop.folder / "eventwire.toml").write_text(text.replace(f'table = "{shop.name}"', 'table = "nowhere"'))
    done = shop("run", "signed-up", exit_code=5)
    assert 'relation "nowhere" does not exist' in done.stdout


def test_ctrl_c_gives_running_actions_their_time_and_records_them(shop):
    shop(
        *("add:action", "signed-up", "on-event", "wait", "--service-account", "warehouse", "--action", "execute"),
        *("--set", "statement=SELECT pg_sleep(1)"),
    )
    running = subprocess.Popen(
        [EVENTWIRE, "run", "signed-up", "--json"],
        cwd=shop.folder,
        env=environment(shop.folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not sql(f"SELECT 1 FROM {shop.name}") and running.poll() is None:
        pass
    running.send_signal(signal.SIGINT)
    out, said = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "running actions have 10 seconds" in said
    assert statuses(json.loads(out)) == {"store": "succeeded", "remember": "succeeded", "wait": "succeeded"}


def test_a_second_ctrl_c_stops_at_once_and_says_what_is_not_known(shop):
    shop(
        *("add:action", "signed-up", "on-event", "wait", "--service-account", "warehouse", "--action", "execute"),
        *("--set", "statement=SELECT pg_sleep(60)"),
    )
    running = subprocess.Popen(
        [EVENTWIRE, "run", "signed-up", "--json"],
        cwd=shop.folder,
        env=environment(shop.folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not sql(f"SELECT 1 FROM {shop.name}") and running.poll() is None:
        pass
    running.send_signal(signal.SIGINT)
    assert "Stopping" in running.stderr.readline()
    running.send_signal(signal.SIGINT)
    out, _ = running.communicate(timeout=30)
    assert running.returncode == 130
    assert statuses(json.loads(out))["wait"] == "unknown"


def test_real_tables_and_columns_are_offered_with_wildcards_of_the_same_name(shop):
    given = ("add:action", "signed-up", "on-event", "again", "--service-account", "warehouse", "--action", "upsert")
    with Terminal(EVENTWIRE, *given, folder=shop.folder) as terminal:
        terminal.choose("Table:", shop.name)
        for column, wildcard in (
            ("id", "{id}"),
            ("name", "{name}"),
            ("city", "{address.city}"),
            ("signed_up", "{signed-up}"),
        ):
            terminal.asked(f"{column} =")
            terminal.expect(wildcard)
            terminal.type(terminal.ENTER)
        terminal.answer("Columns that are unique together", "id")
        terminal.answer("Columns that are unique together")
        terminal.choose("Set another field?", "No more fields")
        terminal.expect(f'INSERT INTO "{shop.name}"')
        terminal.answer("Add this action?")
        assert terminal.end() == 0
    shop("run", "signed-up", "--only", "on-event/again")
    shop("run", "signed-up", "--only", "on-event/again")
    assert len(sql(f"SELECT * FROM {shop.name}")) == 1


def test_settings_that_flags_leave_open_are_asked_for(shop):
    given = (
        "add:service-account",
        "other",
        "--service",
        "postgresql",
        "--test",
        f"host={urlsplit(POSTGRESQL).hostname}",
    )
    with Terminal(EVENTWIRE, *given, folder=shop.folder) as terminal:
        terminal.answer("Database:", urlsplit(POSTGRESQL).path.lstrip("/"))
        terminal.answer("User:", str(urlsplit(POSTGRESQL).username))
        terminal.expect("test: PostgreSQL")
        assert terminal.end() == 0
