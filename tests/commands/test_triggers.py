"""`eventwire add:trigger` and `eventwire remove:trigger`."""

from __future__ import annotations

import pytest

from tests.tools import EVENTWIRE, Terminal, ask, pick, process, toml_of, tool

ADD = ("add:trigger", "new-customer", "on-event", "remember", "--on", "success", "--event", "welcomed")


@pytest.fixture
def shop(shop):
    added = tool("add:event", "welcomed", "--property", "id:integer", "--property", "text:string?", folder=shop)
    assert added.exit_code == 0
    return shop


def test_same_names_are_filled_in(shop):
    result = tool(*ADD, "--set", "text={response.bytes} bytes", "--json", folder=shop)
    assert result.exit_code == 0, result.output
    assert result.document["payload"] == {"text": "{response.bytes} bytes", "id": "{id}"}
    block = "[events.new-customer.filters.on-event.actions.remember.on-success.welcomed]\n"
    assert block + 'text = "{response.bytes} bytes"\nid = "{id}"\n' in toml_of(shop)
    run = process("run", "new-customer", folder=shop)
    assert run.exit_code == 0
    assert "on-event/remember on success raised welcomed" in run.stdout
    assert "welcomed  raised on success" in tool("list", folder=shop).stdout
    assert len(tool("history", "--json", folder=shop).document["runs"]) == 2


def test_what_is_not_raised_makes_the_exit_code_5(shop):
    assert tool(*ADD, "--set", "text={response.nothing}", folder=shop).exit_code == 0
    run = process("run", "new-customer", folder=shop)
    assert run.exit_code == 5
    assert "could not raise welcomed" in run.stdout
    assert "response.nothing is missing" in run.stdout
    as_json = process("run", "new-customer", "--json", folder=shop)
    assert (as_json.exit_code, as_json.document["status"]) == (5, "succeeded")
    assert "could not raise welcomed" in as_json.stderr
    (shop / "many.ndjson").write_text((shop / "samples" / "new-customer.json").read_text().replace("\n", " "))
    each = process("run", "new-customer", "--each", "@many.ndjson", folder=shop)
    assert each.exit_code == 5
    assert "line 1: on-event/remember on success could not raise welcomed" in each.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add:trigger", "--no-input"), "Missing"),
        ((*ADD[:5], "success", "--event", "welcmed"), 'There is no event "welcmed".'),
        ((*ADD[:3], "remembr", *ADD[4:]), 'There is no action "remembr".'),
        ((*ADD, "--set", "txt=5"), 'there is no field "txt"'),
        ((*ADD[:7], "new-customer"), "closes a loop"),
    ],
)
def test_mistakes_change_nothing(shop, arguments, message):
    before = toml_of(shop)
    result = tool(*arguments, folder=shop)
    assert result.exit_code in (2, 3)
    assert message in result.stderr
    assert toml_of(shop) == before


def test_removed_again(shop):
    before = toml_of(shop)
    assert tool(*ADD, folder=shop).exit_code == 0
    assert tool("remove:trigger", *ADD[1:], folder=shop).exit_code == 2
    result = tool("remove:trigger", *ADD[1:], "--yes", folder=shop)
    assert result.exit_code == 0, result.output
    assert toml_of(shop) == before
    again = tool("remove:trigger", *ADD[1:], "--yes", folder=shop)
    assert (again.exit_code, 'There is no trigger "welcomed".' in again.stderr) == (2, True)


STEPS = [
    pick("Which event?", "new-customer"),
    pick("Which filter?", "on-event"),
    pick("Which action?", "remember"),
    pick("On which outcome?", "success"),
    pick("Which event does it raise?", "welcomed"),
    ask("welcomed id ="),
    ask("welcomed text =", "hello {name}"),
]


def test_asked_for(shop):
    with Terminal(EVENTWIRE, "add:trigger", folder=shop, columns=200) as terminal:
        terminal.play(STEPS)
        assert terminal.end() == 0, terminal.text
        assert "eventwire add:trigger new-customer on-event remember --on success --event welcomed" in terminal.text
    assert 'text = "hello {name}"' in toml_of(shop)


@pytest.mark.parametrize("prompt", range(len(STEPS)))
def test_ctrl_c_changes_nothing(shop, prompt):
    before = toml_of(shop)
    with Terminal(EVENTWIRE, "add:trigger", folder=shop) as terminal:
        terminal.play(STEPS[:prompt])
        terminal.asked(STEPS[prompt].question)
        terminal.type(Terminal.CTRL_C)
        assert terminal.end() == 130, terminal.text
    assert toml_of(shop) == before
