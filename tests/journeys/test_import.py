"""From a project of ReactiveHub's to a run against real servers, by the installed command alone."""

from __future__ import annotations

import shutil
import uuid
from urllib.parse import urlsplit

import pytest
import redis

from tests.importing.sources import BAKERY
from tests.servers import REDIS, require
from tests.tools import process

ORDER = '{{"id": "{}", "total": 200, "note": "ring", "delivery-zone": "north-1", "event": {{"id": "t1"}}, '
ORDER += '"customer": {{"name": "Ana", "email": "ana@shop.example", "country": "BR"}}}}'


@pytest.fixture
def bakery(tmp_path):
    """Runs a command in the imported bakery."""
    shutil.copytree(BAKERY, tmp_path / "bakery")
    done = process("import", "bakery", folder=tmp_path)
    assert done.exit_code == 0, done.output
    return lambda *arguments: process(*arguments, folder=tmp_path / "corner-bakery")


def test_the_result_is_checked_listed_and_run_dry(bakery):
    checked = bakery("check", "--json")
    assert checked.exit_code == 0, checked.output
    waiting = [each["next_step"] for each in checked.document["problems"] if each["rule"] == "no-settings"]
    assert len(waiting) == 6
    cache = (
        "Give them with: eventwire add:service-account cache --service redis --test host=HOST --test-secret password=-"
    )
    assert cache in waiting
    listed = bakery("list")
    assert "postgresql insert through orders-db" in listed.stdout
    assert "cache  redis, no settings" in listed.stdout
    dry = bakery("run", "order-order-placed", "--data", ORDER.format(1), "--dry-run", "--json")
    assert dry.exit_code == 4, dry.output  # where the kitchen is, only its account will say
    actions = {each["name"]: each for found in dry.document["filters"] for each in found["actions"]}
    assert {name for name, each in actions.items() if each["status"] == "planned"} == set(actions) - {"tell-kitchen"}
    assert actions["store-order"]["request"]["parameters"] == ["1", 200, "Ana <ana@shop.example>", "t1"]
    assert actions["tell-kitchen"]["error"]["next_step"] == (
        "Add them with: eventwire add:service-account kitchen --service http --test base-url=BASE-URL"
    )
    kitchen = ("kitchen", "--service", "http", "--test", "base-url=https://kitchen.example")
    assert bakery("add:service-account", *kitchen, "--no-verify").exit_code == 0
    dry = bakery("run", "order-order-placed", "--data", ORDER.format(1), "--dry-run", "--json")
    assert dry.exit_code == 0, dry.output
    requests = {each["name"]: each["request"] for found in dry.document["filters"] for each in found["actions"]}
    assert requests["tell-kitchen"]["url"] == "https://kitchen.example/orders/1"
    assert requests["tell-kitchen"]["body"] == '{"text":"braces {\\"stay\\": \\"ring\\"} and {} too","total":200}'


def test_an_account_works_once_it_has_its_credentials(bakery):
    require("redis", REDIS)
    parts = urlsplit(REDIS)
    identifier = uuid.uuid4().hex
    line = (
        "run",
        "order-order-placed",
        "--data",
        ORDER.format(identifier),
        "--only",
        "on-event/store-order-2",
        "--json",
    )
    waiting = bakery(*line)
    assert waiting.exit_code == 4, waiting.output
    (found,) = [each for each in waiting.document["filters"] if each["name"] == "on-event"]
    (action,) = [each for each in found["actions"] if each["name"] == "store-order-2"]
    assert "add:service-account cache --service redis --test host=HOST" in action["error"]["next_step"]
    settings = {"host": parts.hostname, "port": parts.port or 6379, "database": parts.path.lstrip("/") or 0}
    flags = [part for key, value in settings.items() for part in ("--test", f"{key}={value}")]
    added = bakery("add:service-account", "cache", "--service", "redis", *flags)
    assert added.exit_code == 0, added.output
    assert bakery(*line).exit_code == 0
    client = redis.Redis.from_url(REDIS)
    try:
        assert client.getdel(f"order:{identifier}") == b'{"name":"Ana","total":200}'
    finally:
        client.close()
