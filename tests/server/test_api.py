"""The event API: events in, reports out, and a problem document for everything else."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest

from eventwire.server import api, runner
from tests.server.serving import PROJECT, served, until


def test_an_event_is_answered_with_its_report(tmp_path):
    async def work(shop):
        answer = await shop.post("/events/order", {"id": 7})
        report = answer.json()
        assert answer.status_code == 201
        assert answer.headers["location"] == f"/runs/{report['id']}"
        assert (report["status"], report["environment"], report["match"]) == (
            "succeeded",
            "test",
            {"filters": 1, "matched": 1},
        )
        assert shop.lines() == [{"id": 7, "event": report["id"]}]
        assert (await shop.get(answer.headers["location"])).json()["filters"] == report["filters"]

    served(tmp_path, work)


def test_the_key_chooses_the_environment(tmp_path):
    async def work(shop):
        report = (await shop.post("/events/order", {"id": 7}, environment="live")).json()
        assert report["environment"] == "live"
        assert (len(shop.lines("out-live")), len(shop.lines())) == (1, 0)
        assert (await shop.get(f"/runs/{report['id']}", environment="test")).status_code == 404

    served(tmp_path, work)


def test_it_is_in_the_journal_before_it_is_acknowledged(tmp_path):
    async def work(shop):
        answer = await shop.post("/events/order", {"id": 7}, prefer="respond-async")
        assert answer.status_code == 202
        assert answer.headers["preference-applied"] == "respond-async"
        run = answer.json()["id"]
        assert shop.runner.journal.run(run) is not None
        await until(shop.lines)
        await until(lambda: shop.runner.journal.run(run)["status"] != "running")
        assert (await shop.get(f"/runs/{run}")).json()["status"] == "succeeded"
        assert [each["id"] for each in shop.lines()] == [7]

    served(tmp_path, work)


def test_the_same_idempotency_key_gives_the_first_report_and_runs_nothing(tmp_path):
    async def work(shop):
        answers = [await shop.post("/events/order", {"id": 7}, idempotency_key="order-7") for _ in range(3)]
        assert len({each.json()["id"] for each in answers}) == 1
        at_once = await asyncio.gather(
            *(shop.post("/events/order", {"id": 8}, idempotency_key='"order-8"') for _ in range(5))
        )
        assert len({each.json()["id"] for each in at_once}) == 1
        assert [each["id"] for each in shop.lines()] == [7, 8]
        other = await shop.post("/events/order", {"id": 9}, idempotency_key="order-7")
        assert (other.status_code, other.json()["type"].rpartition("/")[2]) == (422, "key-reused")

    served(tmp_path, work)


CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "a-1",
    "source": "/shop",
    "type": "com.shop.order",
    "time": "2026-01-02T03:04:05Z",
    "data": {"id": 7},
}


@pytest.mark.parametrize("path", ["/events", "/events/order"])
def test_a_cloud_event_in_structured_mode(tmp_path, path):
    async def work(shop):
        answer = await shop.post(path, CLOUD_EVENT, content_type="application/cloudevents+json")
        assert answer.status_code == 201, answer.text
        assert shop.lines() == [{"id": 7, "event": "a-1"}]
        again = await shop.post(path, CLOUD_EVENT, content_type="application/cloudevents+json")
        assert again.json()["id"] == answer.json()["id"]  # its source and id are its key
        assert len(shop.lines()) == 1

    served(tmp_path, work)


def test_a_cloud_event_in_binary_mode(tmp_path):
    async def work(shop):
        headers = {f"ce_{name}": value for name, value in CLOUD_EVENT.items() if name != "data"}
        assert (await shop.post("/events", {"id": 7}, **headers)).status_code == 201
        assert shop.lines() == [{"id": 7, "event": "a-1"}]

    served(tmp_path, work)


def test_a_batch_is_accepted_whole_or_not_at_all(tmp_path):
    async def work(shop):
        batch = [CLOUD_EVENT | {"id": f"b-{number}", "data": {"id": number}} for number in range(3)]
        kind = "application/cloudevents-batch+json"
        answer = await shop.post("/events", batch, content_type=kind)
        assert (answer.status_code, [each["status"] for each in answer.json()]) == (201, ["succeeded"] * 3)
        batch = [each | {"id": f"{each['id']}-again"} for each in batch]
        batch[1]["data"] = {"id": "x"}
        batch[2]["data"] = {}
        answer = await shop.post("/events", batch, content_type=kind)
        assert answer.status_code == 422
        assert [each["path"] for each in answer.json()["errors"]] == ["[1].data.id", "[2].data.id"]
        assert len(shop.lines()) == 3
        for written in (kind, "Application/CloudEvents-Batch+JSON; charset=utf-8"):
            asynchronous = await shop.post("/events", batch[:1], content_type=written, prefer="respond-async")
            assert (asynchronous.status_code, len(asynchronous.json())) == (202, 1)
            assert isinstance(asynchronous.json(), list)

    served(tmp_path, work)


def test_an_event_that_nothing_comes_of_says_so(tmp_path):
    async def work(shop):
        answer = await shop.post("/events/nothing", {"id": 7})
        assert answer.status_code == 201
        assert 'The event "nothing" has no action' in answer.json()["warning"]
        assert "warning" not in (await shop.post("/events/order", {"id": 7})).json()

    served(tmp_path, work)


NEVER = """
[events.never]
model = { id = "integer", on = "boolean" }

[events.never.filters.on-event]

[events.never.filters.odd]
where = "id > 5 AND id < 3"

[events.never.filters.odd.actions.store]
service-account = "lines"
action = "append"
file = "orders.ndjson"
line = "{id}"
"""


@pytest.mark.parametrize(
    ("condition", "warns"),
    [
        ("id > 5 AND id < 3", True),
        ("on AND NOT on", True),
        ("false", True),
        ("id > 5 AND id < 7", False),
        ("id = 5 OR (id > 5 AND id < 3)", False),
        ("id > 5", False),
        ("EXISTS on", False),
    ],
)
def test_an_event_that_no_filter_could_ever_match_says_so(tmp_path, condition, warns):
    async def work(shop):
        for prefer in ("", "respond-async"):
            document = (await shop.post("/events/never", {"id": 1, "on": True}, prefer=prefer)).json()
            assert ('No filter of "never" can ever match' in document.get("warning", "")) == warns

    served(tmp_path, work, project=PROJECT + NEVER.replace("id > 5 AND id < 3", condition))


def test_what_could_come_of_an_event_is_looked_at_again_when_the_project_is_exchanged(tmp_path):
    async def work(shop):
        assert "warning" in (await shop.post("/events/never", {"id": 1, "on": True})).json()
        (tmp_path / "eventwire.toml").write_text(PROJECT + NEVER.replace("id < 3", "id < 8"))
        await shop.runner.reload()
        assert "warning" not in (await shop.post("/events/never", {"id": 1, "on": True})).json()

    served(tmp_path, work, project=PROJECT + NEVER)


def test_a_webhook_whose_event_nothing_comes_of_says_so(tmp_path):
    project = PROJECT + '[sources.hook]\nkind = "token"\nevent = "nothing"\n'

    async def work(shop):
        answer = await shop.post("/sources/hook", {"id": 1}, environment=None, authorization="Bearer t")
        assert (answer.status_code, "has no action" in answer.json()["warning"]) == (202, True)

    served(tmp_path, work, project=project, environ={"EVENTWIRE_HOOK_TEST_TOKEN": "t"})


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "kind", "words"),
    [
        ("/events/order", {"id": "x", "total": []}, {}, 422, "payload", "does not fit the model"),
        ("/events/order", b"{", {}, 400, "payload", "not JSON"),
        ("/events/order", b"[1]", {}, 400, "payload", "a list, not a JSON object"),
        ("/events/ordr", {"id": 1}, {}, 404, "not-found", 'no event "ordr"'),
        ("/events", {"id": 1}, {}, 400, "bad-request", "does not say which event"),
        ("/events/order", b"x" * 1_100_000, {}, 413, "unreadable-body", "more than 1,048,576 bytes"),
        ("/events/order", b"x", {"content_encoding": "gzip"}, 400, "unreadable-body", "one whole piece of gzip"),
        ("/events/order", b"x", {"content_encoding": "br"}, 415, "unreadable-body", "not known here"),
        ("/events/order", b"x", {"content_type": "text/csv"}, 415, "unreadable-body", "not known here"),
        ("/events/order", {"id": 1}, {"idempotency_key": ""}, 400, "bad-request", "Idempotency-Key is empty"),
        ("/nowhere", {}, {}, 404, "not-found", "nothing at /nowhere"),
        ("/events/order/x", {}, {}, 404, "not-found", "nothing at"),
        ("/sources/none", {}, {}, 404, "not-found", "no webhook"),
    ],
)
def test_what_is_wrong_is_a_problem_document(tmp_path, path, body, headers, status, kind, words):
    async def work(shop):
        answer = await shop.post(path, body, **headers)
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.status_code, problem["status"]) == (status, status), answer.text
        assert problem["type"].rpartition("/")[2] == kind
        assert words in problem["detail"]
        assert problem["instance"] == path
        assert shop.lines() == []
        assert shop.runner.journal.recent(1) == []

    served(tmp_path, work)


def test_every_violation_is_listed(tmp_path):
    async def work(shop):
        problem = (await shop.post("/events/order", {"id": "x", "total": []})).json()
        assert {each["path"] for each in problem["errors"]} == {"id", "total"}
        assert problem["detail"] == 'The payload does not fit the model of the event "order".'
        assert problem["next_step"] == "See the model with: eventwire show order"

    served(tmp_path, work)


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer ew_test_wrong", "Basic eDp5"])
def test_without_a_good_key_nothing_is_accepted(tmp_path, header):
    async def work(shop):
        headers = {"authorization": header} if header else {}
        answer = await shop.post("/events/order", {"id": 1}, environment=None, **headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert shop.runner.journal.recent(1) == []

    served(tmp_path, work)


def test_a_key_that_was_removed_counts_no_more_after_a_moment(tmp_path, monkeypatch):
    from eventwire.server.keys import list_keys, remove_key

    monkeypatch.setattr(api, "KEY_SECONDS", 0.0)

    async def work(shop):
        assert (await shop.post("/events/order", {"id": 1})).status_code == 201
        for each in list_keys(shop.runner.store):
            remove_key(shop.runner.store, each.name)
        assert (await shop.post("/events/order", {"id": 2})).status_code == 401

    served(tmp_path, work)


def test_gzip_is_unpacked(tmp_path):
    async def work(shop):
        body = gzip.compress(json.dumps({"id": 7}).encode())
        assert (await shop.post("/events/order", body, content_encoding="gzip")).status_code == 201
        assert [each["id"] for each in shop.lines()] == [7]

    served(tmp_path, work)


def test_the_wrong_method_says_which_is_right(tmp_path):
    async def work(shop):
        answer = await shop.get("/events/order")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")

    served(tmp_path, work)


def test_a_key_that_comes_too_often_is_told_when_to_come_again(tmp_path):
    async def work(shop):
        answers = [await shop.post("/events/order", {"id": number}) for number in range(4)]
        assert [each.status_code for each in answers[:2]] == [201, 201]
        last = answers[-1]
        assert last.status_code == 429
        assert int(last.headers["retry-after"]) >= 1
        assert (await shop.post("/events/order", {"id": 9}, environment="live")).status_code == 201

    served(tmp_path, work, max_per_second=2)


def test_more_than_can_be_worked_off_are_asked_to_come_again(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "MOST_UNDER_WAY", 0)

    async def work(shop):
        answer = await shop.post("/events/order", {"id": 1})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert shop.runner.journal.recent(1) == []

    served(tmp_path, work)


def test_entries_come_in_at_both_addresses_of_operationals_senders(tmp_path):
    async def work(shop):
        for path in ("/api/v1/log", "/api/v1/ingest"):
            answer = await shop.post(path, {"name": path[-12:]})
            assert answer.status_code == 201
            assert shop.runner.journal.run(answer.json()["id"])["event"] == "log"
        documented = (await shop.get("/openapi.json")).json()["paths"]
        assert documented["/api/v1/ingest"]["post"]["requestBody"] == documented["/api/v1/log"]["post"]["requestBody"]

    served(tmp_path, work)


def test_an_entry_of_the_log_is_kept_and_nothing_runs(tmp_path):
    async def work(shop):
        entry = {"name": "critical", "avatar": "🤖", "category": "ops"}
        answer = await shop.post("/api/v1/log", entry)
        assert answer.status_code == 201
        row = shop.runner.journal.run(answer.json()["id"])
        assert (row["event"], row["source"], row["environment"]) == ("log", "log", "test")
        assert json.loads(row["payload"])["name"] == "critical"
        plain = await shop.post("/api/v1/log", "🎉 it works".encode(), content_type="text/plain")
        payload = json.loads(shop.runner.journal.run(plain.json()["id"])["payload"])
        assert (payload["avatar"], payload["name"]) == ("🎉", "it works")
        test = await shop.post("/api/v1/log", entry | {"test": True}, environment="live")
        assert shop.runner.journal.run(test.json()["id"])["environment"] == "test"
        wrong = await shop.post("/api/v1/log", {"name": "x" * 100, "category": "y" * 30})
        assert {each["path"] for each in wrong.json()["errors"]} == {"name", "category"}

    served(tmp_path, work)


def test_where_the_project_has_an_event_log_its_filters_see_the_entries(tmp_path):
    project = PROJECT + (
        '[events.log.model]\nname = "string?"\n[events.log.filters.ops]\nwhere = "name = \'critical\'"\n'
        '[events.log.filters.ops.actions.store]\nservice-account = "lines"\naction = "append"\nfile = "orders.ndjson"\n'
        "line = \"{name | default: ''}\"\n"
    )

    async def work(shop):
        for name in ("critical", "other"):
            assert (await shop.post("/api/v1/log", {"name": name})).status_code == 201

    served(tmp_path, work, project=project)
    assert (tmp_path / "out" / "orders.ndjson").read_text().splitlines() == ['"critical"']


def test_the_documents_describe_the_project(tmp_path):
    async def work(shop):
        document = (await shop.get("/openapi.json")).json()
        assert set(document["paths"]) >= {"/events", "/events/order", "/runs/{id}", "/api/v1/log"}
        assert document["servers"] == [{"url": "http://shop.example"}]
        assert "order" in (await shop.get("/asyncapi.json")).json()["channels"]

    served(tmp_path, work)


@pytest.mark.parametrize("path", ["/openapi.json", "/asyncapi.json"])
def test_sample_payloads_are_in_the_documents_for_whoever_has_a_key(tmp_path, path):
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "order.json").write_text('{"id": 7, "total": 129.97}')

    async def work(shop):
        assert "129.97" in (await shop.get(path)).text
        for headers in ({}, {"authorization": "Bearer ew_test_wrong"}):
            answer = await shop.client.get(path, headers=headers)
            assert (answer.status_code, "129.97" in answer.text, "/events/order" in answer.text) == (200, False, True)

    served(tmp_path, work)


def test_what_a_crash_left_over_is_brought_to_its_end(tmp_path):
    from eventwire.engine.run import IncomingEvent

    async def crash(shop):
        prepared = shop.runner.prepare(IncomingEvent("order", {"id": 7}, "http"), "test")
        return (await shop.runner.admit(prepared)).id

    run = served(tmp_path, crash)

    async def look(shop):
        await until(lambda: shop.runner.journal.run(run)["status"] != "running")
        assert [each["id"] for each in shop.lines()] in ([], [7])

    told = ["before"]
    served(tmp_path, look, project="", told=told)
    assert any(run in line for line in told)


def test_the_project_is_exchanged_when_its_file_changes_and_kept_when_that_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "LOOK_SECONDS", 0.01)
    told = []

    async def work(shop):
        path = tmp_path / "eventwire.toml"
        before = shop.runner.project
        path.write_text(PROJECT + "\n[events.order.filters.broken]\nwhere = 'nothing > 1'\n")
        await until(lambda: shop.runner.warning is not None)
        assert shop.runner.project is before
        assert (await shop.post("/events/order", {"id": 1})).status_code == 201
        path.write_text(PROJECT + "\n[events.new.model]\nid = 'integer'\n")
        await until(lambda: shop.runner.project is not before)
        assert shop.runner.warning is None
        assert (await shop.post("/events/new", {"id": 1})).status_code == 201

    served(tmp_path, work, told=told)
    assert "goes on as it was" in told[0]
    assert "served as it is now" in told[1]


def test_the_project_is_exchanged_when_a_schema_that_it_names_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "LOOK_SECONDS", 0.01)
    told = []
    schema = tmp_path / "order.json"
    schema.write_text('{"type": "object", "properties": {"id": {"type": "integer"}}}')

    async def work(shop):
        (tmp_path / "eventwire.toml").write_text(PROJECT + '[events.by-schema]\nschema = "order.json"\n')
        await until(lambda: told)
        assert (await shop.post("/events/by-schema", {"id": "x"})).status_code == 422
        schema.write_text("{")
        await until(lambda: shop.runner.warning is not None)
        assert (await shop.post("/events/by-schema", {"id": 1})).status_code == 201
        schema.write_text('{"type": "object", "properties": {"id": {"type": "string"}}}')
        await until(lambda: len(told) > 2)
        assert (await shop.post("/events/by-schema", {"id": "x"})).status_code == 201
        await asyncio.sleep(0.1)

    served(tmp_path, work, told=told)
    assert ["goes on as it was" in each for each in told] == [False, True, False]


def test_a_run_that_is_under_way_ends_as_it_began_when_the_project_is_exchanged(tmp_path):
    async def work(shop):
        from eventwire.engine.run import IncomingEvent

        prepared = shop.runner.prepare(IncomingEvent("order", {"id": 7}, "http"), "test")
        accepted = await shop.runner.admit(prepared)
        (tmp_path / "eventwire.toml").write_text(PROJECT.replace("orders.ndjson", "others.ndjson"))
        await shop.runner.reload()
        record = await shop.runner.finish(accepted)
        assert record.status == "succeeded"
        assert [each["id"] for each in shop.lines()] == [7]

    served(tmp_path, work)


SOURCES = """
[sources.hooks]
kind = "hmac"
event = "order"
values = { id = "{body.number}" }
header = "x-signature"

[sources.drop]
kind = "folder"
event = "order"
folder = "incoming"
"""


def test_a_webhook_with_the_right_signature_raises_its_event_once(tmp_path):
    import hashlib
    import hmac

    told = []

    async def work(shop):
        body = json.dumps({"number": 7}).encode()
        good = hmac.new(b"secret", body, hashlib.sha256).hexdigest()
        wrong = await shop.post("/sources/hooks", body, environment=None, x_signature="0" * 64)
        assert wrong.status_code == 401
        assert shop.runner.journal.recent(1) == []
        right = await shop.post("/sources/hooks", body, environment=None, x_signature=good)
        assert right.status_code == 202, right.text
        await until(shop.lines)
        assert [each["id"] for each in shop.lines()] == [7]

    served(tmp_path, work, project=PROJECT + SOURCES, environ={"EVENTWIRE_HOOKS_TEST_SECRET": "secret"}, told=told)
    assert any("hooks refused a request" in line for line in told)


def test_every_webhook_that_is_refused_is_told_in_a_line(tmp_path):
    project = PROJECT + '[sources.hook]\nkind = "token"\nevent = "order"\nvalues = { id = "{body.id}" }\n'
    told = []

    async def work(shop):
        for token, body, status in (
            ("t", {"id": "x\n"}, 422),
            ("t", {}, 422),
            ("t", b"{", 400),
            ("t", b" " * 1_100_000, 413),
            ("wrong", {"id": 1}, 401),
        ):
            told.clear()
            answer = await shop.post("/sources/hook", body, environment=None, authorization=f"Bearer {token}")
            assert (answer.status_code, len(told)) == (status, 1), told
            assert told[0].startswith("The source hook refused a request: ")
            assert "\n" not in told[0]
            for each in answer.json().get("errors", []):
                assert f"{each['path']} " in told[0]
        assert shop.runner.journal.recent(1) == []

    served(tmp_path, work, project=project, environ={"EVENTWIRE_HOOK_TEST_TOKEN": "t"}, told=told)


def test_a_file_in_a_watched_folder_raises_an_event_for_each_line(tmp_path):
    (tmp_path / "incoming").mkdir()
    (tmp_path / "incoming" / "a.ndjson").write_text('{"id": 1}\n{"id": "x"}\n{"id": 3}\n')
    told = []

    async def work(shop):
        await until(lambda: len(shop.lines()) == 2)
        assert [each["id"] for each in shop.lines()] == [1, 3]

    served(tmp_path, work, project=PROJECT + SOURCES, environ={"EVENTWIRE_HOOKS_TEST_SECRET": "secret"}, told=told)
    assert any("a.ndjson" in line and "2" in line for line in told)
