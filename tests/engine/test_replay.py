"""Replay: the plan by today's project, what is done is skipped, keys are kept or renewed."""

from __future__ import annotations

import asyncio

import pytest

from eventwire.engine.replay import Change, originals, plan_replay, replay
from eventwire.engine.selection import EVERYTHING, Selection
from tests.engine import probe
from tests.engine.wired import action, condition


@pytest.fixture
def plan(machine):
    """The plan for the only run that came in; carried out where that is asked for."""

    def plan(*, only=EVERYTHING, carry_out=False, **options):
        async def work(pipeline):
            (row,) = originals(pipeline.journal.runs(limit=100), pipeline.journal.run)
            found = plan_replay(pipeline, row, only=only, **options)
            return found, await replay(pipeline, found, only=only) if carry_out else None

        return machine.process(work)

    return plan


def changes(found):
    return {f"{step.filter}/{step.action}": str(step.change) for step in found.steps}


def test_what_is_done_is_skipped_and_what_failed_is_sent_again(machine, plan):
    machine.write(action("good"), action("bad", fails="rejected", times=1))
    first = machine.run()
    assert first.status == "partial"
    found, record = plan(carry_out=True)
    assert changes(found) == {"on-event/good": "done", "on-event/bad": "same"}
    assert found.sends
    assert {each.name: str(each.status) for each in record.actions} == {"good": "skipped", "bad": "succeeded"}
    assert [each["key"] for each in probe.SENT[1:]] == [probe.SENT[1]["key"]] * 2  # the key is kept
    assert machine.rows("SELECT replay_of FROM runs WHERE id = ?", record.id) == [(first.id,)]


def test_what_is_unknown_is_sent_again_only_where_somebody_says_so(machine, plan):
    machine.write(action("a", does="unsafe", fails="lost", times=1))
    assert machine.run().actions[0].status == "unknown"
    found, _ = plan()
    assert changes(found) == {"on-event/a": "unknown"}
    assert not found.sends
    found, record = plan(repeats_unknown=True, carry_out=True)
    assert changes(found) == {"on-event/a": "same"}
    assert record.status == "succeeded"


def test_a_replay_that_was_interrupted_goes_on_where_it_had_come_to(machine, plan):
    machine.write(action("bad", fails="rejected", times=1))
    machine.run()
    plan(carry_out=True)
    found, _ = plan()
    assert changes(found) == {"on-event/bad": "done"}
    assert not found.sends


def test_the_plan_says_what_is_new_what_has_changed_and_what_is_gone(machine, plan):
    machine.write(
        action("same", fails="rejected"),
        action("changed", fails="rejected", text="then"),
        condition("big", "id > 0"),
        action("gone", where="big", fails="rejected"),
        condition("small", "id > 10"),
        action("new", where="small"),
        action("broken", fails="rejected", text="x"),
    )
    machine.run()
    machine.write(
        action("same", fails="rejected"),
        action("changed", fails="rejected", text="now"),
        condition("big", "id > 5"),
        action("gone", where="big", fails="rejected"),
        condition("small", "id < 10"),
        action("new", where="small"),
        action("broken", fails="rejected", text="{amount}"),
    )
    found, _ = plan()
    assert changes(found) == {
        "on-event/same": "same",
        "on-event/changed": "changed",
        "on-event/broken": "broken",
        "small/new": "new",
        "big/gone": "gone",
    }
    (changed,) = [step for step in found.steps if step.change is Change.CHANGED]
    assert [line for line in changed.diff if "text" in line] == ['-  "text": "then",', '+  "text": "now",']
    (broken,) = [step for step in found.steps if step.change is Change.BROKEN]
    assert "amount is missing" in broken.error


def test_again_sends_what_is_done_too_under_new_keys(machine, plan):
    machine.write(action("good", does="keyed"))
    machine.run()
    found, record = plan(is_anew=True, carry_out=True)
    assert changes(found) == {"on-event/good": "changed"}  # but for its key it is the same
    assert record.status == "succeeded"
    assert len({each["key"] for each in probe.SENT}) == 2


def test_only_the_filters_that_were_asked_for_are_sent(machine, plan):
    machine.write(action("a", fails="rejected", times=1), condition("big", "id > 0"), action("b", where="big"))
    machine.run()
    machine.write(action("a"), condition("big", "id > 0"), action("b", where="big"), action("c", where="big"))
    found, record = plan(only=Selection(frozenset({"big"})), carry_out=True)
    assert changes(found) == {"big/b": "done", "big/c": "new"}
    assert {each.name: str(each.status) for each in record.actions} == {
        "a": "skipped",
        "b": "skipped",
        "c": "succeeded",
    }


def test_a_replay_sees_the_event_as_it_came_in(machine, plan):
    machine.write(action("a", text="{event.id} {event.time} {event.source}", fails="rejected", times=1))
    first = machine.run()
    found, _ = plan(carry_out=True)
    assert changes(found) == {"on-event/a": "same"}
    assert probe.SENT[0]["text"] == probe.SENT[1]["text"]
    assert probe.SENT[0]["text"].startswith(first.id)


def test_a_replay_of_a_replay_is_one_of_the_run_that_came_in_first(machine, plan):
    machine.write(action("a", fails="rejected"))
    first = machine.run()
    plan(carry_out=True)
    plan(carry_out=True)
    assert {each for (each,) in machine.rows("SELECT replay_of FROM runs WHERE replay_of IS NOT NULL")} == {first.id}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda text: text.replace("events.e.", "events.other."), "has no event"),
        (lambda text: text.replace('id = "integer"', 'id = "string"'), "does not fit the model"),
    ],
)
def test_what_cannot_be_replayed_says_why(machine, plan, change, problem):
    machine.write(action("a"))
    machine.run()
    path = machine.folder / "eventwire.toml"
    path.write_text(change(path.read_text()))
    found, _ = plan()
    assert problem in found.problem
    assert not found.sends


def test_dead_letters_are_those_that_no_replay_has_done(machine, plan):
    machine.write(action("a", fails="rejected", times=2), action("b"))
    first = machine.run()

    def failed():
        async def work(pipeline):
            runs = pipeline.journal.runs(status="failed", limit=10)
            return [
                (row["id"], [each["name"] for each in pipeline.journal.open_ends(row["id"], "failed")]) for row in runs
            ]

        return machine.process(work)

    assert failed() == [(first.id, ["a"])]
    plan(carry_out=True)
    assert failed() == [(first.id, ["a"])]  # the replay failed as well: still one
    plan(carry_out=True)
    assert failed() == []


def test_a_run_is_not_replayed_while_a_replay_of_it_may_be_sending(machine, plan):
    machine.write(action("a", does="unsafe", fails="rejected", times=1))
    machine.run()
    _, record = plan(carry_out=True)
    # as a process leaves it that was killed while it sent
    machine.execute("UPDATE runs SET status = 'running' WHERE id = ?", record.id)
    machine.execute("UPDATE deliveries SET status = 'started' WHERE run = ?", record.id)
    found, _ = plan()
    assert not found.sends
    assert found.problem == (
        f"Its replay {record.id} has not ended yet. If no process runs it any more, end it first with: eventwire recover"
    )
    machine.recover()
    found, _ = plan()
    assert changes(found) == {"on-event/a": "unknown"}


def test_of_two_who_replay_a_run_at_the_same_moment_one_sends_it(machine):
    machine.write(action("a", does="unsafe", fails="rejected", times=1, seconds=0.1))
    machine.run()

    async def work(pipeline):
        (row,) = pipeline.journal.runs(limit=1)
        plans = [plan_replay(pipeline, row) for _ in range(2)]
        return await asyncio.gather(*(replay(pipeline, each) for each in plans))

    first, second = machine.process(work)
    assert first.id == second.id
    assert len(probe.SENT) == 2
