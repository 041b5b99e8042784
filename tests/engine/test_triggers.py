"""Triggers: an action's outcome raises another event."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from eventwire.engine import pipeline as pipeline_module
from eventwire.engine.pipeline import Pipeline
from eventwire.engine.record import RunRecord
from eventwire.engine.run import IncomingEvent
from eventwire.journal.store import Journal
from eventwire.project.read import check_project, read_project

PROJECT = """
[project]
name = "shop"

[service-accounts.lines]
service = "file"
test = { folder = "out" }

[events.order.model]
id = "integer"
name = "string"
note = "string?"

[events.order.filters.on-event.actions.store]
service-account = "lines"
action = "append"
file = "orders.ndjson"
line = "{name}"

[events.stored.model]
id = "integer"
text = "string"

[events.stored.filters.on-event.actions.tell]
service-account = "lines"
action = "append"
file = "stored.ndjson"
line = { id = "{id}", text = "{text}" }

[events.lost.model]
id = "integer"
why = "string"

[events.lost.filters.on-event.actions.tell]
service-account = "lines"
action = "append"
file = "lost.ndjson"
line = { id = "{id}", why = "{why}" }
"""
STORED = """
[events.order.filters.on-event.actions.store.on-success.stored]
id = "{id}"
text = "{response.bytes} bytes for {name}"
"""
LOST = """
[events.order.filters.on-event.actions.store.on-failure.lost]
id = "{id}"
why = "{error.message}"
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return tmp_path


def run(
    shop: Path, more: str, payload: dict | None = None, *, dry_run: bool = False, key: str | None = None
) -> RunRecord:
    (shop / "eventwire.toml").write_text(PROJECT + more, encoding="utf-8")
    (shop / ".eventwire").mkdir(exist_ok=True)
    project = read_project(shop)

    async def go() -> RunRecord:
        journal = Journal(shop / ".eventwire")
        pipeline = Pipeline(project, "test", environ={}, journal=journal)
        try:
            incoming = IncomingEvent("order", payload or {"id": 7, "name": "Ana"}, idempotency_key=key)
            return await pipeline.run(incoming, dry_run=dry_run)
        finally:
            await pipeline.close()
            journal.close()

    return asyncio.run(go())


def lines(shop: Path, name: str) -> list[dict]:
    path = shop / "out" / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def rows(shop: Path) -> list[dict]:
    journal = Journal(shop / ".eventwire")
    try:
        return list(journal.recent(100))
    finally:
        journal.close()


def problems(shop: Path, more: str) -> list[str]:
    (shop / "eventwire.toml").write_text(PROJECT + more, encoding="utf-8")
    return [f"{each.rule}: {each.message}" for each in check_project(shop) if each.severity == "error"]


def test_success_raises_an_event_with_the_response(shop):
    record = run(shop, STORED + LOST)
    (raised,) = record.raised
    assert (raised.event, raised.by, raised.error) == ("stored", "on-event/store on success", None)
    assert lines(shop, "stored.ndjson") == [{"id": 7, "text": "6 bytes for Ana"}]
    assert lines(shop, "lost.ndjson") == []
    by_event = {row["event"]: row for row in rows(shop)}
    assert by_event["stored"]["parent"] == record.id
    assert (by_event["stored"]["source"], by_event["order"]["parent"]) == ("trigger", None)
    assert "raised" not in record.as_dict()


def test_failure_raises_an_event_with_the_error(shop):
    (shop / "out").mkdir()
    (shop / "out" / "orders.ndjson").mkdir()  # a folder where the file should be
    record = run(shop, STORED + LOST)
    assert record.status == "failed"
    assert [each.event for each in record.raised] == ["lost"]
    (line,) = lines(shop, "lost.ndjson")
    assert line["why"] == record.actions[0].error["message"]


def test_a_request_that_cannot_be_made_is_a_failure_too(shop):
    assert not run(shop, LOST).raised
    text = PROJECT.replace('line = "{name}"', 'line = "{note}"')
    (shop / "eventwire.toml").write_text(text + LOST, encoding="utf-8")
    project = read_project(shop)

    async def go() -> RunRecord:
        journal = Journal(shop / ".eventwire")
        pipeline = Pipeline(project, "test", environ={}, journal=journal)
        try:
            return await pipeline.run(IncomingEvent("order", {"id": 8, "name": "Bo"}))
        finally:
            await pipeline.close()
            journal.close()

    assert [each.event for each in asyncio.run(go()).raised] == ["lost"]
    assert "note is missing" in lines(shop, "lost.ndjson")[0]["why"]


def test_what_keeps_an_event_from_being_raised_is_told(shop):
    record = run(shop, STORED.replace("{response.bytes}", "{response.nothing}"))
    assert record.status == "succeeded"
    (raised,) = record.raised
    assert raised.record is None
    assert "response.nothing is missing" in (raised.error or "")
    assert lines(shop, "stored.ndjson") == []


def test_a_payload_that_does_not_fit_is_told(shop):
    record = run(shop, STORED.replace('id = "{id}"', 'id = "{response.file}"'))
    (raised,) = record.raised
    assert "takes an integer" in (raised.error or "")
    assert lines(shop, "stored.ndjson") == []


def test_a_chain_is_bounded(shop, monkeypatch):
    more = STORED + '[events.stored.filters.on-event.actions.tell.on-success.lost]\nid = "{id}"\nwhy = "{text}"\n'
    record = run(shop, more)
    (first,) = record.raised
    (second,) = first.record.raised
    assert second.record.event == "lost"
    assert rows(shop)[0]["parent"] == first.record.id
    monkeypatch.setattr(pipeline_module, "MOST_GENERATIONS", 1)
    (first,) = run(shop, more).raised
    (second,) = first.record.raised
    assert second.error == "More than 1 events would have raised each other."


def test_a_dry_run_and_a_repeated_key_raise_nothing(shop):
    assert not run(shop, STORED, dry_run=True).raised
    assert len(run(shop, STORED, key="k").raised) == 1
    assert not run(shop, STORED, key="k").raised
    assert len(lines(shop, "stored.ndjson")) == 1


WRONG = {
    STORED.replace("on-success.stored", "on-success.stord"): (
        'unknown-event: The trigger raises "stord", and there is no such event.'
    ),
    STORED + 'txt = "x"\n': 'unknown-property: The event "stored" has no property "txt".',
    STORED.replace('id = "{id}"\n', ""): 'missing-property: The event "stored" needs id.',
    STORED.replace("{name}", "{nme}"): "unknown-property: {nme}: the model has no nme.",
    STORED.replace("{response.bytes}", "{error.message}"): "unknown-property: {error.message}: the model has no",
    LOST.replace("{error.message}", "{error.text}"): "unknown-property: {error.text}: there is no error.text",
    STORED.replace('"{id}"', '"{name}"'): "wildcard-type: ",
    STORED.replace("on-success.stored", "on-success.order").replace("text", "name"): (
        "trigger-loop: The trigger closes a loop: order → order."
    ),
    "[events.order.filters.on-event.actions.store.on-success]\nstored = 5\n": 'wrong-type: "stored" has to be a table.',
}


@pytest.mark.parametrize("more", WRONG)
def test_mistakes(shop, more):
    found = problems(shop, more)
    wanted = WRONG[more]
    assert len(found) == 1
    assert found[0].startswith(wanted) or (wanted == "wildcard-type: " and "integer" in found[0]), found


def test_a_loop_by_a_longer_way(shop):
    back = '[events.stored.filters.on-event.actions.tell.on-success.order]\nid = "{id}"\nname = "{text}"\n'
    (found,) = problems(shop, STORED + back)
    assert found == "trigger-loop: The trigger closes a loop: stored → order → stored."
