"""`eventwire add:button` and `eventwire remove:button`."""

from __future__ import annotations

import pytest

from tests.tools import EVENTWIRE, Terminal, ask, equivalent, pick, process, toml_of, tool

ADD = ("add:button", "new-customer", "ban-user", "--text", "Ban {name}", "--url", "https://shop.example/ops/{id}")


def test_by_flags(shop):
    meta = '{"id": "{id}", "why": ["spam"]}'
    result = tool(*ADD, "--expire-in", "120", "--meta", meta, "--style", "danger", folder=shop)
    assert result.exit_code == 0, result.output
    assert result.stderr == 'Added the button "ban-user" to new-customer.\nNext: eventwire show new-customer\n'
    assert toml_of(shop).endswith(
        "\n[events.new-customer.buttons.ban-user]\n"
        'text = "Ban {name}"\n'
        'url = "https://shop.example/ops/{id}"\n'
        "expire-in-minutes = 120\n"
        'meta = { id = "{id}", why = ["spam"] }\n'
        'style = "danger"\n'
    )
    assert tool("check", folder=shop).exit_code == 0
    assert tool("show", "new-customer", "--json", folder=shop).document["buttons"][0]["expire_in_minutes"] == 120


def test_a_week_unless_said(shop):
    assert tool(*ADD, folder=shop).exit_code == 0
    assert "expire" not in toml_of(shop)
    assert tool("show", "new-customer", "--json", folder=shop).document["buttons"][0]["expire_in_minutes"] == 10080


def test_a_link_may_lead_to_a_mailbox(shop):
    line = ("add:button", "new-customer", "write", "--text", "Write", "--url", "mailto:ana@shop.example")
    refused = tool(*line, folder=shop)
    assert (refused.exit_code, "begins with https:// or http://" in refused.stderr) == (2, True)
    assert tool(*line, "--external", folder=shop).exit_code == 0
    assert "external = true\n" in toml_of(shop)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add:button",), "Missing: EVENT, KEY, --text, --url."),
        (("add:button", "new-customr", *ADD[2:]), 'There is no event "new-customr".'),
        (("add:button", "new-customer", "Ban!", *ADD[3:]), '"Ban!" cannot be the name of a button.'),
        ((*ADD, "--expire-in", "43201"), "43201"),
        ((*ADD, "--expire-in", "0"), "0"),
        ((*ADD, "--style", "pink"), "'pink'"),
        ((*ADD, "--meta", '{"id": '), "--meta is no JSON"),
        ((*ADD, "--meta", "[" * 100_000), "--meta is n"),
        ((*ADD[:4], "x" * 49, *ADD[5:]), "--text: It has 49 characters; 48 is the most."),
        ((*ADD[:4], "", *ADD[5:]), "--text: A button needs a text."),
        ((*ADD[:6], "javascript:alert(1)"), "begins with https:// or http://"),
        ((*ADD[:6], "javascript:alert(1)", "--external"), "begins with https://, http://, mailto: or tel:"),
        ((*ADD[:6], "https://{name}/x"), "names its server"),
        ((*ADD[:6], "https://x.example/{nmae}"), "the model has no nmae"),
    ],
)
def test_mistakes_change_nothing(shop, arguments, message):
    before = toml_of(shop)
    result = tool(*arguments, folder=shop)
    assert result.exit_code in (2, 3), result.output
    assert message in result.stderr
    assert toml_of(shop) == before


def test_a_name_that_is_taken(shop):
    assert tool(*ADD, folder=shop).exit_code == 0
    again = tool(*ADD, "--json", folder=shop)
    assert again.exit_code == 2
    assert again.error["message"] == 'There is a button "ban-user" already.'
    assert again.error["next_step"].endswith("eventwire remove:button new-customer ban-user")


def test_removed_again(shop):
    before = toml_of(shop)
    assert tool(*ADD, folder=shop).exit_code == 0
    assert tool("remove:button", "new-customer", "ban-user", folder=shop).exit_code == 2
    unknown = tool("remove:button", "new-customer", "ban-usr", folder=shop)
    assert "Did you mean ban-user?" in unknown.stderr
    result = process("remove:button", "new-customer", "ban-user", "--yes", folder=shop)
    assert (result.exit_code, result.stderr) == (0, 'Removed the button "ban-user" of new-customer.\n')
    assert toml_of(shop) == before


STEPS = [
    pick("Which event?", "new-customer"),
    ask("What is the button called?", "ban-user"),
    ask("What stands on it?", "Ban {name}"),
    ask("What is called when it is pressed?", "https://shop.example/ops/action"),
    ask("For how many minutes can it be pressed?", Terminal.CTRL_U, "60"),
    ask("What does your server get with it, as JSON?", '{"id": "{id}"}'),
    pick("How does it look?", "danger"),
]


def test_asked_for(shop):
    with Terminal(EVENTWIRE, "add:button", folder=shop, columns=200) as terminal:
        terminal.play(STEPS)
        assert terminal.end() == 0, terminal.text
        line = equivalent(terminal)
    written = toml_of(shop)
    assert 'meta = { id = "{id}" }\n' in written
    assert tool("remove:button", "new-customer", "ban-user", "--yes", folder=shop).exit_code == 0
    assert tool(*line, folder=shop).exit_code == 0
    assert toml_of(shop) == written


@pytest.mark.parametrize("prompt", range(len(STEPS)))
def test_ctrl_c_changes_nothing(shop, prompt):
    before = toml_of(shop)
    with Terminal(EVENTWIRE, "add:button", folder=shop) as terminal:
        terminal.play(STEPS[:prompt])
        terminal.asked(STEPS[prompt].question)
        terminal.type(Terminal.CTRL_C)
        assert terminal.end() == 130, terminal.text
    assert toml_of(shop) == before
