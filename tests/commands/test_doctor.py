"""`eventwire doctor`."""

from __future__ import annotations

from tests.tools import environment, process, toml_of, tool

STRIPE = ["add:service-account", "till", "--service", "stripe", "--no-verify"]


def test_all_is_well(shop):
    result = process("doctor", folder=shop)
    assert result.exit_code == 0, result.output
    assert "✓ sqlite" in result.stdout
    assert "✓ warehouse.test  SQLite" in result.stdout
    assert "keyring" in result.stdout


def test_where_each_secret_comes_from(shop):
    assert tool(*STRIPE, folder=shop).exit_code == 0
    missing = process("doctor", "--json", folder=shop)
    assert missing.exit_code == 1
    secrets = missing.document["sections"]["secrets"]
    assert [(each["ok"], each["detail"]) for each in secrets] == [(False, "missing")]
    variable = secrets[0]["next_step"].removeprefix("set ")
    found = process("doctor", "--json", folder=shop, environ=environment(shop, **{variable: "sk_test_hunter2"}))
    assert [(each["ok"], each["detail"]) for each in found.document["sections"]["secrets"]] == [(True, "environment")]
    assert "hunter2" not in found.output


def test_an_account_that_does_not_connect(shop):
    line = ["add:service-account", "books", "--service", "sqlite", "--test", "database=no/such.db", "--no-verify"]
    assert tool(*line, folder=shop).exit_code == 0
    result = process("doctor", folder=shop)
    assert result.exit_code == 1
    assert "✗ books.test" in result.stdout
    assert "mkdir -p" in result.stdout


def test_outside_a_project(tmp_path):
    result = process("doctor", folder=tmp_path)
    assert result.exit_code == 0
    assert "connections" not in result.stdout


def test_an_account_that_waits_for_its_credentials(shop):
    text = toml_of(shop) + '\n[service-accounts.till]\nservice = "stripe"\n'
    (shop / "eventwire.toml").write_text(text, encoding="utf-8")
    result = process("doctor", folder=shop)
    assert result.exit_code == 1
    assert "✗ till  waits for its credentials" in result.stdout
    assert "eventwire add:service-account till --service stripe --test-secret secret-key=-" in result.stdout
