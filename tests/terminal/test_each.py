"""`run --each`: every line on its own, in order of nothing but need, in constant memory."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from eventwire.app import main
from eventwire.terminal import each
from eventwire.terminal.session import Session


@pytest.fixture
def shop(tmp_path):
    run(tmp_path, "init")
    return tmp_path


def run(folder, *arguments, stdin=b""):
    """Run a command; returns its exit code, what it printed, and what it said."""
    source = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    session = Session(source, io.StringIO(), io.StringIO(), {}, folder)
    code = main(list(arguments), session)
    return code, session.stdout.getvalue(), session.stderr.getvalue()


def line(number, **changes):
    payload = {"id": number, "name": "n", "email": "a@b.c", "address": {"city": "x", "country": "BR"}, "amount": 1}
    return json.dumps(payload | changes).encode() + b"\n"


def test_every_line_is_an_event(shop):
    (shop / "e.ndjson").write_bytes(b"".join(line(n, amount=n * 100) for n in range(4)) + b"\n  \n" + line(9).strip())
    code, out, _ = run(shop, "run", "new-customer", "--each", "@e.ndjson", "--json")
    document = json.loads(out)
    assert (code, document["events"], document["succeeded"], document["problems"]) == (0, 5, 5, [])
    written = (shop / "output/test/customers.ndjson").read_text().splitlines()
    assert sorted(json.loads(each)["id"] for each in written) == [0, 1, 2, 3, 9]
    assert len((shop / "output/test/sales.ndjson").read_text().splitlines()) == 2


def test_a_bad_line_is_told_with_its_number_while_the_rest_go_on(shop):
    lines = [line(1), b"nonsense\n", line(2), b'{"id": "x"}\n', b"[]\n", b"\xff\xfe\n", line(3)]
    code, out, said = run(shop, "run", "new-customer", "--each", "@-", stdin=b"".join(lines))
    assert code == 2
    assert "7 events" in out and "3 succeeded, 4 invalid" in out
    for number, words in ((2, "not JSON"), (4, "does not fit the model"), (5, "is a list"), (6, "UTF-8")):
        assert any(each.startswith(f"line {number}: ") and words in each for each in said.splitlines())


def test_an_action_that_fails_is_told_and_the_exit_code_says_so(shop):
    (shop / "output" / "test").mkdir(parents=True)
    (shop / "output" / "test" / "customers.ndjson").mkdir()
    code, out, _ = run(shop, "run", "new-customer", "--each", "@-", "--json", stdin=line(1) + line(2))
    document = json.loads(out)
    assert (code, document["failed"]) == (5, 2)
    assert {each["line"] for each in document["problems"]} == {1, 2}
    assert all(each["run"] for each in document["problems"])


def test_many_problems_are_counted_and_not_all_told(shop, monkeypatch):
    monkeypatch.setattr(each, "TOLD", 3)
    code, out, said = run(shop, "run", "new-customer", "--each", "@-", stdin=b"x\n" * 50)
    assert "50 invalid" in out
    assert sum(each.startswith("line ") for each in said.splitlines()) == 3
    assert code == 2


def test_a_dry_run_of_many_sends_nothing(shop):
    code, out, _ = run(shop, "run", "new-customer", "--each", "@-", "--dry-run", "--json", stdin=line(1) * 20)
    assert (code, json.loads(out)["events"]) == (0, 20)
    assert not (shop / "output").exists()


@pytest.mark.parametrize("source", ["e.ndjson", "@missing.ndjson"])
def test_a_source_that_is_none_is_a_usage_error(shop, source):
    code, _, said = run(shop, "run", "new-customer", "--each", source)
    assert code == 2
    assert said.startswith("Error: ")


def test_each_takes_no_other_payload(shop):
    code, _, said = run(shop, "run", "new-customer", "--each", "@-", "--data", "{}")
    assert code == 2
    assert "takes its payloads from its file" in said


def test_interrupting_ends_what_runs_and_says_how_far_it_came(shop):
    (shop / "e.ndjson").write_bytes(b"".join(line(n) for n in range(60_000)))
    command = [sys.executable, "-m", "eventwire", "run", "new-customer", "--each", "@e.ndjson", "--json"]
    process = subprocess.Popen(command, cwd=shop, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    written = shop / "output/test/customers.ndjson"
    while not written.exists() and process.poll() is None:
        pass
    process.send_signal(2)
    out, said = process.communicate(timeout=60)
    document = json.loads(out)
    assert process.returncode == 130
    assert document["interrupted"] is True
    assert 0 < document["events"] == document["succeeded"] < 60_000
    assert len(written.read_text().splitlines()) == document["events"]
    assert "Stopping" in said
