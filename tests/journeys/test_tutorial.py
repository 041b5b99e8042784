"""The tutorial's commands are run, word for word but for the servers' addresses."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import redis

from tests.servers import POSTGRESQL, REDIS, require
from tests.tools import environment

TUTORIAL = (Path(__file__).parent.parent.parent / "docs" / "tutorial.md").read_text(encoding="utf-8")
POSTGRESQL_ACCOUNT = "--test host=localhost --test database=shop_test --test user=postgres"
REDIS_ACCOUNT = "--service redis --test host=localhost"


def sql(statement, database=None):
    async def run():
        url = urlunsplit(urlsplit(POSTGRESQL)._replace(path=f"/{database}")) if database else POSTGRESQL
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return asyncio.run(run())


@pytest.fixture
def database():
    """An empty database of the test's own, and a Redis without the tutorial's key."""
    require("postgresql", POSTGRESQL)
    require("redis", REDIS)
    name = f"ew_tutorial_{uuid.uuid4().hex[:10]}"
    sql(f"CREATE DATABASE {name}")
    client = redis.Redis.from_url(REDIS)
    yield name
    sql(f"DROP DATABASE {name}")
    client.delete("customer:7")
    client.close()


def commands(database):
    """The tutorial's commands but for those with live credentials, for the servers that there are."""
    parts, cache = urlsplit(POSTGRESQL), urlsplit(REDIS)
    warehouse = f"--test host={parts.hostname} --test port={parts.port or 5432} --test database={database}"
    number = cache.path.lstrip("/") or 0
    found = re.findall(r"```sh\n(.*?)```", TUTORIAL.partition("## 6. Live")[0], re.DOTALL)
    text = "\n".join(found)
    for tutorial, here in (
        (POSTGRESQL_ACCOUNT, f"{warehouse} --test user={parts.username}"),
        (
            REDIS_ACCOUNT,
            f"--service redis --test host={cache.hostname} --test port={cache.port} --test database={number}",
        ),
    ):
        assert tutorial in text
        text = text.replace(tutorial, here)
    (table,) = re.findall(r"^psql -d shop_test -c '(.*)'\n", text)
    return table, text.partition("\n")[2]


def test_the_tutorial(tmp_path, database):
    table, script = commands(database)
    sql(table, database)
    ((sample, content),) = re.findall(r"`(samples/\S+\.json)`:\n\n```json\n(.*?)```", TUTORIAL, re.DOTALL)
    added = script.index("eventwire add:service-account")
    script = f"{script[:added]}cat > {sample} <<'END'\n{content}END\n{script[added:]}"
    environ = environment(tmp_path) | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def bash(text, folder):
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    done = bash(script, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No problems found" in done.stdout
    assert sql("SELECT id, name, city FROM customers", database) == [(7, "Ana", "Recife")]
    client = redis.Redis.from_url(REDIS)
    assert client.get("customer:7") == b"Ana"
    client.close()
    again = bash("eventwire run customer-signed-up", tmp_path / "shop")
    assert again.returncode == 5, again.stderr
    assert "✓ remember" in again.stdout
    assert "duplicate key" in again.stdout
