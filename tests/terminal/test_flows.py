"""The interactive flows with keys from a pipe: what is asked by whom, without a terminal to draw on."""

from __future__ import annotations

import io
import json
import tomllib
from pathlib import Path

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from eventwire.app import main
from eventwire.terminal.session import Session
from tests.tools import Result, make_shop, toml_of, tool

ENTER, DOWN, CTRL_C, CTRL_D, CLEAR = "\r", "\x1b[B", "\x03", "\x04", "\x15"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make_shop(tmp_path / "shop")


def typed(folder: Path, keys: str, *arguments: str, **environ: str) -> Result:
    """Run a command as somebody who types these keys."""
    out, err = io.StringIO(), io.StringIO()
    with create_pipe_input() as pipe:
        pipe.send_text(keys)
        pipe.close()  # whoever asks for more keys than these gets none, and does not wait
        session = Session(Terminal(), out, err, environ, folder, prompt_streams=(pipe, DummyOutput()))
        exit_code = main(list(arguments), session)
    return Result(int(exit_code), out.getvalue(), err.getvalue())


def events_of(shop: Path) -> dict:
    """The project's events."""
    return tomllib.loads(toml_of(shop))["events"]


def test_event_by_properties(shop):
    keys = f"paid{ENTER}{ENTER}id{ENTER}{DOWN}{ENTER}n{ENTER}note{ENTER}{ENTER}y{ENTER}{ENTER}"
    result = typed(shop, keys, "add:event")
    assert result.exit_code == 0, result.output
    assert events_of(shop)["paid"]["model"] == {"id": "integer", "note": "string?"}
    assert "eventwire add:event paid --property id:integer --property 'note:string?'" in result.stderr


def test_event_from_a_sample(shop):
    (shop / "paid.json").write_text(json.dumps({"id": 1, "on": "2026-01-02"}), encoding="utf-8")
    result = typed(shop, f"{DOWN}{ENTER}paid.json{ENTER}", "add:event", "paid")
    assert result.exit_code == 0, result.output
    assert events_of(shop)["paid"]["model"] == {"id": "integer", "on": "date"}
    assert "eventwire add:event paid --from paid.json" in result.stderr


def test_a_sample_that_cannot_be_read_is_asked_for_again(shop):
    (shop / "paid.json").write_text('{"id": 1}', encoding="utf-8")
    keys = f"{DOWN}{ENTER}nowhere.json{ENTER}{CLEAR}paid.json{ENTER}"
    assert typed(shop, keys, "add:event", "paid").exit_code == 0


def test_filter_clause_by_clause(shop):
    # the first property is id, its first operator is =
    keys = f"{ENTER}{ENTER}8{ENTER}{DOWN}{DOWN}{ENTER}{ENTER}{ENTER}7{ENTER}{ENTER}"
    result = typed(shop, keys, "add:filter", "new-customer", "known")
    assert result.exit_code == 0, result.output
    assert events_of(shop)["new-customer"]["filters"]["known"]["where"] == "id = 8 OR id = 7"
    assert "✗ the sample does not match" in result.stderr
    assert "✓ the sample matches" in result.stderr


def test_filter_value_that_is_none_is_asked_for_again(shop):
    keys = f"{ENTER}{ENTER}eight{ENTER}{CLEAR}8{ENTER}{ENTER}"
    assert typed(shop, keys, "add:filter", "new-customer", "known").exit_code == 0
    assert events_of(shop)["new-customer"]["filters"]["known"]["where"] == "id = 8"


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        ("add:event", f"{ENTER}id{ENTER}{DOWN}{ENTER}n{ENTER}{ENTER}"),
        ("add:filter new-customer", f"{ENTER}{ENTER}8{ENTER}{ENTER}"),
    ],
)
@pytest.mark.parametrize("wrong", ["Two words", "", "{taken}"])
def test_a_name_that_cannot_be_used_is_asked_for_again_at_once(shop, line, keys, wrong):
    taken = {"add:event": "new-customer"}.get(line, "big-spender")
    result = typed(shop, f"{wrong.format(taken=taken)}{ENTER}{CLEAR}fine{ENTER}{keys}", *line.split())
    assert result.exit_code == 0, result.output
    assert "fine" in toml_of(shop)


@pytest.mark.parametrize(
    "line",
    [
        ["add:event", "two words"],
        ["add:event", "new-customer"],
        ["add:filter", "new-customer", "two words"],
        ["add:filter", "new-customer", "big-spender"],
        ["add:action", "new-customer", "on-event", "two words"],
        ["add:action", "new-customer", "on-event", "remember"],
        ["add:service-account", "two words"],
    ],
)
def test_a_name_that_cannot_be_used_is_refused_before_anything_is_asked(shop, line):
    result = typed(shop, "", *line)  # there are no keys: any question would end in "Interrupted"
    assert result.exit_code == 2, result.output
    assert f'"{line[-1]}" cannot be the name of' in result.stderr


def test_the_sets_of_an_account_that_exists_are_given_anew(shop):
    # its name and service are known; there is a new database for test, none for live
    result = typed(shop, f"books.db{ENTER}n{ENTER}", "add:service-account", "warehouse")
    assert result.exit_code == 0, result.output
    stored = tomllib.loads(toml_of(shop))["service-accounts"]["warehouse"]
    assert stored["test"] == {"database": "books.db"}
    assert stored["live"] == {"database": "live.sqlite3"}
    assert 'Changed the service account "warehouse"' in result.stderr


def test_account_with_its_test_set_alone(shop):
    keys = f"books.db{ENTER}n{ENTER}"
    result = typed(shop, keys, "add:service-account", "books", "--service", "sqlite")
    assert result.exit_code == 0, result.output
    assert "eventwire add:service-account books --service sqlite --test database=books.db" in result.stderr
    assert tomllib.loads(toml_of(shop))["service-accounts"]["books"] == {
        "service": "sqlite",
        "test": {"database": "books.db"},
    }


def test_account_with_settings_but_without_a_name(shop):
    line = ["add:service-account", "--service", "sqlite", "--test", "database=books.db"]
    assert typed(shop, f"{CLEAR}books{ENTER}", *line).exit_code == 0
    assert "books" in tomllib.loads(toml_of(shop))["service-accounts"]


def test_account_without_a_keyring_says_so_before_it_asks(shop, monkeypatch):
    import keyring.backends.fail

    monkeypatch.setattr("keyring.get_keyring", keyring.backends.fail.Keyring)
    result = typed(shop, CTRL_C, "add:service-account", "till", "--service", "stripe")
    assert result.exit_code == 130
    assert "EVENTWIRE_TILL_TEST_" in result.stderr
    assert "Secrets are not asked for now" in result.stderr


def test_action_through_all_its_prompts(shop):
    # table: audit stands before customers; then a proposal for each column; no further field; yes
    keys = f"{DOWN}{ENTER}{ENTER}{ENTER}{ENTER}{ENTER}{ENTER}y{ENTER}"
    line = ["add:action", "new-customer", "on-event", "store", "--service-account", "warehouse", "--action", "insert"]
    result = typed(shop, keys, *line)
    assert result.exit_code == 0, result.output
    stored = events_of(shop)["new-customer"]["filters"]["on-event"]["actions"]["store"]
    assert stored["table"] == "customers"
    assert stored["values"] == {"id": "{id}", "name": "{name}", "email": "{email}", "city": "{address.city}"}
    assert tool("run", "new-customer", folder=shop).exit_code == 0


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
@pytest.mark.parametrize(
    "line", ["add:event", "add:filter", "add:service-account", "add:action", "remove:filter", "run new-customer --live"]
)
def test_leaving_changes_nothing(shop, line, key):
    before = toml_of(shop)
    result = typed(shop, key, *line.split())
    assert result.exit_code == 130
    assert result.stderr.endswith("Error: Interrupted; nothing was changed.\n")
    assert toml_of(shop) == before


def test_no_input_asks_nothing(shop):
    result = typed(shop, "", "add:filter", "--no-input")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: Missing: EVENT, NAME, --where.")


@pytest.mark.parametrize(
    "line",
    [
        ["remove:event", "new-customer"],
        ["remove:filter", "new-customer", "big-spender"],
        ["remove:action", "new-customer", "on-event", "remember"],
        ["remove:service-account", "warehouse"],
    ],
    ids=lambda line: line[0],
)
def test_removals(shop, line):
    before = toml_of(shop)
    assert typed(shop, ENTER, *line).exit_code == 130
    assert toml_of(shop) == before
    assert typed(shop, f"y{ENTER}", *line).exit_code == 0
    assert toml_of(shop) != before


def test_live(shop):
    assert typed(shop, f"n{ENTER}", "run", "new-customer", "--live").exit_code == 130
    assert not (shop / "output").exists()
    assert typed(shop, f"y{ENTER}", "run", "new-customer", "--live").exit_code == 0
    assert (shop / "output/live/customers.ndjson").exists()


def test_filter_with_a_group(shop):
    # id = 8, and a group: id = 7 or id = 9; the group's end and Done are the first choices
    group = f"{ENTER}{ENTER}7{ENTER}{DOWN}{DOWN}{ENTER}{ENTER}{ENTER}9{ENTER}{ENTER}"
    keys = f"{ENTER}{ENTER}8{ENTER}{DOWN * 3}{ENTER}{group}{ENTER}"
    result = typed(shop, keys, "add:filter", "new-customer", "known")
    assert result.exit_code == 0, result.output
    assert events_of(shop)["new-customer"]["filters"]["known"]["where"] == "id = 8 AND (id = 7 OR id = 9)"


def test_trigger(shop):
    assert typed(shop, "", "add:event", "done", "--property", "id:integer").exit_code == 0
    # the first filter, its first action, success, the only other event, and the id as it is proposed
    result = typed(shop, ENTER * 5, "add:trigger", "new-customer")
    assert result.exit_code == 0, result.output
    remember = events_of(shop)["new-customer"]["filters"]["on-event"]["actions"]["remember"]
    assert remember["on-success"] == {"done": {"id": "{id}"}}
    assert "eventwire add:trigger new-customer on-event remember --on success --event done" in result.stderr


def test_a_run_is_asked_for(shop):
    assert typed(shop, "", "run", "new-customer").exit_code == 0
    result = typed(shop, f"0{ENTER}", "inspect")
    assert result.exit_code == 0, result.output
    assert '"name": "Ana Souza"' in result.stdout
