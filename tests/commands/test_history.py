"""`eventwire history` and `eventwire inspect`: what the journal has."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from tests.tools import process, tool


def run(shop, *arguments: str) -> str:
    """Run the event; returns the run's id."""
    return str(tool("run", "new-customer", *arguments, "--json", folder=shop).document["id"])


def runs(shop, *arguments: str) -> list[dict]:
    return tool("history", *arguments, "--json", folder=shop).document["runs"]


def test_nothing_has_run_yet(shop):
    assert runs(shop) == []
    assert "No runs are found." in tool("history", folder=shop).stdout
    assert tool("inspect", "01", folder=shop).exit_code == 2


def test_the_newest_run_comes_first(shop):
    first, second = run(shop), run(shop, "--set", "amount=5")
    assert [each["id"] for each in runs(shop)] == [second, first]
    newest = runs(shop, "--limit", "1")[0]
    assert (newest["event"], newest["environment"], newest["status"]) == ("new-customer", "test", "succeeded")
    assert newest["match"] == {"filters": 2, "matched": 1}
    lines = tool("history", folder=shop).stdout.splitlines()
    assert lines[0].split() == ["When", "Event", "Environment", "Status", "Took", "Run"]
    assert lines[1].endswith(second)


def test_by_event_status_and_time(shop):
    run(shop)
    assert len(runs(shop, "--event", "new-customer", "--status", "succeeded", "--since", "1h")) == 1
    assert runs(shop, "--event", "other") == []
    assert runs(shop, "--status", "failed") == []
    assert runs(shop, "--since", "2999-01-01") == []
    assert tool("history", "--since", "yesterday", folder=shop).exit_code == 2
    assert tool("history", "--status", "lost", folder=shop).exit_code == 2


def test_a_run_in_full(shop):
    identifier = run(shop, "--set", "amount=99.5", "--key", "k-1")
    result = process("inspect", identifier, folder=shop)
    assert result.exit_code == 0
    for part in (
        "no match: amount is 99.5, 0.5 short of > 100",
        "from cli; idempotency key k-1",
        '"email": "ana@example.com"',
        "amount > 100  amount is 99.5, 0.5 short of > 100",
        "on-event/remember  file append  succeeded",
        'line: {"id":7,"name":"Ana Souza","city":"Recife"}',
    ):
        assert part in result.stdout
    document = tool("inspect", identifier, "--json", folder=shop).document
    assert document["payload"]["amount"] == 99.5
    assert (document["source"], document["idempotency_key"]) == ("cli", "k-1")
    explanation = document["filters"][1]["explanation"]
    assert explanation["clauses"][0]["nearest_miss"] == "amount is 99.5, 0.5 short of > 100"


def test_runs_that_kept_no_explanation_are_explained_by_the_condition_of_then(shop):
    payload = {"id": 1, "name": "Bo", "email": "b@x.de", "address": {"city": "Ulm", "country": "DE"}, "amount": 5}
    (shop / "many.ndjson").write_text(json.dumps(payload), encoding="utf-8")
    assert tool("run", "new-customer", "--each", "@many.ndjson", folder=shop).exit_code == 0
    text = (shop / "eventwire.toml").read_text(encoding="utf-8")
    (shop / "eventwire.toml").write_text(text.replace("amount > 100", "amount > 999"), encoding="utf-8")
    document = tool("inspect", runs(shop)[0]["id"], "--json", folder=shop).document
    assert document["filters"][1]["explanation"]["clauses"][0]["nearest_miss"] == "amount is 5, 95 short of > 100"


def test_the_beginning_of_an_id_is_enough_where_it_is_the_only_one(shop):
    identifier = run(shop)
    assert tool("inspect", identifier[:12], "--json", folder=shop).document["id"] == identifier
    run(shop)
    several = tool("inspect", "0", folder=shop)
    assert several.exit_code == 2
    assert 'Several runs begin with "0".' in several.stderr
    unknown = tool("inspect", identifier[:-1] + "!", folder=shop)
    assert unknown.exit_code == 2
    assert f"Did you mean {identifier}?" in unknown.stderr


@pytest.mark.parametrize("command", [["history"], ["inspect", "01"]])
def test_a_journal_that_cannot_be_read(shop, command):
    run(shop)
    (shop / ".eventwire" / "journal.sqlite3").write_bytes(b"no database at all" * 100)
    for left in (shop / ".eventwire").glob("journal.sqlite3-*"):
        left.unlink()
    result = tool(*command, folder=shop)
    assert result.exit_code == 1
    assert "journal.sqlite3 cannot be used" in result.stderr


def test_others_sql_reads_it_too(shop):
    identifier = run(shop)
    with closing(sqlite3.connect(shop / ".eventwire" / "journal.sqlite3")) as journal:
        assert journal.execute("SELECT id, status FROM runs").fetchall() == [(identifier, "succeeded")]
