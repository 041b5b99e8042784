"""The pipeline: parallel, each action on its own, and never a lie about effects."""

from __future__ import annotations

import asyncio
import json
import sqlite3

import pytest

from eventwire.engine import retry as retrying
from eventwire.engine.pipeline import Pipeline
from eventwire.engine.run import IncomingEvent
from eventwire.engine.selection import select
from eventwire.errors import PayloadError, Unavailable, UsageError
from eventwire.journal.store import Journal
from eventwire.project.model import Retry
from eventwire.project.read import read_project
from eventwire.services import catalog
from tests.engine import probe
from tests.engine.wired import action, condition

HEAD = """
[project]
name = "shop"

[service-accounts.p]
service = "probe"
test = {}

[service-accounts.slow-to-connect]
service = "probe"
test = { connect-seconds = 5 }

[service-accounts.refusing]
service = "probe"
test = { refuses = true }

[service-accounts.only-live]
service = "probe"
live = {}

[events.e.model]
id = "integer"
amount = "number?"
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs one event through a project of these actions; returns the record."""
    monkeypatch.setattr(catalog, "outside_services", lambda: {"probe": probe.SERVICE})
    monkeypatch.setattr(retrying, "delay_seconds", lambda *arguments: 0.0)
    monkeypatch.setattr("eventwire.engine.delivery.delay_seconds", lambda *arguments: 0.0)
    catalog.find_service.cache_clear()
    probe.SENT.clear()

    def run(*parts, payload=None, only=(), key=None, dry_run=False, stop_after=None, explain=False, environment="test"):
        (tmp_path / "eventwire.toml").write_text(HEAD + "".join(parts))
        project = read_project(tmp_path)
        journal = None if dry_run else Journal(tmp_path)

        async def go():
            pipeline = Pipeline(project, environment, environ={}, journal=journal, explain=explain)
            incoming = IncomingEvent("e", payload or {"id": 1}, "cli", key)
            work = asyncio.create_task(pipeline.run(incoming, only=select(project.events["e"], only), dry_run=dry_run))
            if stop_after is not None:
                await asyncio.sleep(stop_after)
                await pipeline.stop(0.05)
            record = await work
            await pipeline.close()
            return record

        try:
            return asyncio.run(go())
        finally:
            if journal:
                journal.close()

    yield run
    assert probe.Connected.open == 0, "every connection is closed at the end"
    catalog.find_service.cache_clear()


def rows(tmp_path, sql):
    connection = sqlite3.connect(tmp_path / "journal.sqlite3")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def statuses(record):
    return {action.name: str(action.status) for action in record.actions}


def test_actions_of_all_matching_filters_run_in_parallel(run):
    record = run(
        action("a", seconds=0.2),
        condition("big", "id > 0"),
        action("b", where="big", seconds=0.2),
        condition("never", "id > 5"),
        action("c", where="never", seconds=0.2),
    )
    assert statuses(record) == {"a": "succeeded", "b": "succeeded"}
    assert record.as_dict()["match"] == {"filters": 3, "matched": 2}
    assert 200 <= record.slowest_ms < record.duration_ms < 380
    assert record.as_dict()["overhead_ms"] == pytest.approx(record.duration_ms - record.slowest_ms, abs=0.002)


def test_a_failing_action_neither_cancels_nor_delays_another(run):
    record = run(
        action("fails", fails="rejected"), action("crashes", fails="bug"), action("slow", seconds=0.1), action("fast")
    )
    assert statuses(record) == {"fails": "failed", "crashes": "failed", "slow": "succeeded", "fast": "succeeded"}
    assert record.status == "partial"
    by_name = {each.name: each for each in record.actions}
    assert by_name["fails"].error == {"kind": "rejected", "message": "No such thing.", "next_step": None}
    assert by_name["fails"].response == {"status": 404}
    assert by_name["crashes"].error["kind"] == "bug"
    assert by_name["fast"].duration_ms < 90


@pytest.mark.parametrize(
    ("does", "fails", "attempts", "status"),
    [
        ("safe", "lost", 3, "failed"),
        ("keyed", "lost", 3, "failed"),
        ("unsafe", "lost", 1, "unknown"),
        ("unsafe", "down", 3, "failed"),
        ("unsafe", "busy", 3, "failed"),
        ("safe", "rejected", 1, "failed"),
        ("safe", "refused", 1, "failed"),
    ],
)
def test_what_may_work_later_is_repeated_only_where_that_is_harmless(run, does, fails, attempts, status):
    (each,) = run(action("a", does=does, fails=fails)).actions
    assert (each.attempts, each.status) == (attempts, status)


def test_every_attempt_carries_the_same_key_and_every_delivery_its_own(run):
    record = run(action("a", fails="busy", times=2), action("b"))
    assert {each.name: each.attempts for each in record.actions} == {"a": 3, "b": 1}
    assert len({each["key"] for each in probe.SENT}) == 2
    assert record.status == "succeeded"


def test_an_attempt_has_an_end(run):
    record = run(action("safe", seconds=5, timeout_seconds=0.05, retry="{ attempts = 2 }"))
    (each,) = record.actions
    assert (each.status, each.attempts) == ("failed", 2)
    assert each.error["message"] == "Probe took more than 0.05 s to answer."


def test_a_timeout_of_what_must_not_happen_twice_is_unknown(run):
    (each,) = run(action("a", does="unsafe", seconds=5, timeout_seconds=0.05)).actions
    assert (each.status, each.attempts) == ("unknown", 1)


def test_a_timeout_while_connecting_has_sent_nothing(run):
    (each,) = run(
        action("a", does="unsafe", account="slow-to-connect", timeout_seconds=0.05, retry="{ attempts = 1 }")
    ).actions
    assert each.status == "failed"
    assert each.error["message"] == "Probe took more than 0.05 s to connect."
    assert probe.SENT == []


def test_refused_credentials_and_missing_settings_fail_their_own_actions_only(run):
    record = run(action("a", account="refusing"), action("b", account="only-live"), action("c"))
    by_name = {each.name: each for each in record.actions}
    assert by_name["a"].error["kind"] == "refused"
    assert by_name["b"].error["kind"] == "credential"
    assert "has no test settings" in by_name["b"].error["message"]
    assert by_name["c"].status == "succeeded"


def test_a_missing_optional_property_fails_its_delivery_and_sends_nothing(run):
    record = run(action("a", text="{amount}"), action("b", text="{amount | default: 0}"))
    by_name = {each.name: each for each in record.actions}
    assert (by_name["a"].status, by_name["a"].attempts) == ("failed", 0)
    assert "amount is missing" in by_name["a"].error["message"]
    assert [each["text"] for each in probe.SENT] == ["0"]


def test_a_payload_that_does_not_fit_is_refused_before_anything_is_kept(run, tmp_path):
    with pytest.raises(PayloadError) as raised:
        run(action("a"), payload={"id": "x", "amount": []})
    assert sorted(path for path, _ in raised.value.violations) == ["amount", "id"]
    assert rows(tmp_path, "SELECT * FROM runs") == []
    assert probe.SENT == []


def test_a_delivery_is_journaled_as_started_before_it_is_sent(run, tmp_path, monkeypatch):
    seen = []

    async def look(connection, request):
        seen.extend(
            rows(tmp_path, "SELECT r.status, d.status, d.request FROM deliveries d JOIN runs r ON r.id = d.run")
        )
        return {}

    looking = probe.SERVICE.operations[0]._replace(send=look)
    service = probe.SERVICE._replace(operations=(looking,))
    monkeypatch.setattr(catalog, "outside_services", lambda: {"probe": service})
    catalog.find_service.cache_clear()
    run(action("a", text="hello"))
    ((run_status, status, request),) = seen
    assert (run_status, status) == ("running", "started")
    assert json.loads(request)["text"] == "hello"


def test_outcomes_are_in_the_journal(run, tmp_path):
    record = run(action("a", text="x"), action("b", fails="rejected"))
    assert rows(tmp_path, "SELECT id, event, status, payload FROM runs") == [(record.id, "e", "partial", '{"id":1}')]
    assert rows(tmp_path, "SELECT name, status, attempts FROM deliveries ORDER BY position") == [
        ("a", "succeeded", 1),
        ("b", "failed", 1),
    ]


def test_a_dry_run_makes_the_same_requests_and_sends_nothing(run, tmp_path):
    planned = run(action("a", text="{id}"), dry_run=True)
    (each,) = planned.actions
    assert each.status == "planned"
    assert each.request["text"] == "1"
    assert probe.SENT == []
    assert not (tmp_path / "journal.sqlite3").exists()
    (sent,) = run(action("a", text="{id}")).actions
    assert {**sent.request, "key": ""} == {**each.request, "key": ""}


def test_only_chooses_filters_and_actions(run):
    parts = action("a"), action("b"), condition("big", "id > 0"), action("c", where="big")
    assert statuses(run(*parts, only=["on-event/b"])) == {"a": "skipped", "b": "succeeded", "c": "skipped"}
    assert statuses(run(*parts, only=["big"])) == {"a": "skipped", "b": "skipped", "c": "succeeded"}
    with pytest.raises(UsageError, match='no filter or action "bgi"') as raised:
        run(*parts, only=["bgi"])
    assert raised.value.next_step == "Did you mean big?"


def test_what_was_not_asked_for_cannot_fail(run):
    record = run(action("a", text="{amount}"), action("b"), only=["on-event/b"])
    assert statuses(record) == {"a": "skipped", "b": "succeeded"}
    assert record.status == "succeeded"


def test_the_same_key_gives_the_first_runs_result_and_runs_nothing(run):
    first = run(action("a", text="x"), key="order-7", explain=True)
    second = run(action("a", text="changed since"), key="order-7")
    assert second.as_dict() | {"duration_ms": 0, "overhead_ms": 0} == first.as_dict() | {
        "duration_ms": 0,
        "overhead_ms": 0,
    }
    assert len(probe.SENT) == 1


def test_the_same_key_with_another_payload_is_an_error(run):
    run(action("a"), key="order-7")
    with pytest.raises(UsageError, match="used before, with another payload"):
        run(action("a"), key="order-7", payload={"id": 2})


@pytest.mark.parametrize(("does", "status"), [("safe", "failed"), ("unsafe", "unknown")])
def test_stopping_gives_a_grace_period_and_records_what_was_cut_off(run, tmp_path, does, status):
    record = run(action("slow", does=does, seconds=30), action("quick", seconds=0.12), stop_after=0.1)
    assert statuses(record) == {"slow": status, "quick": "succeeded"}
    assert rows(tmp_path, "SELECT status FROM deliveries WHERE name = 'slow'") == [(status,)]


def test_full_jitter_grows_and_is_bounded_and_retry_after_is_respected():
    retry = Retry(attempts=9)
    delays = [retrying.delay_seconds(retry, 9, Unavailable("x")) for _ in range(200)]
    assert 0 <= min(delays) < 20 < max(delays) <= 60
    assert max(retrying.delay_seconds(retry, 1, Unavailable("x")) for _ in range(200)) <= 0.5
    assert retrying.delay_seconds(retry, 1, Unavailable("x", retry_after_seconds=7)) == 7


def test_explanations_are_made_only_where_they_are_asked_for(run):
    parts = condition("big", "amount > 100"), action("a", where="big")
    assert run(*parts).filters[1].explanation is None
    explanation = run(*parts, payload={"id": 1, "amount": 99.5}, explain=True).filters[1].explanation
    assert explanation["matched"] is False
    assert explanation["clauses"][0]["actual"] == 99.5
