"""`eventwire add:source` and `eventwire remove:source`."""

from __future__ import annotations

import json

import keyring.backend
import pytest

from tests.tools import EVENTWIRE, Terminal, ask, equivalent, pick, process, toml_of, tool

NAMED = ("--event", "welcomed")
HOOK = ("add:source", "sign-ups", "--kind", "stripe", *NAMED)
NIGHTLY = ("add:source", "nightly", "--kind", "schedule", *NAMED, "--schedule", "0 3 * * *")


@pytest.fixture
def shop(shop):
    added = tool("add:event", "welcomed", "--property", "id:integer", "--property", "text:string?", folder=shop)
    assert added.exit_code == 0
    return shop


@pytest.fixture
def kept(monkeypatch):
    """A keyring that keeps secrets in a dictionary."""

    entries: dict[tuple[str, str], str] = {}

    class Memory(keyring.backend.KeyringBackend):
        priority = 1

        def get_password(self, service, username):
            return entries.get((service, username))

        def set_password(self, service, username, password):
            entries[service, username] = password

        def delete_password(self, service, username):
            del entries[service, username]

    memory = Memory()
    monkeypatch.setattr(keyring, "get_keyring", lambda: memory)
    monkeypatch.setattr(keyring, "get_password", memory.get_password)
    monkeypatch.setattr(keyring, "set_password", memory.set_password)
    monkeypatch.setattr(keyring, "delete_password", memory.delete_password)
    return entries


def squeezed(text):
    """A text with one space for several."""
    return " ".join(text.split())


def test_a_webhook_by_flags(shop):
    where = "body.type = 'charge.succeeded'"
    flags = ["--environment", "live", "--set", "id={body.id}", "--set", "text=hello {body.name}", "--where", where]
    result = tool(*HOOK, *flags, "--setting", "tolerance-seconds=60", folder=shop)
    assert result.exit_code == 0, result.output
    assert result.stderr == (
        'Added the source "sign-ups", which raises welcomed.\n'
        "Next: set EVENTWIRE_SIGN_UPS_LIVE_SECRET, or: eventwire add:source sign-ups --secret secret=-\n"
        "Its address is /sources/sign-ups of the server.\n"
    )
    assert toml_of(shop).endswith(
        "\n[sources.sign-ups]\n"
        'kind = "stripe"\n'
        'event = "welcomed"\n'
        'environment = "live"\n'
        "tolerance-seconds = 60\n"
        "where = \"body.type = 'charge.succeeded'\"\n"
        'values = { id = "{body.id}", text = "hello {body.name}" }\n'
    )


def test_a_schedule_and_a_folder_by_flags(shop):
    result = tool(*NIGHTLY, "--time-zone", "Europe/Lisbon", "--set", "id={body.missed}", "--json", folder=shop)
    assert result.exit_code == 0, result.output
    assert result.document == {
        "source": "nightly",
        "kind": "schedule",
        "event": "welcomed",
        "schedule": "0 3 * * *",
        "time-zone": "Europe/Lisbon",
        "values": {"id": "{body.missed}"},
        "address": None,
        "waits_for": [],
    }
    folder = tool("add:source", "inbox", "--kind", "folder", *NAMED, "--folder", "inbox", folder=shop)
    assert (folder.exit_code, folder.stderr) == (0, 'Added the source "inbox", which raises welcomed.\n')
    assert toml_of(shop).index("[sources.nightly]") < toml_of(shop).index("[sources.inbox]")


def test_its_secret_goes_into_the_keyring_and_is_replaced(shop, kept):
    result = tool(*HOOK, "--secret", "secret=env:HOOK", folder=shop, environ={"HOOK": "whsec_one"})
    assert result.exit_code == 0, result.output
    assert "Next" not in result.stderr
    assert {user: json.loads(value) for (_, user), value in kept.items()} == {"sign-ups.test": {"secret": "whsec_one"}}
    again = tool("add:source", "sign-ups", "--secret", "secret=-", stdin="whsec_two\n", folder=shop)
    assert (again.exit_code, again.stderr) == (0, 'Replaced the secrets of the source "sign-ups".\n')
    assert "sign-ups.test.secret keyring" in squeezed(tool("doctor", folder=shop).stdout)
    assert "whsec" not in toml_of(shop)
    removed = tool("remove:source", "sign-ups", "--yes", folder=shop)
    assert removed.stderr == (
        'With the source "sign-ups" goes:\n  its secrets in the keyring\nRemoved the source "sign-ups".\n'
    )
    assert list(kept.values()) == []


def test_without_a_keyring_both_ways_out_are_named_and_nothing_changes(shop):
    before = toml_of(shop)
    result = process(*HOOK, "--secret", "secret=-", folder=shop, stdin=b"hunter2\n")
    assert result.exit_code == 4
    assert "EVENTWIRE_SIGN_UPS_TEST_SECRET" in result.stderr and "EncryptedKeyring" in result.stderr
    assert "hunter2" not in result.output
    assert toml_of(shop) == before


def test_doctor_says_where_the_secret_is_looked_for(shop):
    assert tool(*HOOK, folder=shop).exit_code == 0
    missing = process("doctor", folder=shop)
    assert "✗ sign-ups.test.secret missing" in squeezed(missing.stdout)
    assert "set EVENTWIRE_SIGN_UPS_TEST_SECRET" in missing.stdout
    found = tool("doctor", folder=shop, environ={"EVENTWIRE_SIGN_UPS_TEST_SECRET": "x"})
    assert "✓ sign-ups.test.secret environment" in squeezed(found.stdout)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add:source",), "Missing: NAME, --kind, --event."),
        (("add:source", "x", "--kind", "schedule"), "Missing: --event, --schedule."),
        (("add:source", "x", "--kind", "hmac", *NAMED), "Missing: --setting header=…."),
        (("add:source", "x", "--kind", "stipe", *NAMED), "Did you mean stripe?"),
        (("add:source", "x", "--kind", "stripe", "--event", "welcmed"), "Did you mean welcomed?"),
        ((*HOOK, "--schedule", "* * * * *"), "--schedule means nothing for Stripe."),
        ((*HOOK, "--setting", "secret=hunter2"), "is a secret"),
        ((*HOOK, "--secret", "secret"), "--secret takes KEY=SOURCE."),
        ((*HOOK, "--setting", "tolerance-seconds=soon"), "takes a number"),
        ((*HOOK, "--set", "idd=1"), 'there is no field "idd"'),
        ((*HOOK, "--set", "text=x"), 'The event "welcomed" needs id.'),
        ((*HOOK, "--where", "bdy.x = 1"), "The model has no property bdy.x."),
        ((*NIGHTLY, "--set", "id=1", "--time-zone", "Lisbon"), 'There is no time zone "Lisbon".'),
        ((*NIGHTLY[:-1], "tomorrow", "--set", "id=1"), '"tomorrow" is no cron expression'),
        (NIGHTLY, 'The event "welcomed" needs id.'),
        (("add:source", "lines", *HOOK[2:]), "called as a service account is"),
        (("add:source", "Sign Ups", *HOOK[2:]), "For example: sign-ups"),
        (("remove:source", "sign-ups", "--yes"), 'There is no source "sign-ups".'),
    ],
)
def test_mistakes_change_nothing(shop, arguments, message):
    before = toml_of(shop)
    result = tool(*arguments, folder=shop)
    assert result.exit_code in (2, 3), result.output
    assert message in result.stderr
    assert "hunter2" not in result.stderr
    assert toml_of(shop) == before


def test_it_goes_with_its_event(shop):
    before = toml_of(shop)
    assert tool(*NIGHTLY, "--set", "id=1", folder=shop).exit_code == 0
    result = tool("remove:event", "welcomed", "--yes", folder=shop)
    assert result.exit_code == 0, result.output
    assert "  the source nightly\n" in result.stderr
    assert "sources" not in toml_of(shop)
    assert toml_of(shop) in before


STEPS = [
    pick("What raises the event?", "Schedule"),
    ask("What is the source called?", Terminal.CTRL_U, "nightly"),
    pick("Which event does it raise?", "welcomed"),
    pick("In which environment?", "test"),
    ask("Cron expression:", "0 3 * * *"),
    ask("Time zone:", Terminal.CTRL_U, "Europe/Lisbon"),
    ask("welcomed id =", "{body.missed}"),
    ask("welcomed text ="),
]
WEBHOOK = [
    pick("What raises the event?", "HMAC signature"),
    ask("What is the source called?"),
    pick("Which event does it raise?", "welcomed"),
    pick("In which environment?", "live"),
    ask("Header with the signature:", "X-Signature"),
    pick("What is the payload?", "A value for each property"),
    ask("welcomed id ="),
    ask("welcomed text =", Terminal.CTRL_U),
    ask("Only where:", "body.kind = 'new'"),
]


@pytest.mark.parametrize(("steps", "name"), [(STEPS, "nightly"), (WEBHOOK, "hmac")], ids=["schedule", "webhook"])
def test_asked_for(shop, steps, name):
    with Terminal(EVENTWIRE, "add:source", folder=shop, columns=200) as terminal:
        terminal.play(steps)
        assert terminal.end() == 0, terminal.text
        line = equivalent(terminal)
    written = toml_of(shop)
    assert f"[sources.{name}]\n" in written
    assert tool("remove:source", name, "--yes", folder=shop).exit_code == 0
    assert tool(*line, folder=shop).exit_code == 0
    assert toml_of(shop) == written


@pytest.mark.parametrize("prompt", range(len(STEPS)))
def test_ctrl_c_changes_nothing(shop, prompt):
    before = toml_of(shop)
    with Terminal(EVENTWIRE, "add:source", folder=shop) as terminal:
        terminal.play(STEPS[:prompt])
        terminal.asked(STEPS[prompt].question)
        terminal.type(Terminal.CTRL_C)
        assert terminal.end() == 130, terminal.text
    assert toml_of(shop) == before
