"""`eventwire inspect`: attempts, limits and accounts that are paused; and `--resolve`, what a person knows of an outcome."""

from __future__ import annotations

import pytest

from tests.commands.durable import DOWN, YES, kill
from tests.tools import environment, process


@pytest.fixture
def unknown(orders):
    """A run of which one action may have happened: its process was killed while the server had the request."""
    orders.write(method="POST")
    orders.server.held.clear()
    running = orders.start("run", "order", "--data", '{"id": 7}')
    orders.requests(1)
    orders.kept_durably()
    kill(running)
    orders.server.held.set()
    assert process("recover", folder=orders.folder).exit_code == 5
    return orders.history()[0]["id"]


def resolve(orders, run, *arguments):
    return process("inspect", run, "--resolve", *arguments, folder=orders.folder, environ=as_ana(orders))


def as_ana(orders):
    return environment(orders.folder, USER="ana")


def test_what_is_unknown_is_shown_with_what_was_about_to_be_sent(orders, unknown):
    shown = process("inspect", unknown, folder=orders.folder).stdout
    assert "on-event/notify  http request  unknown\n  method: POST\n" in shown
    assert "  error: It was cut off while it ran; whether it had its effect cannot be told." in shown
    assert shown.endswith(
        "Unknown: see at the service whether it has happened, then say so with: "
        f"eventwire inspect {unknown} --resolve done|failed\n"
        f"Send what is not done again with: eventwire replay {unknown}\n"
    )
    listed = process("history", "--status", "unknown", folder=orders.folder).stdout
    assert f"{unknown}\n  on-event/notify: It was cut off while it ran" in listed


def test_done_settles_it(orders, unknown):
    done = resolve(orders, unknown, "done")
    assert (done.exit_code, done.stderr) == (0, f"on-event/notify of run {unknown}: done.\n")
    assert orders.history()[0]["status"] == "succeeded"
    assert orders.history("--status", "unknown") == []
    assert "on-event/notify: ana said at " in process("inspect", unknown, folder=orders.folder).stdout
    (resolution,) = orders.inspect(unknown)["resolutions"]
    assert (resolution["action"], resolution["as"], resolution["by"]) == ("notify", "done", "ana")
    assert "done" in process("replay", unknown, "--plan", folder=orders.folder).stdout


def test_failed_makes_it_a_dead_letter_that_replay_sends(orders, unknown):
    done = resolve(orders, unknown, "failed")
    assert done.stderr == f"on-event/notify of run {unknown}: failed, and waits for replay.\n"
    assert [each["id"] for each in orders.history("--status", "failed")] == [unknown]
    assert process("replay", "--status", "failed", "--yes", folder=orders.folder).exit_code == 0
    assert len(orders.server.received) == 2


def test_only_some_of_them(orders, unknown):
    wrong = resolve(orders, unknown, "done", "--only", "on-event/keep")
    assert wrong.exit_code == 2
    assert wrong.stderr == (
        f"Error: Run {unknown} has no such unknown action.\nSee it with: eventwire inspect {unknown}\n"
    )
    assert resolve(orders, unknown, "done", "--only", "on-event/notify").exit_code == 0
    assert resolve(orders, unknown, "done").exit_code == 2, "it is settled"


def test_a_run_that_has_not_ended_cannot_be_resolved(orders):
    orders.write(retry="{ attempts = 2 }")
    orders.server.answers = [(503, {"retry-after": "600"}, {})]
    process("run", "order", "--data", '{"id": 7}', "--detach", folder=orders.folder)
    run = orders.history()[0]["id"]
    done = resolve(orders, run, "failed")
    assert done.exit_code == 2
    assert f"Run {run} has not ended yet." in done.stderr
    shown = process("inspect", run, folder=orders.folder).stdout
    assert shown.startswith("order  has not ended, waits for another attempt")
    assert "on-event/notify: the next attempt is due at " in shown
    assert "dry run" not in shown


def test_attempts_and_a_paused_account(orders):
    orders.write(retry="{ attempts = 5, first-delay-seconds = 0.01 }")
    path = orders.folder / "eventwire.toml"
    path.write_text(path.read_text().replace('" }\n', '" }\nmax-concurrent = 3\n', 1))
    orders.server.answers = [DOWN] * 5 + [YES]
    run = orders.run("--data", '{"id": 7}')
    shown = process("inspect", run, folder=orders.folder).stdout
    assert shown.count(" failed: ") == 4, "the last is the outcome"
    assert "account api is paused until " in shown
    assert "account api: at most 3 at once\n" in shown
    document = orders.inspect(run)
    assert [each["number"] for each in document["attempts"]] == [1, 2, 3, 4]
    assert [(each["name"], each["state"], each["failures"]) for each in document["accounts"]] == [("api", "open", 5)]
    assert document["limits"] == {"api": "at most 3 at once"}
    doctor = process("doctor", folder=orders.folder)
    assert "paused" in doctor.stdout
