"""`eventwire add:filter` by flags."""

from __future__ import annotations

from tests.tools import toml_of, tool


def test_says_whether_the_sample_matches(shop):
    result = tool("add:filter", "new-customer", "vip", "--where", "amount >= 100", folder=shop)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == (
        'Added the filter "vip" to new-customer. The sample matches.\nNext: eventwire add:action new-customer vip\n'
    )
    assert "[events.new-customer.filters.vip]\nwhere = 'amount >= 100'\n" in toml_of(shop).replace('"', "'")


def test_as_json(shop):
    result = tool("add:filter", "new-customer", "poor", "--where", "amount < 1", "--json", folder=shop)
    assert result.document == {
        "event": "new-customer",
        "filter": "poor",
        "where": "amount < 1",
        "sample_matches": False,
        "warnings": [],
    }
    assert result.stderr == ""


def test_all_that_is_missing_is_listed(shop):
    for line in (["add:filter"], ["add:filter", "--no-input"]):
        result = tool(*line, folder=shop)
        assert result.exit_code == 2
        assert result.stderr.startswith("Error: Missing: EVENT, NAME, --where.\n")


def test_a_condition_that_does_not_fit_the_model_has_a_caret_under_it(shop):
    result = tool("add:filter", "new-customer", "vip", "--where", "ammount > 1", folder=shop)
    assert result.exit_code == 3
    lines = result.stderr.splitlines()
    excerpt = next(number for number, line in enumerate(lines) if "where =" in line)
    assert lines[excerpt].index("ammount") == lines[excerpt + 1].index("^")
    assert "Did you mean amount?" in result.stderr
    assert "vip" not in toml_of(shop)


def test_of_an_event_that_does_not_exist(shop):
    result = tool("add:filter", "new-custmer", "vip", "--where", "TRUE", folder=shop)
    assert result.exit_code == 2
    assert result.stderr == 'Error: There is no event "new-custmer".\nDid you mean new-customer?\n'


def test_a_condition_that_can_never_be_true_is_warned_of_at_once(shop):
    line = ("add:filter", "new-customer", "never", "--where", "amount > 10 AND amount < 5")
    result = tool(*line, folder=shop)
    assert result.exit_code == 0
    assert result.stderr.startswith("Warning: amount > 10 AND amount < 5 can never be true: no value of amount fits")
    result = tool(*line[:2], "never-2", *line[3:], "--json", folder=shop)
    assert len(result.document["warnings"]) == 1
