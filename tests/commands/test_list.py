"""`eventwire list`, and `eventwire` alone."""

from __future__ import annotations

from tests.tools import tool

TREE = """\
shop  {folder}
├─ events
│  └─ new-customer  A customer signed up
│     ├─ on-event  always matches
│     │  └─ remember  file append through lines
│     └─ big-spender  amount > 100 AND address.country IN ("BR", "PT")
│        └─ tell-sales  file append through lines
└─ service accounts
   ├─ lines  file, test and live
   └─ warehouse  sqlite, test and live
"""


def tree(folder) -> str:
    """The tree as it fits the width of a pipe."""
    return TREE.format(folder=folder)


def test_the_project_as_a_tree(shop):
    result = tool("list", folder=shop)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout.splitlines()[1:] == tree(shop).splitlines()[1:]
    assert result.stdout.startswith("shop  ")


def test_as_json(shop):
    document = tool("list", "--json", folder=shop).document
    assert list(document) == ["project", "folder", "events", "service_accounts", "sources"]
    assert document["events"][0]["filters"][0] == {
        "name": "on-event",
        "where": None,
        "actions": [{"name": "remember", "service_account": "lines", "action": "append"}],
    }


def test_the_project_is_found_from_below_and_named(shop, tmp_path):
    assert tool("list", folder=shop / "samples").exit_code == 0
    assert tool("list", "--project", str(shop), folder=tmp_path).exit_code == 0
    result = tool("list", "--project", str(tmp_path), folder=shop)
    assert result.exit_code == 3
    assert str(tmp_path) in result.stderr


def test_alone_it_says_where_the_project_stands(shop, tmp_path):
    assert tool(folder=shop).stdout.endswith("\n\nNext: eventwire run new-customer\n")
    outside = tool(folder=tmp_path)
    assert outside.exit_code == 0
    assert "eventwire demo" in outside.stdout
    assert "eventwire init" in outside.stdout


SOURCES = """
[sources.sign-ups]
kind = "github"
event = "new-customer"
environment = "live"

[sources.weekly]
kind = "folder"
event = "new-customer"
folder = "inbox"
where = 'body.plan = "pro"'
"""


def test_sources_and_what_they_raise(shop):
    with (shop / "eventwire.toml").open("a") as project:
        project.write(SOURCES)
    lines = tool("list", folder=shop).stdout.splitlines()
    assert lines[-3:] == [
        "└─ sources",
        "   ├─ sign-ups  github, raises new-customer (live)",
        "   └─ weekly  folder inbox, raises new-customer (test)",
    ]
    document = tool("list", "--json", folder=shop).document
    assert document["sources"][1] == {
        "name": "weekly",
        "kind": "folder",
        "event": "new-customer",
        "environment": "test",
        "where": 'body.plan = "pro"',
        "values": None,
        "settings": {"pattern": "*", "delimiter": ",", "folder": "inbox"},
    }
    shown = tool("show", "new-customer", folder=shop).stdout
    assert '└─ where  body.plan = "pro"' in shown
    assert tool("show", "new-customer", "--json", folder=shop).document["sources"] == ["sign-ups", "weekly"]
