"""Sources end to end: signed requests of every kind over HTTP, a time that comes, a file that is put into a folder."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.journeys.served import Server, until
from tests.journeys.test_serve import LINES, lines, project

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SOURCE = """
[sources.{name}]
kind = "{kind}"
event = "e"
values = {{ id = "{{body.number}}" }}
{more}
"""


def signed(body, algorithm="sha256", key=None):
    return hmac.new(key or SECRET.encode(), body, algorithm).digest()


def stripe(body, at, id):
    return {"stripe-signature": f"t={at},v1={signed(f'{at}.'.encode() + body).hex()}"}


def github(body, at, id):
    return {"x-hub-signature-256": f"sha256={signed(body).hex()}", "x-github-delivery": id}


def slack(body, at, id):
    signature = signed(f"v0:{at}:".encode() + body).hex()
    return {"x-slack-signature": f"v0={signature}", "x-slack-request-timestamp": str(at)}


def shopify(body, at, id):
    return {"x-shopify-hmac-sha256": base64.b64encode(signed(body)).decode(), "x-shopify-webhook-id": id}


def standard(body, at, id):
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signature = base64.b64encode(signed(f"{id}.{at}.".encode() + body, key=key)).decode()
    return {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": f"v1,{signature}"}


def own(body, at, id):
    return {"x-signature": signed(f"{at}.".encode() + body, hashlib.sha512).hex(), "x-time": str(at), "x-id": id}


def token(body, at, id):
    return {"authorization": f"Bearer {SECRET}", "x-id": id}


HMAC = 'header = "x-signature"\nalgorithm = "sha512"\ntimestamp-header = "x-time"\nid-header = "x-id"'
KINDS = {
    "stripe": (stripe, "", True),
    "github": (github, "", False),
    "slack": (slack, "", True),
    "shopify": (shopify, "", False),
    "standard-webhooks": (standard, "", True),
    "hmac": (own, HMAC, True),
    "token": (token, 'id-header = "x-id"', False),
}


def serve(folder, kind, more=""):
    project(folder, LINES + SOURCE.format(name="hook", kind=kind, more=more))
    field = "TOKEN" if kind == "token" else "SECRET"
    return Server(folder, environ={f"EVENTWIRE_HOOK_TEST_{field}": SECRET})


def body_of(kind, number):
    """A body as the kind sends it; some have their id in it."""
    own_id = {"stripe": {"id": f"evt_{number}"}, "slack": {"event_id": f"Ev{number}"}}.get(kind, {})
    return json.dumps({"number": number, **own_id}).encode()


@pytest.mark.parametrize("kind", KINDS)
def test_a_signed_webhook_raises_its_event_once(tmp_path, kind):
    sign, more, has_time = KINDS[kind]
    with serve(tmp_path, kind, more) as server:
        now, body = int(time.time()), body_of(kind, 1)
        headers = sign(body, now, "one")
        answer = server.post("/sources/hook", body, **headers)
        assert (answer.status_code, answer.json()["raised"]) == (202, "e"), answer.text
        again = server.post("/sources/hook", body, **headers)
        assert (again.status_code, again.json()) == (200, {"raised": None, "why": "duplicate"})
        later = server.post("/sources/hook", body, **sign(body, now + 1, "one"))
        assert later.json() == {"raised": None, "why": "duplicate"}
        if has_time:
            old = body_of(kind, 2)
            refused = server.post("/sources/hook", old, **sign(old, now - 3600, "two"))
            assert (refused.status_code, "seconds ago" in refused.json()["detail"]) == (401, True)
        other = body_of(kind, 3)
        wrong = sign(body, now, "three") if kind != "token" else {"authorization": "Bearer wrong"}
        assert server.post("/sources/hook", other, **wrong).status_code == 401
        assert server.post("/sources/hook", other).status_code == 401
        assert server.post("/sources/hook", other, **sign(other, now, "four")).status_code == 202
        until(lambda: lines(tmp_path) == [1, 3], server.log)
        assert server.stop() == 0
        assert "The source hook refused a request" in server.said
        assert SECRET not in server.said
    assert lines(tmp_path) == [1, 3]


def test_slacks_challenge_is_answered(tmp_path):
    with serve(tmp_path, "slack") as server:
        body = b'{"type": "url_verification", "challenge": "3eZbrw1a"}'
        answer = server.post("/sources/hook", body, **slack(body, int(time.time()), ""))
        assert (answer.status_code, answer.json()) == (200, {"challenge": "3eZbrw1a"})
        assert server.post("/sources/hook", body).status_code == 401
        assert lines(tmp_path) == []


def test_the_same_webhook_many_times_at_once_raises_one_event(tmp_path):
    with serve(tmp_path, "standard-webhooks") as server, ThreadPoolExecutor(16) as pool:
        body = body_of("", 1)
        headers = standard(body, int(time.time()), "one")
        answers = list(pool.map(lambda _: server.post("/sources/hook", body, **headers), range(16)))
        assert sorted(answer.status_code for answer in answers) == [200] * 15 + [202]
        until(lambda: lines(tmp_path) == [1], server.log)
        assert server.stop() == 0
    assert lines(tmp_path) == [1]


def test_a_webhook_that_did_not_come_into_the_journal_is_taken_when_it_comes_again(tmp_path):
    with serve(tmp_path, "standard-webhooks") as server:
        body = body_of("", 1)
        headers = standard(body, int(time.time()), "one")
        wrong = server.post(
            "/sources/hook", b'{"number": "x"}', **standard(b'{"number": "x"}', int(time.time()), "one")
        )
        assert wrong.status_code == 422
        assert server.post("/sources/hook", body, **headers).status_code == 202


def test_a_source_without_its_secret_is_told_and_refuses(tmp_path):
    project(tmp_path, LINES + SOURCE.format(name="hook", kind="github", more=""))
    with Server(tmp_path) as server:
        server.wait_for("refuses every request until it has its secret")
        answer = server.post("/sources/hook", b"{}", **github(b"{}", 0, "one"))
        assert answer.status_code == 503
        assert SECRET not in answer.text


def test_a_schedule_and_a_folder_raise_their_events(tmp_path):
    from eventwire.project.locate import state_folder
    from eventwire.server.store import Store

    more = (
        '[sources.often]\nkind = "schedule"\nevent = "e"\nvalues = { id = 1 }\nschedule = "* * * * *"\ncatch-up = true\n'
        '[sources.drop]\nkind = "folder"\nevent = "e"\nvalues = { id = "{body.id}" }\nfolder = "in"\n'
    )
    project(tmp_path, LINES + more)
    (tmp_path / "in").mkdir()
    with Store(state_folder(tmp_path)) as store, store.transaction() as connection:
        connection.execute("INSERT INTO ticks (source, due_at) VALUES ('often', ?)", (time.time() - 600,))
    with Server(tmp_path) as server:
        until(lambda: lines(tmp_path)[:1] == [1], server.log)
        server.wait_for("The schedule often missed")
        (tmp_path / "in" / "a.csv").write_text("id\n20\n30\n")
        (tmp_path / "in" / "b.ndjson").write_text('{"id": 40}\n{"id": "x"}\n')
        until(lambda: {20, 30, 40} <= set(lines(tmp_path)), server.log)
        server.wait_for("b.ndjson:2")
        assert server.stop() == 0
