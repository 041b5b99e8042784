"""`eventwire add:event` by flags."""

from __future__ import annotations

import json
import tomllib

from tests.tools import toml_of, tool


def test_by_properties(shop):
    result = tool(
        *("add:event", "order-paid", "--property", "id:integer", "--property", "address.city:string?"),
        *("--property", "tags:string[]", "--description", "An order was paid", "--group", "orders"),
        folder=shop,
    )
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == (
        'Added the event "order-paid" with the filter on-event.\nNext: eventwire add:action order-paid on-event\n'
    )
    event = tomllib.loads(toml_of(shop))["events"]["order-paid"]
    assert event["description"] == "An order was paid"
    assert event["group"] == "orders"
    assert event["model"] == {"id": "integer", "address": {"city": "string?"}, "tags": "string[]"}


def test_from_a_sample_which_is_kept(shop):
    sample = {"id": 1, "at": "2026-01-02T03:04:05Z", "items": [{"sku": "a"}], "note": None}
    (shop / "order.json").write_text(json.dumps(sample), encoding="utf-8")
    result = tool("add:event", "order-paid", "--from", "order.json", "--json", folder=shop)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert result.document["event"] == "order-paid"
    assert result.document["model"]["id"] == "integer"
    assert result.document["model"]["at"] == "date-time"
    assert json.loads((shop / "samples/order-paid.json").read_text(encoding="utf-8")) == sample
    assert tool("run", "order-paid", "--dry-run", folder=shop).exit_code == 0


def test_off_a_terminal_all_that_is_missing_is_listed(shop):
    result = tool("add:event", folder=shop)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: Missing: NAME, --property NAME:TYPE or --from FILE.json.\n")
    assert tool("add:event", "x", folder=shop).stderr.startswith("Error: Missing: --property NAME:TYPE or --from")


def test_an_event_of_that_name_is_pointed_at(shop):
    before = toml_of(shop)
    line = before.splitlines().index("[events.new-customer]") + 1
    result = tool("add:event", "new-customer", "--property", "id:integer", folder=shop)
    assert result.exit_code == 2
    assert f"eventwire.toml:{line}:" in result.stderr
    assert 'There is an event "new-customer" already.' in result.stderr
    assert toml_of(shop) == before


def test_errors_are_one_json_document(shop):
    result = tool("add:event", "x", "--property", "id:intger", "--json", folder=shop)
    assert result.stdout == ""
    assert result.error["next_step"]
