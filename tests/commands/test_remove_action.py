"""`eventwire remove:action`."""

from __future__ import annotations

from tests.tools import toml_of, tool


def test_goes_alone(shop):
    result = tool("remove:action", "new-customer", "big-spender", "tell-sales", "--yes", folder=shop)
    assert result.exit_code == 0
    assert result.stderr == 'Removed the action "tell-sales" of new-customer, filter big-spender.\n'
    assert "tell-sales" not in toml_of(shop)
    assert "[events.new-customer.filters.big-spender]" in toml_of(shop)


def test_what_is_missing_or_unknown(shop):
    result = tool("remove:action", "--json", folder=shop)
    assert result.exit_code == 2
    assert result.error["message"] == "Missing: EVENT, FILTER, ACTION."
    result = tool("remove:action", "new-customer", "on-event", "nothing", "--yes", folder=shop)
    assert result.exit_code == 2
    assert result.stderr == (
        'Error: There is no action "nothing".\nAdd it with: eventwire add:action new-customer on-event nothing\n'
    )
