"""A served project's life: what is under way when the project is exchanged, and when the server stops."""

from __future__ import annotations

import asyncio
import json

import pytest

from eventwire.engine.run import IncomingEvent
from eventwire.server import runner as runner_module
from eventwire.server.problems import Refusal
from eventwire.server.sources import RaisedEvent
from tests.server.serving import PROJECT, served, until

WAITING = """
[service-accounts.hook]
service = "http"
test = {{ base-url = "http://127.0.0.1:{port}" }}

[events.call]
model = {{ id = "integer" }}

[events.call.filters.on-event.actions.tell]
service-account = "hook"
action = "request"
method = "POST"
url = "/"
retry = {{ attempts = 3, first-delay-seconds = 80000, max-delay-seconds = 80000 }}
"""


def event(number, name="order", key=None):
    return IncomingEvent(name, {"id": number}, "http", idempotency_key=key)


def test_an_event_that_is_admitted_keeps_its_pipeline_when_the_project_is_exchanged(tmp_path):
    async def work(shop):
        accepted = await shop.runner.admit(shop.runner.prepare(event(7), "test"))
        closed = asyncio.Event()
        pipeline, close = accepted.pipeline, accepted.pipeline.close

        async def note_close():
            closed.set()
            await close()

        pipeline.close = note_close
        await shop.runner.reload()
        await asyncio.sleep(0.05)
        assert not closed.is_set()
        assert (await shop.runner.finish(accepted)).status == "succeeded"
        await asyncio.wait_for(closed.wait(), 5)

    served(tmp_path, work)


def test_stopping_waits_for_an_event_of_the_project_before_this_one(tmp_path):
    async def work(shop):
        accepted = await shop.runner.admit(shop.runner.prepare(event(7), "test"))
        await shop.runner.reload()
        stopping = asyncio.create_task(shop.runner.drain(20))
        await asyncio.sleep(0.05)
        assert not stopping.done()
        assert (await shop.runner.finish(accepted)).status == "succeeded"
        await stopping

    served(tmp_path, work)


def test_nothing_is_taken_while_it_stops_and_what_there_is_can_be_read(tmp_path):
    async def work(shop):
        run = (await shop.post("/events/order", {"id": 1})).json()["id"]
        await shop.runner.drain(1)
        answer = await shop.post("/events/order", {"id": 2})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.headers["connection"] == "close"
        assert answer.json()["type"].rpartition("/")[2] == "stopping"
        assert (await shop.get(f"/runs/{run}")).json()["status"] == "succeeded"
        assert len(shop.lines()) == 1

    served(tmp_path, work)


def test_a_batch_that_cannot_be_taken_whole_leaves_nothing_undone(tmp_path):
    async def work(shop):
        await shop.runner.finish(await shop.runner.admit(shop.runner.prepare(event(1, key="taken"), "test")))
        prepared = [shop.runner.prepare(event(number, key=key), "test") for number, key in ((2, "new"), (3, "taken"))]
        with pytest.raises(Exception, match="used before"):
            await shop.runner.admit_all(prepared)
        # what came into the journal comes to its end, without a start anew
        await until(lambda: all(row["status"] != "running" for row in shop.runner.journal.recent(10)))
        assert sorted(each["id"] for each in shop.lines()) == [1, 2]
        await until(lambda: shop.runner.under_way == 0)

    served(tmp_path, work)


def test_a_source_that_ends_while_its_event_is_accepted_leaves_no_event_behind(tmp_path):
    async def work(shop):
        raised = RaisedEvent("order", {"id": 7}, "test", "source:drop", "source:drop:a#1", "2026-01-02T03:04:05Z")
        pipeline = shop.runner.pipelines["test"]
        begin_soon, begun = pipeline.journal.begin_soon, asyncio.Event()

        def slowly(run, deliveries, done):
            def later(*outcome):
                begun.set()
                asyncio.get_running_loop().call_later(0.05, done, *outcome)

            begin_soon(run, deliveries, later)

        pipeline.journal.begin_soon = slowly
        source = asyncio.create_task(shop.runner._raise(raised))
        await begun.wait()
        source.cancel()
        await until(lambda: [row["status"] for row in shop.runner.journal.recent(5)] == ["succeeded"])
        assert [each["id"] for each in shop.lines()] == [7]

    served(tmp_path, work)


def test_what_a_source_took_before_under_another_mapping_is_passed_over(tmp_path):
    async def work(shop):
        for number in (7, 8):
            await shop.runner._raise(
                RaisedEvent("order", {"id": number}, "test", "source:drop", "source:drop:a#1", "2026-01-02T03:04:05Z")
            )
        await until(shop.lines)
        assert [each["id"] for each in shop.lines()] == [7]

    served(tmp_path, work)


def test_a_run_that_waits_for_its_next_attempt_is_left_when_the_server_stops_and_again_when_the_next_does(tmp_path):
    from tests.servers import closed_port

    project = PROJECT + WAITING.format(port=closed_port())

    async def send(shop):
        run = (await shop.post("/events/call", {"id": 1}, prefer="respond-async")).json()["id"]
        await until(lambda: shop.runner.journal.deliveries(run)[0]["due_at"] is not None)
        return run

    run = served(tmp_path, send, project=project)

    async def look(shop):
        await until(lambda: shop.runner._recovering)
        await asyncio.sleep(0.2)
        await asyncio.wait_for(shop.runner.drain(30), 10)
        (delivery,) = shop.runner.journal.deliveries(run)
        assert (delivery["status"], delivery["attempts"]) == ("planned", 1)
        assert shop.runner.journal.run(run)["status"] == "running"

    served(tmp_path, look, project="", told=["before"])


def test_a_repeated_key_does_not_hold_up_stopping_where_another_process_runs_the_first(tmp_path):
    async def work(shop):
        accepted = await shop.runner.admit(shop.runner.prepare(event(1, key="k"), "test"))
        again = await shop.runner.admit(shop.runner.prepare(event(1, key="k"), "test"))
        assert again.first == accepted.run.id
        waiting = asyncio.create_task(shop.runner.finish(again))
        await asyncio.sleep(0.1)
        stopping = asyncio.create_task(shop.runner.drain(20))
        with pytest.raises(Refusal, match="stopping"):
            await waiting
        await shop.runner.finish(accepted)
        await stopping

    served(tmp_path, work)


def test_recovery_goes_on_after_the_journal_could_not_be_read(tmp_path, monkeypatch):
    from eventwire.journal.store import JournalError

    monkeypatch.setattr(runner_module, "RECOVER_SECONDS", 0.01)
    told = []

    async def work(shop):
        abandoned, calls = shop.runner.journal.abandoned, []

        def sometimes():
            calls.append(1)
            if len(calls) < 4:
                raise JournalError("The disk is away.")
            return abandoned()

        shop.runner.journal.abandoned = sometimes
        await until(lambda: len(calls) > 6)

    served(tmp_path, work, told=told)
    assert told.count("The disk is away.") == 1


def test_runs_of_this_process_are_not_taken_for_left_over_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(runner_module, "RECOVER_SECONDS", 0.01)

    async def work(shop):
        accepted = await shop.runner.admit(shop.runner.prepare(event(7), "test"))
        await asyncio.sleep(0.1)
        assert not shop.runner._recovering
        await shop.runner.finish(accepted)
        assert [each["id"] for each in shop.lines()] == [7]

    served(tmp_path, work)


def test_what_others_sent_cannot_draw_in_the_terminal(tmp_path):
    told = []

    async def work(shop):
        shop.runner.tell("a\x1b[2J\x9b1mb\u202ec\rd\x07\ne")

    served(tmp_path, work, told=told)
    assert told == ["a\\x1b[2J\\x9b1mb\\u202ec\\x0dd\\x07\ne"]
    json.dumps(told)


def test_what_waits_for_its_accounts_turn_is_left_when_the_server_stops_and_sent_by_the_next(tmp_path):
    slow = PROJECT.replace('service = "file"', 'service = "file"\nmax-per-second = 2')

    async def send(shop):
        answers = [await shop.post("/events/order", {"id": each}, prefer="respond-async") for each in range(8)]
        assert {each.status_code for each in answers} == {202}
        await shop.runner.drain(0.1)
        return {row["status"] for row in shop.runner.journal.recent(10)}

    assert served(tmp_path, send, project=slow) == {"succeeded", "running"}

    async def look(shop):
        await until(lambda: all(row["status"] == "succeeded" for row in shop.runner.journal.recent(10)))
        assert sorted(each["id"] for each in shop.lines()) == list(range(8))

    served(tmp_path, look, project=PROJECT, told=["before"])
