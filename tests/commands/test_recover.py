"""`eventwire recover`: what a crash, or `run --detach`, left over."""

from __future__ import annotations

from tests.commands.durable import DOWN, YES, ended, kill, until
from tests.tools import EVENTWIRE, Terminal, process


def killed_while_it_sends(orders, method):
    """A process that is killed while the server has its request and has not answered; the run's id."""
    orders.write(method=method)
    orders.server.held.clear()
    running = orders.start("run", "order", "--data", '{"id": 7}')
    orders.requests(1)
    orders.kept_durably()
    kill(running)
    orders.server.held.set()
    return orders.history()[0]["id"]


def test_nothing_is_left_over(orders):
    nothing = "Every run has ended; there is nothing to recover.\n"
    assert process("recover", folder=orders.folder).stdout == nothing
    orders.run("--data", '{"id": 1}')
    done = process("recover", folder=orders.folder)
    assert (done.exit_code, done.stdout, done.stderr) == (0, nothing, "")
    assert process("recover", "--json", folder=orders.folder).document == {"runs": []}


def test_what_is_safe_to_repeat_is_sent_again_after_a_crash(orders):
    run = killed_while_it_sends(orders, "PUT")
    done = process("recover", folder=orders.folder)
    assert (done.exit_code, done.stdout) == (0, "1 run has been brought to an end: 1 succeeded.\n")
    assert done.stderr == f"Run {run} of order had not ended; it has now: succeeded.\n"
    assert orders.requests(2) == ["/orders/7", "/orders/7"]
    assert orders.statuses(run) == {"notify": "succeeded", "keep": "succeeded"}
    assert orders.kept() == [7]


def test_what_may_have_happened_is_unknown_and_not_sent_again(orders):
    run = killed_while_it_sends(orders, "POST")
    done = process("recover", folder=orders.folder)
    assert (done.exit_code, done.stdout) == (5, "1 run has been brought to an end: 1 partial.\n")
    assert done.stderr == (
        f"Run {run} of order had not ended; it has now: partial, 1 unknown. "
        f"See what may have happened with: eventwire inspect {run}\n"
    )
    assert orders.requests(1) == ["/orders/7"]
    assert orders.statuses(run) == {"notify": "unknown", "keep": "succeeded"}


def test_the_next_run_takes_what_a_crash_left_over_with_it(orders):
    run = killed_while_it_sends(orders, "PUT")
    done = process("run", "order", "--data", '{"id": 8}', folder=orders.folder)
    assert done.exit_code == 0
    assert done.stderr == f"Run {run} of order had not ended; it has now: succeeded.\n"
    assert sorted(orders.requests(3)) == ["/orders/7", "/orders/7", "/orders/8"]


def test_detach_leaves_the_next_attempt_to_recover(orders):
    orders.write(retry="{ attempts = 2, first-delay-seconds = 0.1 }")
    orders.server.answers = [DOWN, YES]
    done = process("run", "order", "--data", '{"id": 7}', "--detach", folder=orders.folder)
    assert done.exit_code == 5
    assert done.stdout.startswith("order  has not ended, waits for another attempt")
    assert done.stderr == (
        "1 action waits for another attempt, by eventwire serve where it runs, or with: eventwire recover\n"
    )
    (row,) = orders.history()
    assert row["status"] == "running"
    # another run leaves it alone: it was handed over, and no crash
    orders.server.answers = [YES]
    process("run", "order", "--data", '{"id": 8}', folder=orders.folder)
    assert orders.history("--status", "running")[0]["id"] == row["id"]
    done = process("recover", folder=orders.folder)
    assert (done.exit_code, done.stdout) == (0, "1 run has been brought to an end: 1 succeeded.\n")
    assert orders.requests(3) == ["/orders/7", "/orders/8", "/orders/7"]


def test_ctrl_c_leaves_what_waits_for_its_attempt_where_it_is(orders):
    orders.write(retry="{ attempts = 2 }")
    orders.server.answers = [(503, {"retry-after": "600"}, {}), YES]
    done = process("run", "order", "--data", '{"id": 7}', "--detach", folder=orders.folder)
    run = orders.history()[0]["id"]
    with Terminal(EVENTWIRE, "recover", folder=orders.folder) as terminal:
        terminal.expect("on-event/notify: attempt 1 of 2 failed")
        terminal.type(terminal.CTRL_C)
        assert terminal.end() == 130, terminal.text
        terminal.expect(
            "0 runs have been brought to an end. 1 waits for another attempt. What is left goes on with the same command."
        )
    assert orders.statuses(run) == {"notify": "planned", "keep": "succeeded"}, done.output
    assert orders.history("--status", "failed") == []


def test_ctrl_c_takes_no_more_runs_and_lets_the_running_ones_end(orders):
    lines = "".join(f'{{"id": {number}}}\n' for number in range(40))
    (orders.folder / "orders.ndjson").write_text(lines)
    orders.server.held.clear()
    running = orders.start("run", "order", "--each", "@orders.ndjson", "--concurrency", "40")
    orders.requests(40)
    kill(running)
    before = len(orders.server.received)
    recovering = orders.start("recover", "--json")
    orders.requests(before + 10)
    recovering.send_signal(2)
    until(lambda: recovering.stderr is not None and b"Stopping" in recovering.stderr.readline())
    orders.server.held.set()
    code, _, _ = ended(recovering)
    assert code == 130
    left = len(orders.history("--status", "running", "--limit", "100"))
    assert 0 < left < 40, "some had begun and ended, the others were not taken"
    assert process("recover", folder=orders.folder).exit_code == 0
    assert orders.history("--status", "running") == []
    assert len(set(orders.requests(1))) == 40


def test_the_next_run_does_not_wait_for_the_retries_of_another(orders):
    orders.write(retry="{ attempts = 2 }")
    orders.server.answers = [(503, {"retry-after": "600"}, {}), YES]
    waiting = orders.start("run", "order", "--data", '{"id": 7}')
    until(lambda: b"The next one follows in 600.0 s." in waiting.stderr.readline())
    run = orders.history()[0]["id"]
    until(lambda: orders.statuses(run)["keep"] == "succeeded")
    kill(waiting)
    done = process("run", "order", "--data", '{"id": 8}', "--json", folder=orders.folder)
    assert done.exit_code == 0
    assert orders.statuses(run) == {"notify": "planned", "keep": "succeeded"}
    told = process("inspect", run, folder=orders.folder).stdout
    assert "on-event/notify: the next attempt is due at " in told
