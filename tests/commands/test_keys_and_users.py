"""`eventwire add:key`, `remove:key`, `add:user`, `remove:user`, and `list keys`, `list users`."""

from __future__ import annotations

import pytest

from eventwire.project.locate import state_folder
from eventwire.server.keys import check_key
from eventwire.server.store import Store
from eventwire.server.users import check_password
from tests.tools import EVENTWIRE, Terminal, ask, pick, process, tool

PASSWORD = "correct horse battery"
ADD_USER = ("add:user", "ana", "--role", "operator", "--password-from", "-")


def checked(shop, key):
    with Store(state_folder(shop)) as store:
        return check_key(store, key)


def test_a_key_is_printed_once_and_alone(shop):
    result = tool("add:key", "sender", "--environment", "test", folder=shop)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("ew_test_") and result.stdout.count("\n") == 1
    assert "it is not shown again" in result.stderr
    assert result.stdout.strip() not in result.stderr
    assert checked(shop, result.stdout.strip()).name == "sender"
    listed = tool("list", "keys", folder=shop)
    assert result.stdout.strip() not in listed.output
    assert result.stdout[:16] in listed.stdout


def test_keys_are_listed_with_their_state(shop):
    assert "There are no keys yet." in tool("list", "keys", folder=shop).stdout
    key = tool("add:key", "a", "--environment", "live", "--json", folder=shop).document["key"]
    assert tool("add:key", "b", "--environment", "test", "--expires-in-days", "0.00001", folder=shop).exit_code == 0
    checked(shop, key)
    keys = {each["name"]: each for each in tool("list", "keys", "--json", folder=shop).document["keys"]}
    assert keys["a"]["last_used_at"] is not None
    assert (keys["a"]["state"], keys["a"]["expires_at"], keys["b"]["last_used_at"]) == ("active", None, None)
    assert keys["b"]["expires_at"] == pytest.approx(keys["b"]["created_at"] + 0.864)
    header, first, second = tool("list", "keys", folder=shop).stdout.splitlines()
    assert header.split() == ["key", "environment", "begins", "state", "expires", "last", "used"]
    assert first.split()[:2] == ["a", "live"] and second.endswith("never")


def test_a_key_is_removed(shop):
    assert tool("add:key", "a", "--environment", "test", folder=shop).exit_code == 0
    assert tool("remove:key", "a", folder=shop).exit_code == 2
    assert tool("remove:key", "a", "--yes", folder=shop).stderr == 'Removed the key "a".\n'
    again = tool("remove:key", "a", "--yes", folder=shop)
    assert (again.exit_code, 'There is no key "a".' in again.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add:key",), "Missing: NAME, --environment."),
        (("add:key", "The Shop", "--environment", "test"), "For example: the-shop"),
        (("add:key", "a", "--environment", "prod"), "'prod'"),
        (("add:key", "a", "--environment", "test", "--expires-in-days", "0"), "0"),
        (("add:user",), "Missing: NAME, --role, --password-from."),
        (("add:user", "ana", "--role", "viewer"), "Missing: --password-from."),
        (("add:user", "Ana", "--role", "viewer", "--password-from", "-"), "A user's name"),
        (("add:user", "ana", "--role", "viewer", "--password-from", "hunter2"), "does not name a source"),
        (("remove:user", "ana", "--yes"), 'There is no user "ana".'),
        (("list", "kees"), "'kees'"),
    ],
)
def test_mistakes(shop, arguments, message):
    result = tool(*arguments, stdin=f"{PASSWORD}\n", folder=shop)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert PASSWORD not in result.output and "hunter2" not in result.stderr


def test_a_password_that_is_too_short(shop):
    result = tool(*ADD_USER, stdin="short\n", folder=shop)
    assert (result.exit_code, "10 characters at least" in result.stderr) == (2, True)


def test_a_user_comes_changes_and_goes(shop):
    result = tool(*ADD_USER, stdin=f"{PASSWORD}\n", folder=shop)
    assert (result.exit_code, result.stderr) == (0, 'Added the user "ana", operator.\n')
    with Store(state_folder(shop)) as store:
        assert check_password(store, "ana", PASSWORD).role == "operator"
    changed = tool("add:user", "ana", "--role", "admin", folder=shop)
    assert changed.stderr == 'Changed the user "ana", admin.\n'
    listed = tool("list", "users", "--json", folder=shop).document["users"]
    assert [(each["name"], each["role"]) for each in listed] == [("ana", "admin")]
    assert PASSWORD not in tool("list", "users", folder=shop).output
    assert tool("remove:user", "ana", "--yes", folder=shop).stderr == 'Removed the user "ana".\n'
    assert "There are no users yet." in tool("list", "users", folder=shop).stdout


def test_a_password_from_the_environment_or_a_file(shop):
    (shop / "password").write_text(f"{PASSWORD}\n")
    for name, source in (("ana", "env:PW"), ("bob", "file:password")):
        line = ("add:user", name, "--role", "viewer", "--password-from", source)
        assert tool(*line, folder=shop, environ={"PW": PASSWORD}).exit_code == 0
    with Store(state_folder(shop)) as store:
        assert [check_password(store, name, PASSWORD).name for name in ("ana", "bob")] == ["ana", "bob"]


def test_a_key_is_asked_for(shop):
    with Terminal(EVENTWIRE, "add:key", folder=shop, columns=150) as terminal:
        terminal.play(
            [ask("What is the key called?", "sender"), pick("Where do the events that it sends run?", "live")]
        )
        assert terminal.end() == 0, terminal.text
        assert "eventwire add:key sender --environment live" in terminal.text
        assert "ew_live_" in terminal.text
    assert '"live"' in process("list", "keys", "--json", folder=shop).stdout


USER = [
    ask("What is the user called?", "ana"),
    pick("What may the user do?", "viewer"),
    ask("Password (hidden):", PASSWORD),
    ask("The same again:", PASSWORD),
]


def test_a_user_is_asked_for_and_the_password_is_never_shown(shop):
    with Terminal(EVENTWIRE, "add:user", folder=shop, columns=150) as terminal:
        terminal.play(USER)
        assert terminal.end() == 0, terminal.text
        assert "eventwire add:user ana --role viewer --password-from -" in terminal.text
        assert PASSWORD.encode() not in terminal.raw
    with Store(state_folder(shop)) as store:
        assert check_password(store, "ana", PASSWORD).role == "viewer"


def test_a_second_password_that_is_another_one_adds_nobody(shop):
    with Terminal(EVENTWIRE, "add:user", folder=shop, columns=150) as terminal:
        terminal.play([*USER[:3], ask("The same again:", "something else")])
        assert terminal.end() == 2, terminal.text
    assert "There are no users yet." in tool("list", "users", folder=shop).stdout
