"""`eventwire remove:event`."""

from __future__ import annotations

from tests.tools import toml_of, tool


def test_says_what_goes_with_it(shop):
    result = tool("remove:event", "new-customer", "--yes", folder=shop)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == (
        'With the event "new-customer" goes:\n'
        "  the filter on-event\n"
        "  the action on-event/remember\n"
        "  the filter big-spender\n"
        "  the action big-spender/tell-sales\n"
        'Removed the event "new-customer".\n'
    )
    assert "new-customer" not in toml_of(shop).partition("[events")[2]
    assert tool("check", folder=shop).exit_code == 0


def test_as_json(shop):
    result = tool("remove:event", "new-customer", "--yes", "--json", folder=shop)
    assert result.stderr == ""
    assert result.document["removed"] == 'the event "new-customer"'
    assert len(result.document["with_it"]) == 4


def test_off_a_terminal_it_needs_yes(shop):
    before = toml_of(shop)
    result = tool("remove:event", "new-customer", folder=shop)
    assert result.exit_code == 2
    assert result.stderr.endswith("Confirm it with --yes\n")
    result = tool("remove:event", "new-customer", "--json", folder=shop)
    assert result.error["next_step"] == "Confirm it with --yes"
    assert toml_of(shop) == before


def test_without_a_name(shop):
    assert tool("remove:event", folder=shop).stderr.startswith("Error: Missing: EVENT.\n")
