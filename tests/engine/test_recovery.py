"""After a crash: what never started runs, what started runs again where that is harmless, and the rest is unknown."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from eventwire.engine.delivery import MAY_HAVE_HAPPENED
from eventwire.engine.pipeline import KeyReused
from eventwire.engine.run import IncomingEvent
from eventwire.journal.store import Journal
from tests.engine import probe
from tests.engine.wired import action


def statuses(record):
    return {each.name: str(each.status) for each in record.actions}


def test_what_had_started_runs_again_where_that_is_harmless_and_is_unknown_otherwise(machine):
    machine.write(action("a", does="safe"), action("b", does="keyed"), action("c", does="unsafe"))
    run = machine.die_after_accepting()
    assert machine.rows("SELECT name, status FROM deliveries") == [
        ("a", "started"),
        ("b", "started"),
        ("c", "started"),
    ]
    (record,) = machine.recover()
    assert record.id == run
    assert statuses(record) == {"a": "succeeded", "b": "succeeded", "c": "unknown"}
    assert record.actions[2].error["message"] == MAY_HAVE_HAPPENED
    assert machine.rows("SELECT status FROM runs") == [("partial",)]
    assert machine.rows("SELECT name, status FROM deliveries ORDER BY position") == [
        ("a", "succeeded"),
        ("b", "succeeded"),
        ("c", "unknown"),
    ]


def test_what_never_started_runs_whatever_it_is(machine):
    machine.write(action("c", does="unsafe"))
    machine.die_after_accepting()
    machine.execute("UPDATE deliveries SET status = 'planned'")
    (record,) = machine.recover()
    assert statuses(record) == {"c": "succeeded"}
    assert len(probe.SENT) == 1


def test_the_request_and_the_key_are_those_from_before_the_crash(machine):
    machine.write(action("a", text="{id} then"))
    machine.die_after_accepting({"id": 7})
    ((request,),) = machine.rows("SELECT request FROM deliveries")
    machine.write(action("a", text="{id} now"))
    machine.recover()
    assert [each["text"] for each in probe.SENT] == ["7 then"]
    assert json.loads(request)["key"] == probe.SENT[0]["key"]


def test_the_attempt_that_was_cut_off_is_kept(machine):
    machine.write(action("a"))
    machine.die_after_accepting()
    (record,) = machine.recover()
    assert record.actions[0].attempts == 2
    ((number, error),) = machine.rows("SELECT number, error FROM attempts")
    assert (number, json.loads(error)["kind"]) == (1, "cut-off")


def test_outcomes_from_before_the_crash_stay(machine):
    machine.write(action("a"), action("b"))
    machine.die_after_accepting()
    machine.execute("UPDATE deliveries SET status = 'succeeded', attempts = 1, response = '{}' WHERE name = 'a'")
    (record,) = machine.recover()
    assert statuses(record) == {"a": "succeeded", "b": "succeeded"}
    assert len(probe.SENT) == 1


def test_an_account_that_is_no_longer_there_fails_its_deliveries_and_says_so(machine):
    machine.write(action("a"))
    machine.die_after_accepting()
    text = (machine.folder / "eventwire.toml").read_text()
    (machine.folder / "eventwire.toml").write_text(text.replace("-accounts.p]", "-accounts.q]").replace('"p"', '"q"'))
    (record,) = machine.recover()
    assert statuses(record) == {"a": "failed"}
    assert "is not in the project" in record.actions[0].error["message"]
    assert machine.recover() == []


def test_a_run_of_a_living_process_is_left_alone(machine):
    machine.write(action("a"))

    async def work(pipeline):
        await pipeline.accept(pipeline.make_run(IncomingEvent("e", {"id": 1}, "cli")))
        other = Journal(machine.folder)
        try:
            assert other.abandoned() == []
            (row,) = other.runs(limit=1)
            assert not await other.take(row["id"])
        finally:
            other.close()

    machine.process(work)


def test_of_two_who_want_a_run_one_gets_it(machine):
    machine.write(action("a"))
    run = machine.die_after_accepting()

    async def work(pipeline):
        journals = [Journal(machine.folder) for _ in range(4)]
        try:
            return await asyncio.gather(*(each.take(run) for each in journals))
        finally:
            for each in journals:
                each.close()

    assert sum(machine.process(work)) == 1


def test_the_lock_of_a_dead_process_is_removed_with_its_last_run(machine):
    machine.write(action("a"))
    machine.die_after_accepting()
    # as a killed process leaves it: the file is there, and nobody holds its lock
    ((owner,),) = machine.rows("SELECT owner FROM runs")
    (machine.folder / "owners" / owner).touch()
    machine.recover()
    assert list((machine.folder / "owners").iterdir()) == []


def test_a_delay_outlasts_its_process(machine, monkeypatch):
    monkeypatch.setattr("eventwire.engine.delivery.delay_seconds", lambda *arguments: 0.3)
    machine.write(action("a", fails="busy", times=1))
    record = machine.process(lambda pipeline: pipeline.run(IncomingEvent("e", {"id": 1}, "cli")), detach=True)
    assert (record.status, str(record.actions[0].status), record.actions[0].attempts) == ("failed", "planned", 1)
    ((status, due_at, owner),) = machine.rows(
        "SELECT d.status, d.due_at, r.owner FROM deliveries d JOIN runs r ON r.id = d.run"
    )
    assert (status, owner) == ("planned", None)
    assert due_at == pytest.approx(time.time(), abs=5)
    (record,) = machine.recover()
    assert time.time() >= due_at
    assert (record.status, record.actions[0].attempts) == ("succeeded", 2)


@pytest.mark.parametrize("jump", [-1e6, 1e6])
def test_a_clock_that_jumps_neither_loses_nor_holds_a_retry(machine, monkeypatch, jump):
    monkeypatch.setattr("eventwire.engine.delivery.delay_seconds", lambda *arguments: 0.01)
    machine.write(action("a", fails="busy", times=1))
    machine.process(lambda pipeline: pipeline.run(IncomingEvent("e", {"id": 1}, "cli")), detach=True)
    machine.execute("UPDATE deliveries SET due_at = due_at + ?", jump)
    asked = []

    async def quick(event, seconds):
        asked.append(seconds)
        await asyncio.sleep(0)
        return event.is_set()

    monkeypatch.setattr("eventwire.engine.delivery.ends_within", quick)
    (record,) = machine.recover()
    assert record.status == "succeeded"
    assert max(asked, default=0) <= 3600


def test_too_old_a_delivery_is_tried_no_more(machine):
    machine.write(action("a", fails="busy", retry="{ attempts = 9, max-age-seconds = 60 }"))
    machine.die_after_accepting()
    machine.execute("UPDATE runs SET received_at = received_at - 100")
    (record,) = machine.recover()
    assert (str(record.actions[0].status), record.actions[0].attempts) == ("failed", 2)


def test_an_event_that_a_success_raises_is_raised_once_also_after_a_crash(machine):
    raised = '\n[events.child.model]\nid = "integer"\n[events.child.filters.on-event.actions.tell]\n'
    raised += 'service-account = "p"\naction = "safe"\ntext = "child {id}"\n'
    trigger = '\n[events.e.filters.on-event.actions.a.on-success.child]\nid = "{id}"\n'
    machine.write(action("a", text="parent"), trigger, raised)
    run = machine.run().id
    # as a crash leaves it between the outcome and the run's end
    machine.execute("UPDATE runs SET status = 'running' WHERE id = ?", run)
    (record,) = machine.recover()
    assert [each["text"] for each in probe.SENT] == ["parent", "child 1"]
    assert [each.record.event for each in record.raised] == ["child"]
    assert machine.rows("SELECT parent, raised_by FROM runs WHERE event = 'child'") == [(run, "on-event/a on success")]
    # and where the crash came before the event was raised
    machine.execute("UPDATE runs SET status = 'running' WHERE id = ?", run)
    machine.execute("DELETE FROM runs WHERE event = 'child'")
    machine.recover()
    assert [each["text"] for each in probe.SENT] == ["parent", "child 1", "child 1"]


def test_the_same_key_brings_a_run_to_its_end_that_a_crash_left_over(machine):
    machine.write(action("a", does="keyed"), action("b", does="unsafe"))
    first = machine.die_after_accepting(idempotency_key="order-7")
    record = machine.run(idempotency_key="order-7")
    assert record.id == first
    assert statuses(record) == {"a": "succeeded", "b": "unknown"}
    assert machine.run(idempotency_key="order-7").id == first
    assert len(probe.SENT) == 1
    with pytest.raises(KeyReused):
        machine.run({"id": 2}, idempotency_key="order-7")


def test_the_same_key_while_the_first_is_still_running_waits_for_it(machine):
    machine.write(action("a", seconds=0.2))

    async def work(pipeline):
        runs = [pipeline.run(IncomingEvent("e", {"id": 1}, "cli", idempotency_key="k")) for _ in range(5)]
        return await asyncio.gather(*runs)

    records = machine.process(work)
    assert len({each.id for each in records}) == 1
    assert {each.status for each in records} == {"succeeded"}
    assert len(probe.SENT) == 1


def test_a_paused_account_holds_neither_itself_nor_others(machine):
    machine.write(action("down", fails="down"), action("up", account="q"))
    text = (machine.folder / "eventwire.toml").read_text()
    (machine.folder / "eventwire.toml").write_text(text + '\n[service-accounts.q]\nservice = "probe"\ntest = {}\n')

    async def work(pipeline):
        return [await pipeline.run(IncomingEvent("e", {"id": number}, "cli")) for number in range(4)]

    records = machine.process(work)
    assert {statuses(each)["up"] for each in records} == {"succeeded"}
    assert {statuses(each)["down"] for each in records} == {"failed"}
    assert records[-1].actions[0].error["kind"] == "paused"
    ((state, failures, last),) = machine.rows("SELECT state, failures, last_error FROM account_states")
    assert (state, failures, last) == ("open", 5, "Nobody answers.")


def test_an_account_never_has_more_on_their_way_than_it_may(machine, monkeypatch):
    now = most = 0

    async def send(connection, request):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.002)
        now -= 1
        return {}

    operations = tuple(each._replace(send=send) for each in probe.SERVICE.operations)
    monkeypatch.setattr(
        "eventwire.services.catalog.outside_services", lambda: {"probe": probe.SERVICE._replace(operations=operations)}
    )
    machine.write(action("a"))
    text = (machine.folder / "eventwire.toml").read_text()
    (machine.folder / "eventwire.toml").write_text(text.replace("test = {}", "test = {}\nmax-concurrent = 3", 1))

    async def work(pipeline):
        await asyncio.gather(*(pipeline.run(IncomingEvent("e", {"id": n}, "cli")) for n in range(20)))

    machine.process(work)
    assert most == 3


def test_stopping_leaves_retries_to_the_next_process(machine, monkeypatch):
    monkeypatch.setattr("eventwire.engine.delivery.delay_seconds", lambda *arguments: 60.0)
    machine.write(action("a", fails="busy", times=1))

    async def work(pipeline):
        running = asyncio.create_task(pipeline.run(IncomingEvent("e", {"id": 1}, "cli")))
        while not probe.SENT:  # noqa: ASYNC110 - the probe is of another world
            await asyncio.sleep(0.01)
        await pipeline.stop(5, leave_retries=True)
        return await running

    record = machine.process(work)
    assert str(record.actions[0].status) == "planned"
    machine.execute("UPDATE deliveries SET due_at = 0")
    (record,) = machine.recover()
    assert record.status == "succeeded"


def waiting_until(machine, monkeypatch, seconds):
    """A delivery that has failed once, and whose next attempt is due only then."""
    monkeypatch.setattr("eventwire.engine.delivery.delay_seconds", lambda *arguments: seconds)
    machine.write(action("a", fails="busy", times=1))
    machine.process(lambda pipeline: pipeline.run(IncomingEvent("e", {"id": 1}, "cli")), detach=True)


@pytest.mark.parametrize("way", ["left", "cut off"])
def test_a_retry_that_outlasts_a_second_process_too_is_not_lost(machine, monkeypatch, way):
    waiting_until(machine, monkeypatch, 60.0)

    async def stopped_while_it_waits(pipeline):
        (row,) = pipeline.journal.abandoned()
        recovering = asyncio.create_task(pipeline.recover(row["id"]))
        await asyncio.sleep(0.1)
        if way == "left":
            await pipeline.stop(5, leave_retries=True)
        else:
            pipeline.cut_off()
        return await recovering

    record = machine.process(stopped_while_it_waits)
    assert (statuses(record), record.actions[0].error["message"]) == ({"a": "planned"}, "Too busy.")
    machine.execute("UPDATE deliveries SET due_at = 0")
    (record,) = machine.recover()
    assert (statuses(record), record.actions[0].attempts) == ({"a": "succeeded"}, 2)


def test_an_event_that_is_raised_after_everything_was_cut_off_is_recorded_and_not_sent(machine):
    child = '\n[events.child.model]\nid = "integer"\n[events.child.filters.on-event.actions.tell]\n'
    child += 'service-account = "p"\naction = "unsafe"\ntext = "child"\n'
    trigger = '\n[events.e.filters.on-event.actions.a.on-failure.child]\nid = "{id}"\n'
    machine.write(action("a", seconds=60), trigger, child)

    async def work(pipeline):
        running = asyncio.create_task(pipeline.run(IncomingEvent("e", {"id": 1}, "cli")))
        while not probe.SENT:  # noqa: ASYNC110 - the probe is of another world
            await asyncio.sleep(0.01)
        pipeline.cut_off()
        return await running

    record = machine.process(work)
    assert statuses(record) == {"a": "failed"}
    assert statuses(record.raised[0].record) == {"tell": "failed"}
    assert len(probe.SENT) == 1
    assert machine.rows("SELECT status FROM runs ORDER BY id") == [("failed",), ("failed",)]


def test_a_response_that_cannot_be_kept_leaves_nobody_waiting(machine, monkeypatch):
    async def send(connection, request):
        answer = []
        answer.append(answer)
        return answer

    operations = tuple(each._replace(send=send) for each in probe.SERVICE.operations)
    monkeypatch.setattr(
        "eventwire.services.catalog.outside_services", lambda: {"probe": probe.SERVICE._replace(operations=operations)}
    )
    machine.write(action("a"))
    record = machine.process(lambda pipeline: asyncio.wait_for(pipeline.run(IncomingEvent("e", {"id": 1}, "cli")), 10))
    assert statuses(record) == {"a": "succeeded"}
    assert record.actions[0].error["kind"] == "bug"
