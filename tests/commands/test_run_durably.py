"""`eventwire run` where things go wrong: signals, keys, retries, pipes, and several processes at once."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest

from tests.commands.durable import DOWN, YES, ended, kill, until
from tests.tools import EVENTWIRE, Terminal, process

ONE = ("run", "order", "--data", '{"id": 7}')


def said(running, words):
    """Wait until a process says something."""
    until(lambda: words.encode() in running.stderr.readline())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_lets_what_runs_end(orders, number):
    orders.server.held.clear()
    running = orders.start(*ONE, "--json")
    orders.requests(1)
    running.send_signal(number)
    said(running, "Stopping: running actions have 10 seconds to end. Ctrl-C again stops at once.")
    orders.server.held.set()
    code, printed, _ = ended(running)
    assert (code, json.loads(printed)["status"]) == (130, "succeeded")
    assert orders.history()[0]["status"] == "succeeded"


@pytest.mark.parametrize(("method", "status"), [("PUT", "failed"), ("POST", "unknown")])
def test_the_second_stops_at_once_and_what_was_cut_off_is_recorded(orders, method, status):
    orders.write(method=method)
    orders.server.held.clear()
    running = orders.start(*ONE, "--json")
    orders.requests(1)
    orders.kept_durably()
    running.send_signal(signal.SIGINT)
    said(running, "Stopping")
    running.send_signal(signal.SIGINT)
    code, printed, _ = ended(running)
    assert code == 130
    assert orders.statuses(json.loads(printed)["id"]) == {"notify": status, "keep": "succeeded"}
    assert len(orders.history("--status", status)) == 1


def test_a_retry_that_waits_can_be_cut_off_and_is_a_dead_letter(orders):
    orders.write(retry="{ attempts = 2 }")
    orders.server.answers = [(503, {"retry-after": "600"}, {})]
    running = orders.start(*ONE)
    said(running, "The next one follows in 600.0 s.")
    running.send_signal(signal.SIGINT)
    said(running, "Stopping")
    running.send_signal(signal.SIGINT)
    assert ended(running)[0] == 130
    assert orders.statuses(orders.history("--status", "failed")[0]["id"])["notify"] == "failed"


def test_ctrl_c_in_a_terminal_while_a_retry_counts_down(orders):
    orders.write(retry="{ attempts = 2 }")
    orders.server.answers = [(503, {"retry-after": "60"}, {})]
    with Terminal(EVENTWIRE, *ONE, folder=orders.folder) as terminal:
        terminal.wait(lambda text: "again in 59." in text, "a countdown")
        terminal.wait(lambda text: "again in 58." in text, "a countdown that counts")
        assert "on-event/notify: attempt 1 of 2 failed" in terminal.text
        assert max(map(len, terminal.text.splitlines())) <= 80
        terminal.type(terminal.CTRL_C)
        terminal.expect("Ctrl-C again stops at once.")
        terminal.type(terminal.CTRL_C)
        assert terminal.end() == 130
        assert "again in" not in terminal.text, "the countdown leaves nothing behind"


def test_without_colours_the_countdown_is_there_and_json_is_told_nothing(orders):
    orders.write(retry="{ attempts = 2, first-delay-seconds = 0.2 }")
    orders.server.answers = [DOWN, YES, DOWN, YES]
    told = process(*ONE, folder=orders.folder)
    assert told.stderr.startswith("on-event/notify: attempt 1 of 2 failed: ")
    assert " The next one follows in 0." in told.stderr
    assert process(*ONE, "--json", folder=orders.folder).stderr == ""


def test_a_signal_while_many_run_says_how_far_it_came(orders):
    lines = "".join(json.dumps({"id": number}) + "\n" for number in range(100))
    (orders.folder / "orders.ndjson").write_text(lines)
    orders.server.held.clear()
    running = orders.start("run", "order", "--each", "@orders.ndjson", "--concurrency", "4", "--json")
    orders.requests(4)
    running.send_signal(signal.SIGTERM)
    said(running, "Stopping")
    running.send_signal(signal.SIGINT)
    code, printed, _ = ended(running)
    told = json.loads(printed)
    assert (code, told["events"], told["failed"] + told["partial"], told["interrupted"]) == (130, 4, 4, True)
    assert len(orders.history("--status", "failed")) == 4


def test_events_of_a_pipe_are_run_as_they_come(orders):
    running = orders.start("run", "order", "--each", "@-", "--json", stdin=subprocess.PIPE)
    for number in (1, 2):
        running.stdin.write(b'{"id": %d}\n' % number)
        running.stdin.flush()
        until(lambda number=number: orders.kept() == list(range(1, number + 1)))
    running.stdin.close()
    running.stdin = None
    code, printed, _ = ended(running)
    assert (code, json.loads(printed)["succeeded"]) == (0, 2)


def test_ctrl_c_is_heard_while_a_pipe_gives_nothing(orders):
    running = orders.start("run", "order", "--each", "@-", "--json", stdin=subprocess.PIPE)
    running.stdin.write(b'{"id": 1}\n')
    running.stdin.flush()
    until(lambda: orders.kept() == [1])
    running.send_signal(signal.SIGINT)
    assert running.wait(20) == 130
    assert json.loads(running.stdout.read())["succeeded"] == 1
    running.communicate()


# Keys


def test_the_same_key_while_the_first_process_still_runs(orders):
    orders.server.held.clear()
    first = orders.start(*ONE, "--key", "k", "--json")
    orders.requests(1)
    second = orders.start(*ONE, "--key", "k", "--json")
    time.sleep(0.5)
    assert second.poll() is None, "it waits for the first"
    orders.server.held.set()
    documents = [json.loads(ended(each)[1]) for each in (first, second)]
    assert documents[0]["id"] == documents[1]["id"]
    assert (len(orders.server.received), orders.kept()) == (1, [7])


def test_the_same_key_after_the_first_process_was_killed(orders):
    orders.server.held.clear()
    first = orders.start(*ONE, "--key", "k")
    orders.requests(1)
    orders.kept_durably()
    kill(first)
    orders.server.held.set()
    run = orders.run("--data", '{"id": 7}', "--key", "k")
    assert [(each["id"], each["status"]) for each in orders.history()] == [(run, "succeeded")]
    assert orders.kept() == [7]


def test_the_same_key_with_another_payload(orders):
    run = orders.run("--data", '{"id": 7}', "--key", "k")
    done = process("run", "order", "--data", '{"id": 8}', "--key", "k", folder=orders.folder)
    assert done.exit_code == 2
    assert done.stderr == (
        f'Error: The idempotency key "k" was used before, with another payload (run {run}).\n'
        "Use a key of its own for each event.\n"
    )


def test_each_with_a_key_of_wildcards_runs_every_event_once(orders):
    (orders.folder / "orders.ndjson").write_text('{"id": 1}\n{"id": 2}\n{"id": 1}\n{"id": 2, "note": "x"}\n')
    command = ("run", "order", "--each", "@orders.ndjson", "--key", "order-{id}", "--concurrency", "1")
    done = process(*command, folder=orders.folder)
    assert done.exit_code == 2
    assert 'line 4: The idempotency key "order-2" was used before, with another payload' in done.stderr
    assert orders.kept() == [1, 2]
    process(*command, folder=orders.folder)
    assert orders.kept() == [1, 2], "the second time nothing runs"
    assert {each["idempotency_key"] for each in orders.history()} == {"order-1", "order-2"}


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("order", 'Every event would have the same idempotency key, "order".'),
        ("{ordr}", "ordr"),
        ("{id", "--key: "),
    ],
)
def test_each_with_a_key_that_is_none(orders, key, message):
    (orders.folder / "orders.ndjson").write_text('{"id": 1}\n')
    done = process("run", "order", "--each", "@orders.ndjson", "--key", key, folder=orders.folder)
    assert done.exit_code == 2
    assert message in done.stderr
    assert orders.server.received == []


def test_a_line_whose_key_cannot_be_made_is_told(orders):
    (orders.folder / "orders.ndjson").write_text('{"id": 1}\n{"id": 2, "note": "x"}\n')
    done = process("run", "order", "--each", "@orders.ndjson", "--key", "{note | default: ''}", folder=orders.folder)
    assert done.exit_code == 2
    assert done.stderr == "line 1: Its idempotency key is empty.\n"
    (orders.folder / "cut.ndjson").write_text('{"id": 1, "note": "x\\u0000y"}\n')
    done = process("run", "order", "--each", "@cut.ndjson", "--key", "n-{note}", folder=orders.folder)
    assert done.stderr == "line 1: Its idempotency key holds the control character U+0000.\n"
    done = process("run", "order", "--each", "@orders.ndjson", "--key", "n-{note}", folder=orders.folder)
    assert done.exit_code == 2
    assert "note" in done.stderr


# Several processes


def test_several_processes_and_another_program_at_once(orders):
    lines = "".join(json.dumps({"id": number}) + "\n" for number in range(300))
    (orders.folder / "orders.ndjson").write_text(lines)
    orders.server.held.clear()
    many = orders.start("run", "order", "--each", "@orders.ndjson", "--concurrency", "20", "--json")
    orders.requests(20)
    # another event, the history and another program, while the twenty are under way
    ones = [orders.start("run", "order", "--data", json.dumps({"id": 1000 + n}), "--json") for n in range(3)]
    orders.requests(23)
    assert len(orders.history("--status", "running", "--limit", "100")) == 23
    with closing(sqlite3.connect(orders.folder / ".eventwire" / "journal.sqlite3")) as journal:
        (started,) = journal.execute("SELECT count(*) FROM deliveries WHERE name = 'notify' AND status = 'started'")
        assert started == (23,)
    assert process("recover", folder=orders.folder).stdout.startswith("Every run has ended"), "they are alive"
    orders.server.held.set()
    assert [ended(each)[0] for each in (many, *ones)] == [0, 0, 0, 0]
    assert orders.kept() == [*range(300), 1000, 1001, 1002]
    assert len({each.path for each in orders.server.received}) == len(orders.server.received) == 303


def test_nobody_reads_what_is_printed_and_the_work_is_done(orders):
    running = orders.start(*ONE)
    running.stdout.close()
    running.stdout = None
    assert ended(running)[0] == 0
    assert orders.kept() == [7]
    assert orders.history()[0]["status"] == "succeeded"


@pytest.mark.parametrize(
    ("key", "message"),
    [("", "The idempotency key is empty, so that every event would have the same."), (b"\xff", "no text in UTF-8")],
)
def test_a_key_that_is_none(orders, key, message):
    done = process(*ONE, "--key", key, folder=orders.folder)
    assert (done.exit_code, orders.server.received) == (2, [])
    assert message in done.stderr
