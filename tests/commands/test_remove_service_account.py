"""`eventwire remove:service-account`."""

from __future__ import annotations

import tomllib

from tests.tools import toml_of, tool


def test_goes_with_the_actions_that_use_it(shop):
    result = tool("remove:service-account", "lines", "--yes", "--json", folder=shop)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.document == {
        "removed": 'the service account "lines"',
        "with_it": ["the action new-customer/on-event/remember", "the action new-customer/big-spender/tell-sales"],
    }
    assert list(tomllib.loads(toml_of(shop))["service-accounts"]) == ["warehouse"]
    assert tool("check", folder=shop).exit_code == 0


def test_its_secrets_are_said_to_go_too_where_it_has_some(shop):
    line = ["add:service-account", "db", "--service", "postgresql", "--test", "database=x", "--test", "user=y"]
    assert tool(*line, "--no-verify", folder=shop).exit_code == 0
    result = tool("remove:service-account", "db", folder=shop)
    assert result.exit_code == 2
    assert "  its secrets in the keyring\n" in result.stderr


def test_without_a_name(shop):
    assert tool("remove:service-account", folder=shop).stderr.startswith("Error: Missing: NAME.\n")
