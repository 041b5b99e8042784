"""`eventwire show`."""

from __future__ import annotations

from tests.tools import tool


def test_one_event_drawn(shop):
    result = tool("show", "new-customer", folder=shop)
    assert result.exit_code == 0
    assert result.stdout.startswith("new-customer  A customer signed up\n├─ model\n│  ├─ id  integer\n")
    assert "│  └─ amount  number?\n" in result.stdout
    assert '│  └─ big-spender  amount > 100 AND address.country IN ("BR", "PT")\n' in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_as_json(shop):
    document = tool("show", "new-customer", "--json", folder=shop).document
    assert document["name"] == "new-customer"
    assert document["schema"]["properties"]["id"] == {"type": "integer"}
    assert [each["name"] for each in document["filters"]] == ["on-event", "big-spender"]


def test_unknown_or_missing(shop):
    result = tool("show", "new-custmer", folder=shop)
    assert (result.exit_code, result.stderr) == (
        2,
        'Error: There is no event "new-custmer".\nDid you mean new-customer?\n',
    )
    assert tool("show", folder=shop).stderr.startswith("Error: Missing: EVENT.\n")
