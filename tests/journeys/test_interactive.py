"""Every interactive flow, played in a real pseudo-terminal: what is asked, what is written, what Ctrl-C leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tools import (
    EVENTWIRE,
    Step,
    Terminal,
    ask,
    copy_of,
    equivalent,
    equivalents,
    make_shop,
    pick,
    process,
    toml_of,
)

SAMPLE = {"id": 1, "total": 12.5, "customer": {"name": "Ana"}, "at": "2026-01-02T03:04:05Z", "tags": ["a"]}
CLEAR = Terminal.CTRL_U

BY_PROPERTIES = [
    ask("What is the event called?", "order-paid"),
    pick("How do you want to describe the payload?", "I list its properties"),
    ask("Property:", "id"),
    pick("Type of id:", "integer"),
    ask("Can id be missing?", "n"),
    ask("Property:", "customer.name"),
    pick("Type of customer.name:", "string"),
    ask("Can customer.name be missing?", "y"),
    ask("Property:"),
]
FROM_SAMPLE = [
    ask("What is the event called?", "order-paid"),
    pick("How do you want to describe the payload?", "I have a sample payload in a file"),
    ask("Which JSON file?", "order.json"),
]
FILTER = [
    pick("Which event?", "new-customer"),
    ask("What is the filter called?", "vip"),
    pick("Property:", "amount"),
    pick("amount:", ">="),
    ask("amount >=", "100"),
    pick("And then?", "AND"),
    pick("Property:", "address.country"),
    pick("address.country:", "="),
    ask("address.country =", "BR"),
    pick("And then?", "Edit the text"),
    ask("Condition:", CLEAR, "amount >= 100 AND address.country = 'PT'"),
    pick("And then?", "Done"),
]
ACCOUNT = [
    pick("Which service?", "SQLite"),
    ask("What do you call the account?", CLEAR, "books"),
    ask("Database file:", "books.sqlite3"),
    ask("Give the live credentials now, too?", "n"),
]
FILTER_GROUP = [
    pick("Which event?", "new-customer"),
    ask("What is the filter called?", "worth-it"),
    pick("Property:", "amount"),
    pick("amount:", ">"),
    ask("amount >", "100"),
    pick("And then?", "AND ("),
    pick("Property:", "name"),
    pick("name:", "="),
    ask("name =", "Ana"),
    pick("And then in the group?", "OR"),
    pick("Property:", "name"),
    pick("name:", "LIKE"),
    ask("name LIKE", "Bo%"),
    pick("And then in the group?", ")"),
    pick("And then?", "Done"),
]
ACCOUNT_TWICE = [
    pick("Which service?", "SQLite"),
    ask("What do you call the account?", CLEAR, "books"),
    ask("Database file:", "no/such/books.sqlite3"),
    pick("That did not connect. What now?", "Change the values"),
    ask("Database file:", CLEAR, "books.sqlite3"),
    ask("Give the live credentials now, too?", "y"),
    ask("Database file:", "books-live.sqlite3"),
]
ACTION = [
    pick("Under which filter?", "on-event"),
    pick("Through which service account?", "warehouse"),
    pick("What should happen in SQLite?", "insert"),
    ask("What is the action called?", CLEAR, "store"),
    pick("Table:", "customers"),
    ask("id ="),
    ask("name =", CLEAR, "{name} from {address.city}"),
    ask("email ="),
    ask("city ="),
    pick("Set another field?", "No more fields"),
    ask("Add this action?", "y"),
]
ACTION_WITH_ACCOUNT = [
    pick("Under which filter?", "big-spender"),
    pick("Through which service account?", "New service account…"),
    pick("Which service?", "SQLite"),
    ask("What do you call the account?", CLEAR, "books"),
    ask("Database file:", "shop.sqlite3"),
    ask("Give the live credentials now, too?", "n"),
    pick("What should happen in SQLite?", "execute"),
    ask("What is the action called?", CLEAR, "note"),
    ask("SQL statement:", "INSERT INTO audit VALUES ({event.time})"),
    ask("Add this action?", "y"),
]
FLOWS = {
    "event": ("add:event", BY_PROPERTIES),
    "event-sample": ("add:event", FROM_SAMPLE),
    "filter": ("add:filter", FILTER),
    "filter-group": ("add:filter", FILTER_GROUP),
    "account": ("add:service-account", ACCOUNT),
    "account-twice": ("add:service-account", ACCOUNT_TWICE),
    "action": ("add:action", ACTION),
    "action-account": ("add:action", ACTION_WITH_ACCOUNT),
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = make_shop(tmp_path / "shop")
    (folder / "order.json").write_text(json.dumps(SAMPLE), encoding="utf-8")
    return folder


def play(shop: Path, command: str, steps: list[Step], **terminal: int) -> tuple[str, list[list[str]]]:
    """Play a flow to its good end; returns what stood on the screen, and the equivalent commands' arguments."""
    with Terminal(EVENTWIRE, *command.split(), folder=shop, **terminal) as tool:
        tool.play(steps)
        exit_code = tool.end()
        assert exit_code == 0, tool.text
        return tool.text, equivalents(tool)


@pytest.mark.parametrize("flow", FLOWS)
def test_a_flow_does_what_its_equivalent_command_does(shop, flow):
    command, steps = FLOWS[flow]
    before, by_flags = toml_of(shop), copy_of(shop)
    _, commands = play(shop, command, steps)
    assert toml_of(shop) != before
    assert process("check", folder=shop).exit_code == 0
    for line in commands:
        done = process(*line, "--no-input", folder=by_flags)
        assert done.exit_code == 0, done.output
    assert toml_of(by_flags) == toml_of(shop)


@pytest.mark.parametrize(
    ("flow", "prompt"),
    # account-twice asks all that account asks
    [(flow, each) for flow, (_, steps) in FLOWS.items() if flow != "account" for each in range(len(steps))],
)
def test_ctrl_c_at_any_prompt_changes_nothing(shop, flow, prompt):
    command, steps = FLOWS[flow]
    before = files_of(shop)
    with Terminal(EVENTWIRE, *command.split(), folder=shop) as tool:
        tool.play(steps[:prompt])
        tool.asked(steps[prompt].question)
        tool.type(Terminal.CTRL_C)
        assert tool.end() == 130, tool.text
        assert tool.text.endswith("Error: Interrupted; nothing was changed.")
    after = files_of(shop)
    # a database that verification opened for the first time is there now, and empty
    assert {name: body for name, body in after.items() if not name.startswith("books")} == before


REMOVALS = {
    "remove:event": ([], 'Remove the event "new-customer"?'),
    "remove:filter": ([pick("Which filter?", "big-spender")], 'Remove the filter "big-spender" of new-customer?'),
    "remove:action": (
        [pick("Which filter?", "on-event"), pick("Which action?", "remember")],
        'Remove the action "remember" of new-customer, filter on-event?',
    ),
    "remove:service-account": (
        [pick("Which service account?", "lines")],
        'Remove the service account "lines"?',
    ),
}


@pytest.mark.parametrize("command", REMOVALS)
def test_remove_asks_first(shop, command):
    steps, question = REMOVALS[command]
    steps = steps if command == "remove:service-account" else [pick("Which event?", "new-customer"), *steps]
    before = toml_of(shop)
    for keys, exit_code in ((["n"], 130), ([], 130), ([Terminal.CTRL_C], 130), (["y"], 0)):
        assert toml_of(shop) == before
        with Terminal(EVENTWIRE, command, folder=shop) as tool:
            tool.play(steps)
            tool.answer(question, *keys)
            assert tool.end() == exit_code, tool.text
    assert toml_of(shop) != before
    assert process("check", folder=shop).exit_code == 0


def test_remove_says_what_goes_with_it(shop):
    with Terminal(EVENTWIRE, "remove:service-account", "lines", folder=shop) as tool:
        tool.answer("Remove", "y")
        tool.end()
        assert tool.text == (
            'With the service account "lines" goes:\n'
            "  the action new-customer/on-event/remember\n"
            "  the action new-customer/big-spender/tell-sales\n"
            '? Remove the service account "lines"? Yes\n'
            'Removed the service account "lines".'
        )


@pytest.mark.parametrize(("keys", "exit_code"), [("y", 0), ("n", 130), ("", 130), (Terminal.CTRL_C, 130)])
def test_live_is_asked_for(shop, keys, exit_code):
    with Terminal(EVENTWIRE, "run", "new-customer", "--live", folder=shop) as tool:
        tool.answer("Run new-customer with live credentials?", keys)
        assert tool.end() == exit_code, tool.text
    assert (shop / "output" / "live").exists() == (exit_code == 0)
    assert not (shop / "output" / "test").exists()


def test_init_in_a_terminal_asks_nothing(tmp_path):
    with Terminal(EVENTWIRE, "init", "shop", folder=tmp_path) as tool:
        assert tool.end() == 0
        assert tool.text.endswith("Next: cd shop && eventwire run new-customer")
    with Terminal(EVENTWIRE, "run", folder=tmp_path / "shop") as tool:
        tool.choose("Which event?", "new-customer")
        assert tool.end() == 0
        tool.expect("2 of 2 filters matched")


def test_columns_of_the_real_table_propose_the_property_of_that_name(shop):
    text, (arguments,) = play(shop, "add:action", ACTION)
    assert "id =  (INTEGER, optional)  {id}" in text
    assert "city =  (TEXT, optional)  {address.city}" in text
    assert arguments[5:] == [
        *("warehouse", "--action", "insert", "--set", "table=customers", "--set", "values.id={id}"),
        *("--set", "values.name={name} from {address.city}", "--set", "values.email={email}"),
        *("--set", "values.city={address.city}"),
    ]


def test_the_outcome_is_shown_before_it_is_written(shop):
    with Terminal(EVENTWIRE, "add:action", folder=shop) as tool:
        tool.play(ACTION[:-1])
        text = tool.asked("Add this action?")
    shown = text.partition("For the sample, this is sent:")[2]
    assert "INSERT INTO" in shown
    assert "from" in shown


def test_a_no_at_the_end_writes_nothing(shop):
    before = toml_of(shop)
    with Terminal(EVENTWIRE, "add:action", folder=shop) as tool:
        tool.play([*ACTION[:-1], ask("Add this action?", "n")])
        assert tool.end() == 130
    assert toml_of(shop) == before


def test_an_opening_brace_completes_properties(shop):
    with Terminal(EVENTWIRE, "add:action", folder=shop) as tool:
        tool.play(ACTION[:6])
        tool.asked("name =")
        tool.type(CLEAR + "{add")
        tool.expect("address.country")
        tool.type(Terminal.TAB)
        tool.expect("{address.city}")
        tool.type(Terminal.TAB)
        tool.expect("{address.country}")
        tool.type(Terminal.ENTER)
        tool.asked("email =")


def test_a_wildcard_that_the_model_lacks_is_refused_where_it_is_typed(shop):
    with Terminal(EVENTWIRE, "add:action", folder=shop) as tool:
        tool.play([*ACTION[:6], ask("name =", CLEAR, "{nmae}")])
        tool.expect("nmae")
        tool.expect("Did you mean name?")
        tool.answer("name =", CLEAR, "{name}")
        tool.asked("email =")


def test_a_filter_says_at_once_whether_the_sample_matches(shop):
    with Terminal(EVENTWIRE, "add:filter", "new-customer", "poor", folder=shop) as tool:
        tool.play([pick("Property:", "amount"), pick("amount:", "<"), ask("amount <", "a lot")])
        tool.expect("amount")
        tool.answer("amount <", CLEAR, "100")
        tool.expect("✗ the sample does not match: The condition does not hold")
        tool.play([pick("And then?", "OR"), pick("Property:", "name"), pick("name:", "="), ask("name =", "Ana Souza")])
        tool.expect("✓ the sample matches")
        tool.choose("And then?", "Done")
        assert tool.end() == 0
        assert equivalent(tool)[-1] == "amount < 100 OR name = 'Ana Souza'"


def test_a_group_stands_in_parentheses(shop):
    play(shop, *FLOWS["filter-group"])
    assert "where = \"amount > 100 AND (name = 'Ana' OR name LIKE 'Bo%')\"" in toml_of(shop)


def test_the_verdict_stands_below_while_a_condition_is_typed(shop):
    with Terminal(EVENTWIRE, "add:filter", "new-customer", "poor", folder=shop, columns=110) as tool:
        tool.play([pick("Property:", "(by hand)")])
        tool.asked("Condition:")
        tool.type("amuont > 5")
        tool.expect("The model has no property amuont. Did you mean amount?")
        tool.type(CLEAR + "amount > 1000")
        tool.expect("The sample: The condition does not hold: amount is")
        tool.type(CLEAR + "amount > 1")
        tool.expect("The sample matches.")
        tool.type(Terminal.ENTER)
        tool.choose("And then?", "Done")
        assert tool.end() == 0


def test_an_account_that_does_not_connect_can_be_kept(shop):
    steps = [*ACCOUNT_TWICE[:3], pick("That did not connect. What now?", "Keep them as they are"), ACCOUNT[-1]]
    text, _ = play(shop, "add:service-account", steps)
    assert "does not exist." in text
    assert "no/such/books.sqlite3" in toml_of(shop)


@pytest.mark.parametrize("flow", ["filter", "action"])
@pytest.mark.parametrize("columns", [40, 120])
def test_flows_in_narrow_and_wide_terminals(shop, flow, columns):
    command, steps = FLOWS[flow]
    play(shop, command, steps, columns=columns)


def files_of(project: Path) -> dict[str, bytes]:
    """Every file of a project, with what is in it."""
    return {str(path.relative_to(project)): path.read_bytes() for path in project.rglob("*") if path.is_file()}


def test_an_account_made_on_the_way_is_a_command_of_its_own(shop):
    _, commands = play(shop, "add:action", ACTION_WITH_ACCOUNT)
    assert [each[:2] for each in commands] == [["add:service-account", "books"], ["add:action", "new-customer"]]


TRIGGER = [
    pick("Which event?", "new-customer"),
    pick("Which filter?", "on-event"),
    pick("Which action?", "remember"),
    pick("On which outcome?", "failure"),
    pick("Which event does it raise?", "mishap"),
    ask("mishap id ="),
    ask("mishap reason =", "{error.message}"),
]


@pytest.fixture
def with_mishap(shop):
    """A shop with an event to raise."""
    line = ["add:event", "mishap", "--property", "id:integer", "--property", "reason:string"]
    assert process(*line, folder=shop).exit_code == 0
    return shop


def test_a_trigger_is_asked_for(with_mishap):
    by_flags = copy_of(with_mishap)
    _, (arguments,) = play(with_mishap, "add:trigger", TRIGGER)
    assert process("check", folder=with_mishap).exit_code == 0
    assert process(*arguments, "--no-input", folder=by_flags).exit_code == 0
    assert toml_of(by_flags) == toml_of(with_mishap)
    assert "[events.new-customer.filters.on-event.actions.remember.on-failure.mishap]" in toml_of(with_mishap)


@pytest.mark.parametrize("prompt", range(len(TRIGGER)))
def test_ctrl_c_leaves_no_trigger(with_mishap, prompt):
    before = files_of(with_mishap)
    with Terminal(EVENTWIRE, "add:trigger", folder=with_mishap) as tool:
        tool.play(TRIGGER[:prompt])
        tool.asked(TRIGGER[prompt].question)
        tool.type(Terminal.CTRL_C)
        assert tool.end() == 130, tool.text
    assert files_of(with_mishap) == before
