"""`eventwire remove:filter`."""

from __future__ import annotations

import tomllib

from tests.tools import toml_of, tool


def test_goes_with_its_actions(shop):
    result = tool("remove:filter", "new-customer", "big-spender", "--yes", folder=shop)
    assert result.exit_code == 0
    assert result.stderr == (
        'With the filter "big-spender" of new-customer goes:\n'
        "  the action big-spender/tell-sales\n"
        'Removed the filter "big-spender" of new-customer.\n'
    )
    assert list(tomllib.loads(toml_of(shop))["events"]["new-customer"]["filters"]) == ["on-event"]


def test_what_is_missing_or_unknown(shop):
    assert tool("remove:filter", folder=shop).stderr.startswith("Error: Missing: EVENT, FILTER.\n")
    result = tool("remove:filter", "new-customer", "big", "--yes", "--json", folder=shop)
    assert result.exit_code == 2
    assert result.error["message"] == 'There is no filter "big".'
