"""`eventwire replay`: the plan first, then what is not done yet."""

from __future__ import annotations

import json

import pytest

from tests.commands.durable import DOWN, NO, YES, ended, kill, until
from tests.tools import EVENTWIRE, Terminal, process


def replay(orders, *arguments):
    return process("replay", *arguments, folder=orders.folder)


def failed_run(orders, number=7):
    """A run of which one action has failed; its id."""
    orders.server.answers = [NO]
    run = orders.run("--data", json.dumps({"id": number}))
    orders.server.answers = [YES]
    return run


@pytest.mark.parametrize(
    ("arguments", "message", "next_step"),
    [
        ([], "Which runs are to be replayed is not said.", "Name runs, or choose with --status failed"),
        (["zzz"], 'There is no run "zzz".', "See the runs with: eventwire history"),
        (["--since", "gestern"], '"gestern" is no moment.', "Write 30m, 2h or 3d"),
        (["zzz", "--status", "failed"], "Runs are either named, or chosen by", "Leave out the names"),
    ],
)
def test_which_runs_has_to_be_clear(orders, arguments, message, next_step):
    failed_run(orders)
    done = replay(orders, *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr and next_step in done.stderr


def test_nothing_has_run_yet(orders):
    done = replay(orders, "--status", "failed")
    assert done.exit_code == 2
    assert "Nothing has run yet, so there is nothing to replay." in done.stderr


def test_the_plan_says_what_would_be_done_and_does_nothing(orders):
    run = failed_run(orders)
    done = replay(orders, run, "--plan")
    assert done.exit_code == 0
    assert done.stdout == (
        f"{run}  order  test  partial\n"
        "  again      on-event/notify\n"
        f"  done       on-event/keep: Run {run} has done it already.\n\n"
        "1 run, their actions: 1 again, 1 done.\n"
    )
    assert len(orders.server.received) == 1
    (plan,) = replay(orders, run, "--plan", "--json").document["runs"]
    assert [(each["action"], each["change"]) for each in plan["actions"]] == [("notify", "same"), ("keep", "done")]


def test_the_plan_shows_a_project_that_has_changed(orders):
    run = failed_run(orders)
    path = orders.folder / "eventwire.toml"
    path.write_text(path.read_text().replace('url = "/orders/{id}"', 'url = "/v2/orders/{id}"'))
    shown = replay(orders, run, "--plan").stdout
    assert "  changed    on-event/notify\n" in shown
    assert f'-  "url": "{orders.server.url}/orders/7",' in shown
    assert f'+  "url": "{orders.server.url}/v2/orders/7",' in shown


def test_an_event_that_is_gone_cannot_be_replayed(orders):
    run = failed_run(orders)
    path = orders.folder / "eventwire.toml"
    path.write_text(path.read_text().replace("events.order", "events.purchase"))
    done = replay(orders, run, "--yes")
    assert 'cannot be replayed: The project has no event "order" any more.' in done.stdout
    assert len(orders.server.received) == 1


def test_off_a_terminal_it_has_to_be_confirmed(orders):
    run = failed_run(orders)
    done = replay(orders, run)
    assert done.exit_code == 2
    assert done.stderr == (
        "Error: 1 run, their actions: 1 again, 1 done. Nobody is here to confirm it.\n"
        "See it with --plan, then confirm it with --yes.\n"
    )
    assert replay(orders, run, "--json").error["code"] == "usage"


def test_what_failed_is_sent_again_and_is_no_dead_letter_any_more(orders):
    run = failed_run(orders)
    assert [each["id"] for each in orders.history("--status", "failed")] == [run]
    done = replay(orders, "--status", "failed", "--yes")
    assert (done.exit_code, done.stdout) == (0, "1 run replayed: 1 succeeded.\n")
    assert orders.history("--status", "failed") == []
    assert orders.kept() == [7], "what is done is not done again"
    told = process("history", "--status", "failed", folder=orders.folder).stdout
    assert told == "No run has an action that has failed and was not settled since.\n"
    assert orders.inspect(run)["replays"] == [orders.history()[0]["id"]]


def test_all_of_many_are_replayed(orders):
    runs = [failed_run(orders, number) for number in range(5)]
    document = replay(orders, "--event", "order", "--since", "1h", "--yes", "--json").document
    assert sorted(each["original"] for each in document["runs"]) == sorted(runs)
    assert (document["left"], document["skipped"]) == (0, [])
    assert replay(orders, "--event", "order", "--since", "1h", "--yes").stdout.endswith(
        "5 runs, their actions: 10 done.\n"
    )


def test_again_does_it_twice(orders):
    run = failed_run(orders)
    assert replay(orders, run, "--again", "--yes").exit_code == 0
    assert orders.kept() == [7, 7]


def test_only_one_action_of_them(orders):
    run = failed_run(orders)
    wrong = replay(orders, run, "--filter", "on-event/notfy", "--plan")
    assert wrong.exit_code == 2
    assert 'None of these runs has a filter or an action "on-event/notfy" that could be sent.' in wrong.stderr
    done = replay(orders, run, "--filter", "on-event/keep", "--again", "--yes")
    assert done.exit_code == 0
    assert (orders.kept(), len(orders.server.received)) == ([7, 7], 1)


def test_one_that_fails_again_is_told(orders):
    run = failed_run(orders)
    orders.server.answers = [NO]
    done = replay(orders, run, "--yes")
    assert done.exit_code == 5
    again = orders.history()[0]["id"]
    assert done.stdout.startswith(f"{again} of order: failed: notify: ")
    assert done.stdout.endswith("1 run replayed: 1 failed.\n")
    assert [each["id"] for each in orders.history("--status", "failed")] == [run]


def test_in_a_terminal_the_plan_is_shown_and_asked_about(orders):
    run = failed_run(orders)
    with Terminal(EVENTWIRE, "replay", run, folder=orders.folder) as terminal:
        terminal.asked("Replay?")
        assert "again      on-event/notify" in terminal.text
        terminal.type("n" + terminal.ENTER)
        assert terminal.end() == 130
    assert len(orders.server.received) == 1
    with Terminal(EVENTWIRE, "replay", run, folder=orders.folder) as terminal:
        terminal.asked("Replay?")
        terminal.type("y" + terminal.ENTER)
        assert terminal.end() == 0, terminal.text
    assert len(orders.server.received) == 2


@pytest.mark.parametrize("signals", [1, 2])
def test_one_that_was_interrupted_goes_on_with_the_same_command(orders, signals):
    for number in range(6):
        failed_run(orders, number)
    orders.server.held.clear()
    command = ("replay", "--status", "failed", "--yes", "--concurrency", "2", "--json")
    running = orders.start(*command)
    orders.requests(8)
    running.send_signal(2)
    until(lambda: b"Stopping" in running.stderr.readline())
    if signals == 2:
        running.send_signal(2)
    else:
        orders.server.held.set()
    code, printed, _ = ended(running)
    orders.server.held.set()
    told = json.loads(printed)
    assert code == 130
    assert (len(told["runs"]), told["left"]) == (2, 4)
    expected = "succeeded" if signals == 1 else "failed"
    assert {each["status"] for each in told["runs"]} == {expected}
    left = 4 if signals == 1 else 6
    assert len(orders.history("--status", "failed")) == left, "what was cut off is recorded"
    done = process(*command, folder=orders.folder)
    assert (done.exit_code, len(done.document["runs"])) == (0, left)
    assert orders.history("--status", "failed") == []


def test_an_interrupted_again_goes_on_with_what_it_had_not_come_to(orders):
    runs = [failed_run(orders, number) for number in range(5)]
    orders.server.held.clear()
    running = orders.start("replay", "--event", "order", "--again", "--yes", "--concurrency", "2")
    orders.requests(7)
    running.send_signal(2)
    until(lambda: b"Stopping" in running.stderr.readline())
    orders.server.held.set()
    code, printed, _ = ended(running)
    assert code == 130
    assert "3 are left; eventwire replay --again @.eventwire/replay-again.txt goes on with them." in printed
    done = replay(orders, "--again", "@.eventwire/replay-again.txt", "--yes", "--json")
    assert sorted(each["original"] for each in done.document["runs"]) == runs[2:]
    assert sorted(orders.kept()) == sorted(2 * list(range(5)))
    assert not (orders.folder / ".eventwire" / "replay-again.txt").exists()
    gone = replay(orders, "--again", "@.eventwire/replay-again.txt", "--yes")
    assert (gone.exit_code, "does not hold what an interrupted replay leaves" in gone.stderr) == (2, True)


def test_one_that_was_killed_sends_nothing_until_it_was_recovered(orders):
    orders.write(method="POST")
    run = failed_run(orders)
    orders.server.held.clear()
    running = orders.start("replay", run, "--yes")
    orders.requests(2)
    kill(running)
    orders.server.held.set()
    done = replay(orders, run, "--yes")
    assert done.exit_code == 1
    assert "has not ended yet. If no process runs it" in done.stdout
    assert "end it first with: eventwire recover" in done.stdout
    assert len(orders.server.received) == 2
    assert process("recover", folder=orders.folder).exit_code == 5
    assert replay(orders, "--status", "failed", "--plan").stdout.startswith("No run is found that fits.")
    assert [each["id"] for each in orders.history("--status", "unknown")] == [run]
    assert replay(orders, "--status", "unknown", "--yes").exit_code == 0
    assert orders.history("--status", "unknown") == []


def test_retries_of_a_replay_are_told(orders):
    orders.write(retry="{ attempts = 2, first-delay-seconds = 0.1 }")
    run = failed_run(orders)
    orders.server.answers = [DOWN, YES]
    done = replay(orders, run, "--yes")
    assert done.exit_code == 0
    assert done.stderr.startswith("on-event/notify: attempt 1 of 2 failed: ")
