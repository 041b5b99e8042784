"""What holds for every command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eventwire.app import SUMMARIES
from tests.importing.sources import BAKERY
from tests.tools import EVENTWIRE, Terminal, environment, tool

PASSWORD = Path(__file__).with_name("password.txt")
# Each command, as it does its work off a terminal.
LINES = {
    "init": ["init", "other"],
    "demo": ["demo", "other"],
    "import": ["import", str(BAKERY), "--into", "other"],
    "add:event": ["add:event", "x", "--property", "id:integer"],
    "add:filter": ["add:filter", "new-customer", "x", "--where", "id = 1"],
    "add:service-account": ["add:service-account", "x", "--service", "sqlite", "--test", "database=x.db"],
    "add:action": [
        *("add:action", "new-customer", "on-event", "x", "--service-account", "warehouse", "--action", "execute"),
        *("--set", "statement=INSERT INTO audit VALUES ({event.time})"),
    ],
    "add:trigger": [
        *(
            "add:trigger",
            "new-customer",
            "on-event",
            "remember",
            "--on",
            "success",
            "--event",
            "other",
            "--set",
            "id=1",
        ),
    ],
    "add:button": ["add:button", "new-customer", "x", "--text", "Ban", "--url", "https://shop.example/ban"],
    "add:source": ["add:source", "x", "--kind", "folder", "--event", "new-customer", "--folder", "inbox"],
    "add:key": ["add:key", "x", "--environment", "test"],
    "add:user": ["add:user", "x", "--role", "viewer", "--password-from", f"file:{PASSWORD}"],
    "remove:key": ["remove:key", "y", "--yes"],
    "remove:user": ["remove:user", "y", "--yes"],
    "remove:button": ["remove:button", "new-customer", "y", "--yes"],
    "remove:source": ["remove:source", "y", "--yes"],
    "remove:trigger": [
        *("remove:trigger", "new-customer", "on-event", "remember", "--on", "failure", "--event", "other", "--yes"),
    ],
    "remove:event": ["remove:event", "new-customer", "--yes"],
    "remove:filter": ["remove:filter", "new-customer", "on-event", "--yes"],
    "remove:action": ["remove:action", "new-customer", "on-event", "remember", "--yes"],
    "remove:service-account": ["remove:service-account", "lines", "--yes"],
    "run": ["run", "new-customer"],
    "replay": ["replay", "0", "--plan"],
    "recover": ["recover"],
    "test": ["test"],
    "check": ["check"],
    "history": ["history"],
    "inspect": ["inspect", "0"],  # as much of the only run's id as is needed
    "list": ["list"],
    "show": ["show", "new-customer"],
    "services": ["services"],
    "doctor": ["doctor"],
    "schema": ["schema"],
    "openapi": ["openapi"],
    "asyncapi": ["asyncapi", "--server", "https://events.shop.example"],
    "completion": ["completion", "bash"],
}


@pytest.fixture(autouse=True)
def a_run(request):
    """A run for the command that shows one."""
    if "shop" in request.fixturenames and any(name in request.node.name for name in ("inspect", "replay")):
        assert tool("run", "new-customer", folder=request.getfixturevalue("shop")).exit_code == 0


@pytest.fixture(autouse=True)
def another_event(request):
    """An event that can be raised, and one that is."""
    if "shop" in request.fixturenames and "trigger" in request.node.name:
        shop = request.getfixturevalue("shop")
        assert tool("add:event", "other", "--property", "id:integer", folder=shop).exit_code == 0
        line = [part.replace("success", "failure") for part in LINES["add:trigger"]]
        assert tool(*line, folder=shop).exit_code == 0


@pytest.fixture(autouse=True)
def something_to_remove(request):
    """A button, a source, a key and a user that can be removed."""
    for kind in ("button", "source", "key", "user"):
        if "shop" in request.fixturenames and f"remove:{kind}" in request.node.name:
            line = ["y" if part == "x" else part for part in LINES[f"add:{kind}"]]
            assert tool(*line, folder=request.getfixturevalue("shop")).exit_code == 0


ELSEWHERE = {"press", "serve"}
"""Commands that need a server, and that tests of their own run."""
WITHOUT_PROJECT = {"init", "demo", "import", "services", "schema", "completion", "doctor"}


def test_every_command_is_here():
    assert set(LINES) | ELSEWHERE == set(SUMMARIES)


@pytest.mark.parametrize("command", [each for each in LINES if each != "completion"])
def test_json_is_one_document_on_stdout_and_nothing_on_stderr(shop, command):
    result = tool(*LINES[command], "--json", folder=shop)
    assert result.exit_code == 0, result.output
    assert isinstance(json.loads(result.stdout), dict)
    assert result.stderr == "" or command == "demo"  # which says first where it will be


@pytest.mark.parametrize("command", [each for each in LINES if each not in WITHOUT_PROJECT])
def test_errors_are_one_json_document_on_stderr(tmp_path, command):
    result = tool(*LINES[command], "--json", folder=tmp_path)
    assert result.exit_code == 3
    assert result.stdout == ""
    assert set(result.error) >= {"code", "message", "file", "line", "column", "next_step"}


@pytest.mark.parametrize("command", LINES)
def test_no_colours_off_a_terminal(shop, command):
    result = tool(*LINES[command], folder=shop)
    assert result.exit_code == 0, result.output
    if command != "completion":
        assert "\x1b" not in result.stdout + result.stderr


@pytest.mark.parametrize("command", [each for each in LINES if each not in WITHOUT_PROJECT])
def test_project_names_its_folder(shop, tmp_path, command):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert tool(*LINES[command], "--project", str(shop), folder=elsewhere).exit_code == 0
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("command", LINES)
def test_help_begins_with_its_summary(tmp_path, command, capsys):
    assert tool(command, "--help", folder=tmp_path).exit_code == 0
    assert f"  {SUMMARIES[command]}" in capsys.readouterr().out


def test_no_color_is_respected_on_a_terminal(shop):
    for more, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        with Terminal(EVENTWIRE, "run", "new-customer", folder=shop, environ=environment(shop, **more)) as terminal:
            assert terminal.end() == 0
            assert (b"\x1b[32m" in terminal.raw) is coloured
            assert (b"\x1b[3" in terminal.raw) is coloured


def test_an_unknown_option_proposes_one_that_exists(shop):
    result = tool("run", "new-customer", "--dryrun", folder=shop)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--dryrun" in result.stderr
    assert result.stderr.endswith("\nDid you mean --dry-run?\n")
