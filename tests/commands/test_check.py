"""`eventwire check`."""

from __future__ import annotations

from tests.tools import toml_of, tool

WRONG = """
[events.new-customer.filters.broken]
where = "ammount > 1"

[events.new-customer.filters.broken.actions.store]
service-account = "warehous"
action = "insert"
"""


def break_it(shop) -> int:
    """Put two errors into the project; returns the line before them."""
    text = toml_of(shop)
    (shop / "eventwire.toml").write_text(text + WRONG, encoding="utf-8")
    return len(text.splitlines())


def test_every_error_at_once_with_its_line(shop):
    start = break_it(shop)
    result = tool("check", folder=shop)
    assert result.exit_code == 3
    assert f"error: eventwire.toml:{start + 3}:10: " in result.stdout
    assert f"error: eventwire.toml:{start + 6}:" in result.stdout
    assert "Did you mean amount?" in result.stdout
    assert "Did you mean warehouse?" in result.stdout
    assert "2 errors" in result.stdout.splitlines()[-1]


def test_as_json_and_sarif(shop):
    start = break_it(shop)
    for line in (["--json"], ["--format", "json"]):
        document = tool("check", *line, folder=shop).document
        assert document["count"]["error"] == 2
        errors = [each for each in document["problems"] if each["severity"] == "error"]
        assert sorted(each["line"] for each in errors) == [start + 3, start + 6]
    sarif = tool("check", "--format", "sarif", folder=shop)
    assert sarif.exit_code == 3
    results = sarif.document["runs"][0]["results"]
    places = [each["locations"][0]["physicalLocation"]["region"]["startLine"] for each in results]
    assert {start + 3, start + 6} <= set(places)


def test_warnings_do_not_count(shop):
    result = tool("check", folder=shop)
    assert result.exit_code == 0
    assert 'No action uses the service account "warehouse".' in result.stdout
    assert tool("remove:service-account", "warehouse", "--yes", folder=shop).exit_code == 0
    assert tool("check", folder=shop).stdout == "✓ No problems found.\n"


def test_online_connects(shop):
    assert tool("check", "--online", folder=shop).exit_code == 0
    text = toml_of(shop).replace("shop.sqlite3", "no/such.sqlite3")
    (shop / "eventwire.toml").write_text(text, encoding="utf-8")
    assert tool("check", folder=shop).exit_code == 0
    result = tool("check", "--online", folder=shop)
    assert result.exit_code == 3
    assert "does not exist." in result.stdout
