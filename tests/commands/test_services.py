"""`eventwire services`."""

from __future__ import annotations

import pytest

from eventwire.services.catalog import BUILT_IN
from tests.tools import tool


def test_all_of_them(tmp_path):
    result = tool("services", folder=tmp_path)
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()[1 : 1 + len(BUILT_IN)]] == sorted(BUILT_IN)
    assert result.stdout.endswith("\n\nMore about one: eventwire services SERVICE\n")
    document = tool("services", "--json", folder=tmp_path).document
    assert [each["name"] for each in document["services"]] == sorted(BUILT_IN)


def test_one_action(tmp_path):
    assert tool("services", "sqlite", "execute", folder=tmp_path).stdout == (
        "SQLite execute: Runs an SQL statement of your own.\n\n"
        "Field      Type              What it is\n"
        "statement  string, required  SQL statement. Each wildcard becomes a bound parameter; write none in\n"
        "                             quotes.\n\n"
        "For example:\n"
        '  statement = "UPDATE stock SET amount = amount - 1 WHERE item = {id}"\n'
    )


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_service_and_each_of_its_actions(tmp_path, name):
    found = tool("services", name, "--json", folder=tmp_path).document
    assert tool("services", name, folder=tmp_path).stdout.startswith(f"{found['label']}: ")
    for action in found["actions"]:
        result = tool("services", name, action["name"], folder=tmp_path)
        assert result.exit_code == 0
        assert result.stdout.startswith(f"{found['label']} {action['name']}: {action['summary'].split()[0]}")


def test_unknown(tmp_path):
    result = tool("services", "postgres", folder=tmp_path)
    assert result.stderr == 'Error: There is no service called "postgres".\nDid you mean postgresql?\n'
    assert tool("services", "sqlite", "insrt", "--json", folder=tmp_path).error["next_step"] == "Did you mean insert?"
