"""`eventwire add:action` by flags."""

from __future__ import annotations

import tomllib

from tests.tools import toml_of, tool

STORE = ["add:action", "new-customer", "on-event", "store", "--service-account", "warehouse", "--action", "insert"]
VALUES = ["--set", "table=customers", "--set", "values.id={id}", "--set", "values.name={name}"]


def test_tables_are_reached_into_and_the_action_runs(shop):
    result = tool(*STORE, *VALUES, "--set", "values.email={email}", "--retry", "5", "--timeout", "2.5", folder=shop)
    assert result.exit_code == 0, result.output
    assert result.stderr == (
        'Added the action "store" to new-customer, filter on-event.\nNext: eventwire run new-customer --dry-run\n'
    )
    action = tomllib.loads(toml_of(shop))["events"]["new-customer"]["filters"]["on-event"]["actions"]["store"]
    assert action == {
        "service-account": "warehouse",
        "action": "insert",
        "table": "customers",
        "values": {"id": "{id}", "name": "{name}", "email": "{email}"},
        "retry": {"attempts": 5},
        "timeout-seconds": 2.5,
    }
    assert tool("run", "new-customer", "--only", "on-event/store", folder=shop).exit_code == 0


def test_as_json(shop):
    document = tool(*STORE, *VALUES, "--json", folder=shop).document
    fields = {"table": "customers", "values": {"id": "{id}", "name": "{name}"}}
    assert document == {
        "event": "new-customer",
        "filter": "on-event",
        "action": "store",
        "fields": fields,
        "warnings": [],
    }


def test_a_property_that_may_be_missing_is_warned_of(shop):
    line = [*STORE, *VALUES, "--set", "values.city={amount}"]
    told = "{amount}: amount may be missing, and then the action fails. Give it a default: {amount | default: …}."
    assert tool(*line, folder=shop).stderr.startswith(f"Warning: {told}\n")
    document = tool(*[each.replace("store", "again") for each in line], "--json", folder=shop).document
    assert document["warnings"] == [told]


def test_all_that_is_missing_is_listed(shop):
    result = tool("add:action", folder=shop)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: Missing: EVENT, FILTER, NAME, --service-account, --action.\n")
    result = tool(*STORE, folder=shop)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: Missing: --set table=…, --set values=….\n")


def test_a_wildcard_that_the_model_lacks(shop):
    before = toml_of(shop)
    result = tool(*STORE, *VALUES, "--set", "values.email={emial}", folder=shop)
    assert result.exit_code == 3
    assert "Did you mean email?" in result.stderr
    assert toml_of(shop) == before


def test_an_action_of_that_name_exists(shop):
    before = toml_of(shop)
    line = [each.replace("store", "remember") for each in STORE]
    result = tool(*line, *VALUES, folder=shop)
    assert result.exit_code == 2
    assert 'There is an action "remember" already.' in result.stderr
    assert result.stderr.endswith("remove it with: eventwire remove:action new-customer on-event remember\n")
    assert toml_of(shop) == before
