"""`eventwire add:service-account` by flags."""

from __future__ import annotations

import tomllib

from tests.tools import process, toml_of, tool

SQLITE = ["add:service-account", "books", "--service", "sqlite"]


def test_each_set_is_verified_and_written(shop):
    result = tool(*SQLITE, "--test", "database=books.db", "--live", "database=shop.sqlite3", folder=shop)
    assert result.exit_code == 0, result.output
    assert "✓ test: SQLite" in result.stderr
    assert "✓ live: SQLite" in result.stderr
    assert result.stderr.endswith('Added the service account "books" (SQLite, test and live).\n')
    assert tomllib.loads(toml_of(shop))["service-accounts"]["books"] == {
        "service": "sqlite",
        "test": {"database": "books.db"},
        "live": {"database": "shop.sqlite3"},
    }


def test_what_does_not_connect_is_not_written(shop):
    before = toml_of(shop)
    result = tool(*SQLITE, "--test", "database=no/such.db", folder=shop)
    assert result.exit_code == 5
    assert "does not exist." in result.stderr
    assert toml_of(shop) == before
    assert tool(*SQLITE, "--test", "database=no/such.db", "--no-verify", folder=shop).exit_code == 0
    assert toml_of(shop) != before


def test_the_second_set_failing_leaves_the_first_unwritten_and_one_json_document(shop):
    before = toml_of(shop)
    result = tool(*SQLITE, "--test", "database=a.db", "--live", "database=no/such.db", "--json", folder=shop)
    assert result.exit_code == 5
    assert result.stdout == ""
    assert "does not exist." in result.error["message"]
    assert toml_of(shop) == before


def test_a_set_is_added_to_an_account_that_exists(shop):
    assert tool(*SQLITE, "--test", "database=books.db", folder=shop).exit_code == 0
    result = tool("add:service-account", "books", "--live", "database=live.db", "--json", folder=shop)
    assert result.document == {"service_account": "books", "service": "sqlite", "environments": ["live"]}
    assert set(tomllib.loads(toml_of(shop))["service-accounts"]["books"]) == {"service", "test", "live"}


def test_another_service_for_an_account_that_exists(shop):
    result = tool("add:service-account", "warehouse", "--service", "file", "--test", "folder=x", folder=shop)
    assert result.exit_code == 2
    assert "exists already, for the service sqlite" in result.stderr


def test_what_is_missing_is_listed(shop):
    result = tool("add:service-account", folder=shop)
    assert result.stderr == "Error: Missing: NAME, --service.\nSee the services with: eventwire services\n"
    assert result.exit_code == 2
    result = tool("add:service-account", "db", "--service", "postgresql", "--test", "port=5", folder=shop)
    assert result.exit_code == 2
    assert "--test database=…, --test user=…" in result.stderr


def test_a_secret_without_a_keyring_names_both_ways_out(shop):
    line = ["add:service-account", "db", "--service", "postgresql", "--no-verify", "--test", "database=x"]
    before = toml_of(shop)
    result = process(*line, "--test", "user=y", "--test-secret", "password=-", folder=shop, stdin=b"hunter2\n")
    assert result.exit_code == 4
    assert "EVENTWIRE_DB_TEST_PASSWORD" in result.stderr
    assert "pip install keyrings.alt" in result.stderr
    assert "hunter2" not in result.output
    assert toml_of(shop) == before


def test_a_source_with_nothing_in_it(shop):
    line = ["add:service-account", "db", "--service", "postgresql", "--test", "database=x", "--test", "user=y"]
    result = tool(*line, "--test-secret", "password=env:NOT_SET", folder=shop)
    assert result.exit_code == 4
    assert "NOT_SET" in result.stderr
