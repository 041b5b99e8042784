"""`eventwire demo`."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tests.tools import tool


def test_runs_real_events_and_says_where_to_look(tmp_path):
    result = tool("demo", "shop", folder=tmp_path)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("new-customer  ") >= 3
    assert "UNIQUE constraint failed: customers.id." in result.stdout
    assert "Next: cd shop && eventwire run new-customer --set id=9 --explain" in result.stdout
    with closing(sqlite3.connect(tmp_path / "shop/output/shop.sqlite3")) as database:
        assert database.execute("SELECT id, name FROM customers ORDER BY id").fetchall() == [
            (7, "Ana Souza"),
            (8, "Björn Lind"),
        ]
    assert tool("run", "new-customer", "--set", "id=9", folder=tmp_path / "shop").exit_code == 0


def test_as_json(tmp_path):
    document = tool("demo", "--json", folder=tmp_path).document
    assert document["folder"] == str(tmp_path / "eventwire-demo")
    assert [run["status"] for run in document["runs"]] == ["succeeded", "succeeded", "partial"]


def test_finds_a_free_folder_and_refuses_one_that_is_not_empty(tmp_path):
    assert [tool("demo", folder=tmp_path).exit_code for _ in range(2)] == [0, 0]
    assert (tmp_path / "eventwire-demo-2/eventwire.toml").is_file()
    result = tool("demo", "eventwire-demo", folder=tmp_path)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: The folder eventwire-demo is not empty.")
