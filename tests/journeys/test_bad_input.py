"""Bad input, each answered with a sentence, a place where there is one, a next step, and the right exit code."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.servers import absent
from tests.tools import EVENTWIRE, Result, Terminal, environment, make_shop, process, toml_of, tool

STORE = """
[events.new-customer.filters.on-event.actions.store]
service-account = "warehouse"
action = "insert"
table = "{table}"
values = {{ id = "{{id}}", name = "{{name}}", email = "{{email}}" }}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make_shop(tmp_path / "shop")


def refused(result: Result, exit_code: int, *words: str) -> None:
    """An error that is told well: its sentence and next step, no traceback, nothing on stdout."""
    assert result.exit_code == exit_code, result.output[:3000]
    assert result.stderr.startswith("Error: "), result.output[:3000]
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) >= 2, f"no next step: {result.stderr[:1000]}"
    assert result.stdout == ""
    for each in words:
        assert each in result.stderr, result.output[:3000]


def append(shop: Path, text: str) -> None:
    (shop / "eventwire.toml").write_text(toml_of(shop) + text, encoding="utf-8")


@pytest.mark.parametrize("command", ["list", "check", "run", "add:event x --property id:integer", "remove:event x"])
def test_no_project(tmp_path, command):
    refused(tool(*command.split(), folder=tmp_path), 3, "eventwire.toml", "eventwire init")


@pytest.mark.parametrize("command", ["list", "check", "run new-customer", "add:filter new-customer x --where id=1", ""])
def test_broken_toml(shop, command):
    append(shop, "\n[events.broken\nx = 1\n")
    before = toml_of(shop)
    result = tool(*command.split(), folder=shop)
    line = before.splitlines().index("[events.broken") + 1
    assert result.exit_code == 3
    assert f"eventwire.toml:{line}" in result.stdout + result.stderr
    assert toml_of(shop) == before


def test_a_project_file_that_is_not_text(shop):
    (shop / "eventwire.toml").write_bytes(b'[project]\nname = "\xff\xfe"\n')
    result = tool("list", folder=shop)
    refused(result, 3, "eventwire.toml")


def test_a_sample_that_contradicts_the_model(shop):
    (shop / "samples" / "new-customer.json").write_text('{"id": "seven", "name": "Ana"}', encoding="utf-8")
    refused(tool("run", "new-customer", folder=shop), 2, "id", "email")
    checked = tool("check", folder=shop)
    assert checked.exit_code == 3, checked.output
    assert "samples/new-customer.json" in checked.stdout


DEEP = '{"a":' * 5000 + "1" + "}" * 5000
PAYLOADS = {
    "not JSON": ("{id: 1}", "line 1"),
    "empty": ("", ""),
    "not an object": ("[1, 2]", "object"),
    "too deep": (DEEP, "deep"),
    "NaN": ('{"id": NaN}', "NaN"),
    "duplicate keys": ('{"id": 1, "id": 2}', "id"),
    "lone surrogate": ('{"id": 1, "name": "\\ud800"}', ""),
    "zero byte": ('{"id": 1, "name": "a\x00b"}', ""),
    "two documents": ('{"id": 1} {"id": 2}', ""),
    "missing properties": ("{}", "id"),
    "huge number": ('{"id": 1e999999999}', ""),
}


@pytest.mark.parametrize("name", PAYLOADS)
@pytest.mark.parametrize("way", ["flag", "file", "stdin"])
def test_a_payload_that_is_none(shop, name, way):
    body, words = PAYLOADS[name]
    (shop / "payload.json").write_text(body, encoding="utf-8")
    data = {"flag": body, "file": "@payload.json", "stdin": "@-"}[way]
    result = tool("run", "new-customer", "--data", data, folder=shop, stdin=body)
    refused(result, 2, words)
    assert not (shop / "output").exists()
    assert len(result.stderr) < 2000


@pytest.mark.parametrize("body", [b"\xff\xfe{}", b'{"name": "\xed\xa0\x80"}', b"\x00\x00"])
def test_a_payload_that_is_not_utf_8(shop, body):
    (shop / "payload.json").write_bytes(body)
    refused(tool("run", "new-customer", "--data", "@payload.json", folder=shop), 2, "payload.json")


def test_a_payload_of_50_megabytes(shop):
    with (shop / "payload.json").open("wb") as file:
        file.write(b'{"id": 1, "name": "' + b"a" * 50_000_000 + b'"}')
    result = tool("run", "new-customer", "--data", "@payload.json", folder=shop)
    refused(result, 2)
    assert len(result.stderr) < 2000


def test_a_payload_file_that_is_missing_or_a_folder(shop):
    refused(tool("run", "new-customer", "--data", "@nowhere.json", folder=shop), 2, "nowhere.json")
    refused(tool("run", "new-customer", "--data", "@samples", folder=shop), 2, "samples")


@pytest.mark.parametrize("name", ["two words", "a.b", "a:b", "🎉", "", "-", "Ünï", "9lives", "a" * 10_000, "a\nb", "A"])
def test_names_that_are_none(shop, name):
    before = toml_of(shop)
    for line in (
        ["add:event", "--property", "id:integer", "--", name],
        ["add:filter", "--where", "id = 1", "--", "new-customer", name],
        ["add:service-account", "--service", "sqlite", "--test", "database=x", "--no-verify", "--", name],
        [
            "add:action",
            "--service-account",
            "warehouse",
            "--action",
            "execute",
            "--set",
            "statement=x",
            "--",
            "new-customer",
            "on-event",
            name,
        ],
    ):
        result = tool(*line, folder=shop)
        assert result.exit_code in (2, 3), (line[0], result.output[:2000])
        refused(result, result.exit_code)
    assert toml_of(shop) == before


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("ammount > 1", "Did you mean amount?"),
        ("name = 'Ana", "quote"),
        ("name > ", ""),
        ("", ""),
        ("tags IN (1", ""),
        ("amount > 'a lot'", ""),
        ("(" * 100_000, ""),
        ("NOT " * 250_000 + "TRUE", ""),
        ("a" * 1_000_000, ""),
        ("name = '\x00'", None),
    ],
    ids=["unknown", "quote", "unfinished", "empty", "list", "type", "parens", "nots", "word", "zero"],
)
def test_conditions(shop, where, words):
    before = toml_of(shop)
    result = tool("add:filter", "new-customer", "bad", "--where", where, folder=shop)
    if words is None and result.exit_code == 0:
        assert tool("check", folder=shop).exit_code == 0  # what was taken can be read back
        return
    assert result.exit_code in (2, 3), result.output[:2000]
    refused(result, result.exit_code, words or "")
    assert len(result.stderr) < 5000, "the whole condition is printed"
    assert toml_of(shop) == before


def test_an_optional_property_that_is_missing_fails_its_action_alone(shop):
    append(shop, STORE.format(table="customers").replace('"{email}"', '"{amount}"'))
    body = '{"id": 1, "name": "Ana", "email": "a@b.c", "address": {"city": "Recife", "country": "BR"}}'
    result = tool("run", "new-customer", "--data", body, "--json", folder=shop)
    assert result.exit_code == 5, result.output
    actions = {each["name"]: each for each in result.document["filters"][0]["actions"]}
    assert actions["remember"]["status"] == "succeeded"
    assert actions["store"]["status"] == "failed"
    assert actions["store"]["request"] is None
    assert "amount" in actions["store"]["error"]["message"]


@pytest.mark.parametrize("environment_name", ["test", "live"])
def test_a_secret_as_a_flag_value_is_not_echoed(shop, environment_name):
    for flag in (f"--{environment_name}", f"--{environment_name}-secret"):
        line = ["add:service-account", "db", "--service", "postgresql", "--no-verify", flag, "password=hunter2-secret"]
        line += [f"--{environment_name}", "database=x", f"--{environment_name}", "user=y"]
        for more in ([], ["--json"]):
            result = tool(*line, *more, folder=shop)
            assert result.exit_code == 2
            assert "hunter2" not in result.output
            assert "env:VARIABLE" in result.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run new-custmer", "Did you mean new-customer?"),
        ("add:service-account --test-host x", "No such option '--test-host'.\nDid you mean --test?"),
        ("show new-custmer", "Did you mean new-customer?"),
        ("run new-customer --only big-spendr", "Did you mean big-spender?"),
        ("run new-customer --only big-spender/tell-sale", "Did you mean"),
        ("remove:filter new-customer on-evnt --yes", "Did you mean on-event?"),
        ("remove:action new-customer on-event remembr --yes", "Did you mean remember?"),
        ("remove:service-account warehous --yes", "Did you mean warehouse?"),
        ("add:service-account x --service postgres", "Did you mean postgresql?"),
        ("services postgres", "Did you mean postgresql?"),
        ("services sqlite insrt", "Did you mean insert?"),
        ("add:action new-customer on-event x --service-account warehous --action insert", "Did you mean warehouse?"),
        ("add:action new-customer on-event x --service-account warehouse --action insrt", "Did you mean insert?"),
        (
            "add:action new-customer on-event x --service-account warehouse --action insert --set tabel=x",
            "Did you mean table?",
        ),
        ("add:service-account x --service sqlite --test databse=x", "Did you mean database?"),
        ("ad:event", "Did you mean add:event?"),
        ("run new-customer --dryrun", "Did you mean --dry-run?"),
        ("check --format sarf", ""),
        ("run new-customer --set", ""),
        ("run new-customer --set amount", "PATH=VALUE"),
        ("run new-customer --set [=1", ""),
        ("run new-customer --each samples/new-customer.json", "@samples/new-customer.json"),
        ("add:event x --property id:intger", "Did you mean integer?"),
        ("add:event x --property id", ""),
        ("add:event new-customer --property id:integer", "new-customer"),
    ],
)
def test_unknown_words(shop, line, words):
    before = toml_of(shop)
    result = tool(*line.split(), folder=shop)
    assert result.exit_code in (1, 2, 3), result.output
    refused(result, result.exit_code, words)
    assert toml_of(shop) == before


def test_a_condition_of_a_million_characters(shop):
    where = f"name = '{'a' * 999_000}'"
    result = tool("add:filter", "new-customer", "long", "--where", where, folder=shop)
    assert result.exit_code == 0, result.output[:2000]
    assert tool("check", folder=shop).exit_code == 0
    ran = tool("run", "new-customer", folder=shop)
    assert ran.exit_code == 0
    assert max(map(len, ran.stdout.splitlines())) <= 100


def test_a_missing_table(shop):
    append(shop, STORE.format(table="nowhere"))
    result = tool("run", "new-customer", folder=shop)
    assert result.exit_code == 5, result.output
    assert "no such table: nowhere" in result.stdout
    assert "✓ remember" in result.stdout


def test_a_violated_constraint(shop):
    append(shop, STORE.format(table="customers"))
    assert tool("run", "new-customer", folder=shop).exit_code == 0
    result = tool("run", "new-customer", folder=shop)
    assert result.exit_code == 5, result.output
    assert "UNIQUE constraint failed: customers.id" in result.stdout


def small_files() -> None:
    """No file may grow beyond 1000 bytes, as on a disk that is full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


def test_a_full_disk_leaves_the_project_file_as_it_was(shop):
    before = toml_of(shop)
    result = process("add:filter", "new-customer", "x", "--where", "id = 1", folder=shop, preexec_fn=small_files)
    refused(result, 1, "eventwire.toml")
    assert toml_of(shop) == before
    assert not list(shop.glob(".*.tmp"))


def test_a_full_disk_while_running(shop):
    result = process("run", "new-customer", folder=shop, preexec_fn=small_files)
    refused(result, 1, "journal")
    assert tool("run", "new-customer", folder=shop).exit_code == 0


@pytest.fixture
def anybody(tmp_path: Path) -> list[str]:
    """How to run something as a user who owns nothing."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root writes everywhere; setpriv (util-linux) would run this as somebody else")
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    somebody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if subprocess.run([*somebody, EVENTWIRE, "--version"], capture_output=True, timeout=20, check=False).returncode:
        absent("eventwire is in a folder that only root may enter; put the checkout where others may read it")
    return somebody


@pytest.mark.parametrize(
    "line", ["add:filter new-customer x --where id=1", "run new-customer", "remove:event new-customer --yes"]
)
def test_a_read_only_project(shop, anybody, line):
    subprocess.run(["chmod", "-R", "a-w,a+rX", str(shop)], check=True)
    before = toml_of(shop)
    done = subprocess.run(
        [*anybody, EVENTWIRE, *line.split()],
        cwd=shop,
        env=environment(shop),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    told = "Error: " + done.stderr.partition("Error: ")[2]  # removing says before what would go
    refused(Result(done.returncode, done.stdout, told), 1, "cannot be written")
    assert toml_of(shop) == before


def test_a_read_only_project_can_be_looked_at(shop, anybody):
    subprocess.run(["chmod", "-R", "a-w,a+rX", str(shop)], check=True)
    for line in (["list"], ["check"], ["show", "new-customer"], ["run", "new-customer", "--dry-run"], []):
        done = subprocess.run(
            [*anybody, EVENTWIRE, *line],
            cwd=shop,
            env=environment(shop),
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert done.returncode == 0, (line, done.stderr)


def test_a_journal_that_another_process_has_locked(shop, monkeypatch):
    assert tool("run", "new-customer", folder=shop).exit_code == 0
    journal = next((shop / ".eventwire").glob("*.sqlite3"))
    monkeypatch.setattr("eventwire.journal.store.BUSY_SECONDS", 0.2)
    with closing(sqlite3.connect(journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        result = tool("run", "new-customer", folder=shop)
        refused(result, 1, "journal")
        other.execute("ROLLBACK")
    assert tool("run", "new-customer", folder=shop).exit_code == 0


def test_a_journal_that_is_something_else(shop):
    (shop / ".eventwire").mkdir(exist_ok=True)
    (shop / ".eventwire" / "journal.sqlite3").write_bytes(b"not a database at all" * 100)
    refused(tool("run", "new-customer", folder=shop), 1, "journal.sqlite3")


@pytest.mark.parametrize(
    "line",
    [
        "list",
        "schema",
        "services",
        "run new-customer",
        "check",
        "run new-customer --json",
        "--help",
        "--version",
        "test",
        "history",
    ],
)
def test_a_closed_stdout(shop, line):
    """As with `eventwire … | head -1`, where head has gone already."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            [EVENTWIRE, *line.split()],
            cwd=shop,
            env=environment(shop),
            stdout=closed,
            stderr=subprocess.PIPE,
            timeout=20,
            check=False,
        )
    assert done.stderr == b""
    assert done.returncode == 0
    if line.startswith("run"):
        assert (shop / "output/test/customers.ndjson").exists()


@pytest.mark.parametrize("line", ["list", "run new-customer", "run new-customer --json", "--help", "--version"])
def test_an_output_on_a_full_disk(shop, line):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [EVENTWIRE, *line.split()],
            cwd=shop,
            env=environment(shop),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=20,
            check=False,
        )
    if "--json" in line:
        assert json.loads(done.stderr)["error"]["code"] == "output"
    else:
        refused(Result(done.returncode, "", done.stderr), 1, "cannot be written: No space left on device")
    assert done.returncode == 1
    if line.startswith("run"):
        assert (shop / "output/test/customers.ndjson").exists()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("line", ["list", "run new-customer", "add:filter new-customer x --where id=1", "--help"])
def test_streams_that_were_closed_before_the_start(shop, line, closed):
    done = subprocess.run(
        ["sh", "-c", f"exec {EVENTWIRE} {line} {closed}"],
        cwd=shop,
        env=environment(shop),
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert tool("check", folder=shop).exit_code == 0


@pytest.mark.parametrize(
    "line",
    [
        "run new-customer",
        "list",
        "show new-customer",
        "services",
        "services sqlite",
        "services redis set",
        "doctor",
        "run new-customer --set amount=5 --explain",
        "history",
        "test",
        "--help",
        "run --help",
        "add:service-account --help",
    ],
)
def test_a_terminal_of_40_columns(shop, line):
    assert tool("run", "new-customer", folder=shop).exit_code == 0
    with Terminal(EVENTWIRE, *line.split(), folder=shop, columns=40) as terminal:
        assert terminal.end() == 0, terminal.text
        assert "Traceback" not in terminal.text
        # a link, a path or a command is whole where it is copied
        wide = [each for each in plain(terminal.raw).splitlines() if len(each) > 40]
        assert [
            each for each in wide if not re.search(r"https://|eventwire |pip install|export |^\s*\S+$|Either set", each)
        ] == []


@pytest.mark.parametrize("columns", ["abc", "-3", "0", "", "²"])
def test_a_width_in_the_environment_that_is_none(shop, columns):
    environ = environment(shop) | {"COLUMNS": columns}
    with Terminal(EVENTWIRE, "list", folder=shop, environ=environ, columns=60) as terminal:
        assert terminal.end() == 0, terminal.text
        assert max(map(len, plain(terminal.raw).splitlines())) <= 60


def plain(raw: bytes) -> str:
    """What was printed, without colours."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", raw.decode()).replace("\r", "")


def test_a_host_that_does_not_exist_is_told_of_and_the_process_ends_well(shop):
    # the HTTP client's threads outlive the request; more than one run, since it is a matter of moments
    for number in range(5):
        base = f"base-url=https://nowhere{number}.invalid"
        result = process("add:service-account", f"x{number}", "--service", "http", "--test", base, folder=shop)
        assert result.exit_code == 5, result.stderr
        assert result.stderr.startswith("Error: HTTP: ")
