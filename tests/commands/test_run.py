"""`eventwire run`."""

from __future__ import annotations

import json

import pytest

from tests.tools import tool

PAYLOAD = {"id": 1, "name": "Ana", "email": "a@b.c", "address": {"city": "Recife", "country": "BR"}, "amount": 5}


def lines_of(shop, environment: str, name: str) -> list[dict]:
    """What actions of the account `lines` have written."""
    path = shop / "output" / environment / name
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


@pytest.mark.parametrize("way", ["flag", "file", "stdin", "set"])
def test_payload_from_everywhere(shop, way):
    body = json.dumps(PAYLOAD)
    (shop / "payload.json").write_text(body, encoding="utf-8")
    given = {
        "flag": ["--data", body],
        "file": ["--data", "@payload.json"],
        "stdin": ["--data", "@-"],
        "set": ["--set", "id=1", "--set", "name=Ana"],
    }[way]
    result = tool("run", "new-customer", *given, folder=shop, stdin=body)
    assert result.exit_code == 0, result.output
    assert lines_of(shop, "test", "customers.ndjson") == [{"id": 1, "name": "Ana", "city": "Recife"}]


def test_the_json_record(shop):
    record = tool("run", "new-customer", "--data", json.dumps(PAYLOAD), "--json", folder=shop).document
    assert list(record) == [
        *("id", "event", "environment", "status", "match", "duration_ms", "slowest_ms", "overhead_ms", "filters")
    ]
    assert record["status"] == "succeeded"
    assert record["match"] == {"filters": 2, "matched": 1}
    remember = record["filters"][0]["actions"][0]
    assert set(remember) >= {
        *("name", "service_account", "service", "action", "status", "attempts", "started_ms", "duration_ms"),
        *("request", "response", "error"),
    }
    assert record["filters"][1]["matched"] is False


def test_dry_run_sends_and_records_nothing(shop):
    result = tool("run", "new-customer", "--dry-run", folder=shop)
    assert result.exit_code == 0
    assert "dry run, nothing is sent" in result.stdout
    assert "customers.ndjson" in result.stdout
    assert not (shop / "output").exists()
    assert not (shop / ".eventwire" / "journal.sqlite3").exists()
    planned = tool("run", "new-customer", "--dry-run", "--json", folder=shop).document["filters"][0]["actions"][0]
    assert planned["status"] == "planned"


def test_only(shop):
    assert tool("run", "new-customer", "--only", "big-spender/tell-sales", folder=shop).exit_code == 0
    assert lines_of(shop, "test", "customers.ndjson") == []
    assert len(lines_of(shop, "test", "sales.ndjson")) == 1


def test_live_needs_yes_off_a_terminal(shop):
    result = tool("run", "new-customer", "--live", folder=shop)
    assert result.exit_code == 2
    assert result.stderr.endswith("Confirm it with: --live --yes\n")
    assert tool("run", "new-customer", "--live", "--yes", folder=shop).exit_code == 0
    assert len(lines_of(shop, "live", "customers.ndjson")) == 1
    assert lines_of(shop, "test", "customers.ndjson") == []


def test_the_same_key_runs_nothing_again(shop):
    first = tool("run", "new-customer", "--key", "a", "--json", folder=shop).document
    again = tool("run", "new-customer", "--key", "a", "--json", folder=shop).document
    assert again["id"] == first["id"]
    assert len(lines_of(shop, "test", "customers.ndjson")) == 1


def test_explain_shows_each_clause(shop):
    result = tool("run", "new-customer", "--explain", "--set", "amount=3", folder=shop)
    assert result.exit_code == 0
    assert "amount > 100" in result.stdout
    assert "amount is 3" in result.stdout


def test_each_line_and_the_bad_ones_by_number(shop):
    lines = [json.dumps({**PAYLOAD, "id": number}) for number in range(5)]
    lines[2] = "{broken"
    (shop / "many.ndjson").write_text("\n".join([lines[0], "", *lines[1:]]), encoding="utf-8")
    result = tool("run", "new-customer", "--each", "@many.ndjson", folder=shop)
    assert result.exit_code == 2
    assert result.stderr.startswith("line 4: ")
    assert "5 events" in result.stdout
    assert "4 succeeded, 1 invalid" in result.stdout
    assert sorted(each["id"] for each in lines_of(shop, "test", "customers.ndjson")) == [0, 1, 3, 4]
    body = json.dumps(PAYLOAD).encode()
    document = tool("run", "new-customer", "--each", "@-", "--json", folder=shop, stdin=body).document
    assert (document["events"], document["succeeded"], document["problems"]) == (1, 1, [])


def test_each_takes_no_other_payload(shop):
    result = tool("run", "new-customer", "--each", "@x", "--data", "{}", folder=shop)
    assert result.exit_code == 2
    assert result.stderr == ("Error: --each takes its payloads from its file.\nLeave out --data and --set.\n")


def test_violations_are_all_listed_by_path(shop):
    body = '{"id": "x", "name": 1, "address": {"city": "R"}}'
    result = tool("run", "new-customer", "--data", body, "--json", folder=shop)
    assert result.exit_code == 2
    assert result.error["code"] == "payload"
    assert {each["path"] for each in result.error["violations"]} >= {"id", "name"}
    assert "email" in json.dumps(result.error["violations"])
    assert "country" in json.dumps(result.error["violations"])


def test_a_credential_that_is_missing_is_exit_code_4(shop):
    account = ["add:service-account", "mail", "--service", "stripe", "--no-verify"]
    assert tool(*account, folder=shop).exit_code == 0
    action = ["add:action", "new-customer", "on-event", "bill", "--service-account", "mail"]
    assert tool(*action, "--action", "create-customer", "--set", "email={email}", folder=shop).exit_code == 0
    result = tool("run", "new-customer", folder=shop)
    assert result.exit_code == 4, result.output
    assert "EVENTWIRE_MAIL_TEST_" in result.stdout
    assert "✓ remember" in result.stdout


def test_missing_event(shop):
    assert tool("run", folder=shop).stderr.startswith("Error: Missing: EVENT.\n")


def test_set_with_a_property_that_the_model_lacks_is_warned_of(shop):
    result = tool("run", "new-customer", "--set", "amuont=5", folder=shop)
    assert result.exit_code == 0, result.output
    assert result.stderr == (
        "Warning: The model of new-customer has no property amuont; no condition and no wildcard can use it. "
        "Did you mean amount?\n"
    )
    assert tool("run", "new-customer", "--set", "address.cty=x", "--json", folder=shop).stderr == ""
    assert "Did you mean address.city?" in tool("run", "new-customer", "--set", "address.cty=x", folder=shop).stderr


def test_set_takes_a_value_whole(shop):
    for value in ('1,"x":2', '1}, {"id": 2', "{", '"a" "b"'):
        result = tool("run", "new-customer", "--set", f"id={value}", folder=shop)
        assert result.exit_code == 2, result.output
        assert "id: must be an integer, not the text" in result.stderr
