"""`eventwire test`."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.tools import process, toml_of, tool

TESTS = """\
# what should come of a new customer

[tests.a-big-one]
event = "new-customer"
set = { amount = 250, "address.city" = "Porto" }
matched = [
    "on-event", # everybody
    "big-spender",
]

[tests.a-big-one.actions.big-spender.tell-sales]
request-contains = { line = { text = "Ana Souza from Porto spent 250" } }
"""


@pytest.fixture
def own(shop: Path) -> Path:
    """The shop with a single file of tests of its own."""
    for path in (shop / "tests").iterdir():
        path.unlink()
    write(shop, TESTS)
    return shop


def write(shop: Path, text: str) -> None:
    (shop / "tests" / "own.toml").write_text(text, encoding="utf-8")


def text_of(shop: Path) -> str:
    return (shop / "tests" / "own.toml").read_text(encoding="utf-8")


def change(shop: Path, before: str, after: str) -> None:
    text = toml_of(shop)
    assert before in text
    (shop / "eventwire.toml").write_text(text.replace(before, after), encoding="utf-8")


def test_the_templates_tests_pass(shop):
    result = process("test", folder=shop)
    assert result.exit_code == 0
    assert result.stdout.endswith("\n3 passed\n")


def test_what_differs_is_shown_with_its_place(own):
    change(own, "amount > 100", "amount > 300")
    result = tool("test", folder=own)
    assert result.exit_code == 1
    assert result.stdout == (
        "tests/own.toml\n"
        "  x a-big-one\n"
        "    matched  tests/own.toml:6:1\n"
        "       on-event\n"
        "      -big-spender\n"
        "    big-spender/tell-sales is not sent: its filter does not match  tests/own.toml:11:38\n"
        "\n"
        "0 passed, 1 failed\n"
        "1 of 2 filters reached by no test: new-customer/big-spender\n"
        "1 of 2 actions reached by no test: new-customer/big-spender/tell-sales\n"
    ).replace("  x ", f"  {mark(result.stdout)} ")


def mark(text: str) -> str:
    return "✗" if "✗" in text else "x"


def test_a_whole_request_may_not_have_more(own):
    body = '{\\"id\\":7,\\"name\\":\\"Ana Souza\\",\\"city\\":\\"Recife\\"}'
    whole = f'request = {{ file = "customers.ndjson", line = "{body}" }}\n'
    write(own, '[tests.one]\nevent = "new-customer"\n[tests.one.actions.on-event.remember]\n' + whole)
    assert tool("test", folder=own).exit_code == 0
    write(own, text_of(own).replace('file = "customers.ndjson", ', ""))
    result = tool("test", folder=own)
    assert result.exit_code == 1
    assert '+  "file": "customers.ndjson",' in result.stdout


def test_what_must_not_be_sent(own):
    write(own, TESTS.split("request-contains")[0] + "sent = false\n")
    result = tool("test", folder=own)
    assert result.exit_code == 1
    assert "big-spender/tell-sales must not be sent" in result.stdout
    write(own, text_of(own).replace("250", "5").replace('    "big-spender",\n', ""))
    assert tool("test", folder=own).exit_code == 0


def test_what_is_refused_and_what_cannot_be_sent(own):
    change(own, "| default: 0", "")
    write(
        own,
        '[tests.no-email]\nevent = "new-customer"\npayload = { id = 1 }\nrefused = "email"\n'
        '[tests.no-name]\nevent = "new-customer"\npayload = { id = 1 }\nrefused = "zip"\n'
        '[tests.fits]\nevent = "new-customer"\nrefused = "email"\n',
    )
    result = tool("test", "--json", folder=own)
    assert [each["status"] for each in result.document["tests"]] == ["passed", "failed", "failed"]
    assert result.document["summary"] == {"passed": 1, "failed": 2}
    change(own, "{amount ", "{nickname ")
    change(own, 'amount = "number?"', 'amount = "number?"\nnickname = "string?"')
    write(own, TESTS.split("request-contains")[0] + 'error = "nickname is missing"\n')
    assert tool("test", folder=own).exit_code == 0


def test_the_envelope_is_always_the_same(own):
    change(own, "{name} from", "{event.id} {event.time} {event.environment} {event.source} {name} from")
    text = "00000000000000000000000000 2026-01-01T00:00:00.000+00:00 test test Ana Souza from Porto spent 250"
    write(own, TESTS.replace("Ana Souza from Porto spent 250", text))
    assert tool("test", folder=own).exit_code == 0
    write(own, text_of(own).replace("matched", 'id = "abc"\nenvironment = "live"\nmatched').replace("0" * 26, "abc"))
    write(own, text_of(own).replace(" test test ", " live test "))
    assert tool("test", folder=own).exit_code == 0


def test_update_writes_what_came_of_it_and_keeps_the_rest(own):
    change(own, "spent {amount", "SPENT {amount")
    result = tool("test", "--update", folder=own)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "SPENT 250" in result.stderr
    assert "Confirm it with --yes" in result.stderr
    assert text_of(own) == TESTS
    result = tool("test", "--update", "--yes", folder=own)
    assert result.exit_code == 0
    assert "Updated 1 test." in result.stderr
    assert text_of(own) == TESTS.replace("Porto spent", "Porto SPENT")


def test_update_fills_in_a_test_that_expects_nothing(own):
    write(
        own,
        '[tests.fresh]\nevent = "new-customer" # a comment\n\n[tests.other]\nevent = "new-customer"\nmatched = []\n',
    )
    assert tool("test", folder=own).exit_code == 1
    assert tool("test", "--update", "--yes", folder=own).exit_code == 0
    assert text_of(own) == (
        '[tests.fresh]\nevent = "new-customer" # a comment\nmatched = ["on-event", "big-spender"]\n\n'
        "[tests.fresh.actions.on-event.remember]\n"
        'request = { file = "customers.ndjson", line = \'{"id":7,"name":"Ana Souza","city":"Recife"}\' }\n\n'
        "[tests.fresh.actions.big-spender.tell-sales]\n"
        'request = { file = "sales.ndjson", line = \'{"text":"Ana Souza from Recife spent 129.9"}\' }\n\n'
        '[tests.other]\nevent = "new-customer"\nmatched = ["on-event", "big-spender"]\n'
    )


def test_null_in_a_request_is_written_as_json(own):
    change(own, 'line = { id = "{id}"', 'line = { none = "{nothing | default: null}", id = "{id}"')
    change(own, 'amount = "number?"', 'amount = "number?"\nnothing = "string?"')
    write(own, '[tests.one]\nevent = "new-customer"\n')
    assert tool("test", "--update", "--yes", folder=own).exit_code == 0
    assert tool("test", folder=own).exit_code == 0


def test_junit(own):
    change(own, "amount > 100", "amount > 300")
    assert tool("test", "--junit", "out.xml", folder=own).exit_code == 1
    root = ElementTree.parse(own / "out.xml").getroot()
    assert (root.tag, root.get("tests"), root.get("failures")) == ("testsuites", "1", "1")
    case = root.find("testsuite/testcase")
    assert case is not None
    assert (case.get("name"), case.get("file"), case.get("line")) == ("a-big-one", "tests/own.toml", "3")
    failure = case.find("failure")
    assert failure is not None
    assert "-big-spender" in (failure.text or "")


def test_a_junit_file_that_cannot_be_written(own):
    result = tool("test", "--junit", "no/such/out.xml", folder=own)
    assert result.exit_code == 1
    assert "no/such/out.xml cannot be written" in result.stderr


def test_one_file_or_one_test(own):
    (own / "tests" / "more").mkdir()
    (own / "tests" / "more" / "b.toml").write_text(
        '[tests.b]\nevent = "new-customer"\nmatched = []\n[tests.c]\nevent = "new-customer"\nmatched = []\n'
    )
    assert len(tool("test", "--json", folder=own).document["tests"]) == 3
    assert len(tool("test", "--json", "tests/more", folder=own).document["tests"]) == 2
    assert len(tool("test", "--json", "tests/more/b.toml::c", folder=own).document["tests"]) == 1
    missing = tool("test", "tests/more/b.toml::d", folder=own)
    assert missing.exit_code == 2
    assert 'tests/more/b.toml has no test "d".' in missing.stderr
    assert tool("test", "nowhere.toml", folder=own).exit_code == 2


def test_no_tests_at_all(own):
    (own / "tests" / "own.toml").unlink()
    result = tool("test", folder=own)
    assert result.exit_code == 2
    assert "There are no tests." in result.stderr


WRONG = {
    '[tests.a]\nevnt = "x"\nevent = "new-customer"\nmatched = []\n': 'tests/own.toml:2:1: "evnt" means nothing here.',
    '[tests.a]\nevent = "new-custmer"\n': 'tests/own.toml:2:9: There is no event "new-custmer".',
    "[tests.a]\nmatched = []\n": "tests/own.toml:1:8: The test names no event.",
    '[tests.a]\nevent = "new-customer"\nmatched = ["big"]\n': 'tests/own.toml:3:12: There is no filter "big".',
    '[tests.a]\nevent = "new-customer"\npayload = "no.json"\n': "tests/own.toml:3:11: ",
    '[tests.a]\nevent = "new-customer"\npayload = 5\n': 'tests/own.toml:3:11: "payload" has to be an inline table',
    '[tests.a]\nevent = "new-customer"\nset = { "id.x.y" = 5 }\n[tests.b]\n': "tests/own.toml:4:8: The test names no event.",
    '[tests.a]\nevent = "new-customer"\nset = { "a[5]" = 5 }\n': 'tests/own.toml:3:9: The path "a[5]" leads nowhere',
    '[tests.a]\nevent = "new-customer"\nenvironment = "prod"\n': '"environment" has to be "test" or "live".',
    '[tests.a]\nevent = "new-customer"\n[tests.a.actions.on-event.x]\nsent = false\n': 'There is no action "x".',
    '[tests.a]\nevent = "new-customer"\n[tests.a.actions.on-event.remember]\n': "exactly one thing",
    '[tests.a]\nevent = "new-customer"\n[tests.a.actions.on-event.remember]\nrequest = "{"\n': "This is no JSON",
    '[tests."a b"]\nevent = "new-customer"\n': '"a b" is no name for a test.',
    "tests = 5\n": '"tests" has to be a table of tests.',
    "[tests.a\n": "tests/own.toml:1:",
}


@pytest.mark.parametrize("text", WRONG)
def test_mistakes_have_a_place_and_a_next_step(own, text):
    write(own, text)
    result = tool("test", folder=own)
    assert (result.exit_code, result.stdout) == (3, "")
    assert WRONG[text] in result.stderr


def test_nothing_outside_is_touched(own):
    script = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('a socket')\n"
        "socket.socket.connect = refuse\n"
        "sys.argv = ['eventwire', 'test']\n"
        "from eventwire.app import main\n"
        "try:\n    code = main()\nexcept SystemExit as error:\n    code = error.code\n"
        "loaded = {'keyring', 'httpx', 'asyncpg', 'redis', 'sqlite3'} & set(sys.modules)\n"
        "print(code, sorted(loaded))\n"
    )
    import subprocess

    done = subprocess.run([sys.executable, "-c", script], cwd=own, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1].startswith("0 "), done.stderr
    assert not {"keyring", "httpx", "asyncpg", "redis"} & set(done.stdout.splitlines()[-1].split("'"))
    assert not (own / ".eventwire" / "journal.sqlite3").exists()
    assert not (own / "output").exists()
