"""What comes in from a source: verified, read, tested, mapped, and told apart from what came before."""

from __future__ import annotations

import gzip
import json
import zlib
from decimal import Decimal
from urllib.parse import urlencode

import pytest

from eventwire.errors import PayloadError
from eventwire.language.models import Kind
from eventwire.project.read import read_project
from eventwire.server import sources
from eventwire.server.bodies import UnreadableBody, read_body, read_form, unpack
from eventwire.server.signatures import SignatureRefused, digest
from eventwire.server.sources import SourcePlan, as_kind
from tests.project.projects import write

PROJECT = """\
[project]
name = "shop"

[events.paid.model]
id = "string"
amount = "integer"
note = "string?"

[sources.payments]
kind = "stripe"
event = "paid"
environment = "live"
where = 'body.type = "charge.succeeded" AND event.environment = "live"'
values = { id = "{body.data.object.id}", amount = "{body.data.object.amount}", note = "{body.note}" }

[sources.whole]
kind = "token"
event = "paid"
id-header = "X-Id"

[sources.repository]
kind = "github"
event = "paid"
values = { id = "{header.x-github-event} {body.id}", amount = 1 }

[sources.chat]
kind = "slack"
event = "paid"
values = { id = '{body.user_id | default: "none"}', amount = "{body.text | default: 0}" }
"""
NOW = 1700000000
CHARGE = {"id": "evt_1", "type": "charge.succeeded", "data": {"object": {"id": "ch_1", "amount": 500}}}


@pytest.fixture
def plans(tmp_path):
    project = read_project(write(tmp_path, PROJECT))
    return {name: SourcePlan(project, source) for name, source in project.sources.items()}


def stripe(body, now=NOW):
    signature = digest(b"whsec_test", f"{now}.".encode() + body).hex()
    return {"stripe-signature": f"t={now},v1={signature}", "content-type": "application/json"}


def send(plans, store, body, now=NOW, headers=None):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = headers or stripe(body, now)
    return receive(plans["payments"], {"secret": "whsec_test"}, store, headers, body, now)


def receive(plan, secrets, store, headers, body, now):
    """What becomes of a request whose event is accepted."""
    received = sources.receive(plan, secrets, store, headers, body, now)
    if received.id is not None:
        store.claim_id(plan.source.name, received.id, now, sources.KEEP_SECONDS)
    return received


def token(plans, store, body, **headers):
    given = {"authorization": "Bearer t", "content-type": "application/json", **headers}
    return receive(plans["whole"], {"token": "t"}, store, given, body, NOW)


def test_a_webhook_becomes_an_event(plans, store):
    received = send(plans, store, CHARGE)
    assert received.id == "evt_1"
    event = received.event
    assert (event.name, event.environment, event.source) == ("paid", "live", "source:payments")
    assert event.payload == {"id": "ch_1", "amount": 500}
    assert event.idempotency_key == "source:payments:evt_1"
    assert event.time == "2023-11-14T22:13:20Z"


def test_what_its_condition_does_not_hold_for_raises_nothing(plans, store):
    assert send(plans, store, {**CHARGE, "type": "charge.failed"}).nothing == "condition"
    assert store.rows("SELECT * FROM seen") == []


def test_the_same_id_raises_nothing_again_also_when_it_is_signed_anew(plans, store):
    assert send(plans, store, CHARGE).event is not None
    assert send(plans, store, CHARGE, now=NOW + 3600).nothing == "duplicate"
    assert send(plans, store, {**CHARGE, "id": "evt_2"}).event is not None


def test_a_wrong_signature_is_refused_before_anything_is_read(plans, store):
    with pytest.raises(SignatureRefused):
        send(plans, store, b"not even JSON", headers=stripe(b"something else"))
    assert store.rows("SELECT * FROM seen") == []


def test_a_request_without_id_is_told_by_its_signature(plans, store):
    body = {key: value for key, value in CHARGE.items() if key != "id"}
    assert send(plans, store, body).event is not None
    assert send(plans, store, body).nothing == "duplicate"
    assert send(plans, store, body, now=NOW + 1).event is not None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({**CHARGE, "data": {}}, "has no value for id"),
        ({**CHARGE, "data": {"object": {"id": "ch_1"}}}, "has no value for amount"),
        (b'{"type": ', "not JSON"),
        (b"[1]", "a list, not a JSON object"),
        (b"[" * 100_000, "nested more than"),
        ({**CHARGE, "id": "evt\0"}, "control character U"),
    ],
)
def test_what_makes_no_payload_says_why(plans, store, body, message):
    with pytest.raises(PayloadError, match=message) as raised:
        send(plans, store, body)
    assert raised.value.next_step or "JSON" in message
    assert store.rows("SELECT * FROM seen") == []


def test_without_values_the_body_is_the_payload(plans, store):
    received = token(plans, store, b'{"id": "a", "amount": 5}', **{"x-id": "r1"})
    assert received.event.payload == {"id": "a", "amount": 5}
    assert received.event.idempotency_key == "source:whole:r1"
    assert token(plans, store, b'{"id": "b", "amount": 5}', **{"x-id": "r1"}).nothing == "duplicate"
    assert token(plans, store, b'{"id": "a", "amount": 5}').event.idempotency_key is None


def test_a_forms_fields_become_what_the_model_wants(plans, store):
    form = urlencode({"id": "007", "amount": "5", "note": ""}).encode()
    event = token(plans, store, form, **{"content-type": "application/x-www-form-urlencoded; charset=utf-8"}).event
    assert event.payload == {"id": "007", "amount": 5, "note": ""}


def test_githubs_form_carries_json(plans, store):
    form = urlencode({"payload": '{"id": 42}'}).encode()
    headers = {
        "x-hub-signature-256": f"sha256={digest(b's', form).hex()}",
        "x-github-delivery": "d1",
        "x-github-event": "push",
        "content-type": "application/x-www-form-urlencoded",
    }
    received = receive(plans["repository"], {"secret": "s"}, store, headers, form, NOW)
    assert received.event.payload == {"id": "push 42", "amount": 1}
    assert receive(plans["repository"], {"secret": "s"}, store, headers, form, NOW).nothing == "duplicate"


def slack(plans, store, body, kind="application/json", now=NOW):
    signature = digest(b"s", f"v0:{now}:".encode() + body).hex()
    headers = {"x-slack-signature": f"v0={signature}", "x-slack-request-timestamp": str(now), "content-type": kind}
    return receive(plans["chat"], {"secret": "s"}, store, headers, body, now)


def test_slacks_challenge_is_answered_and_raises_nothing(plans, store):
    received = slack(plans, store, b'{"type": "url_verification", "challenge": "3eZbrw1a"}')
    assert received.answer == {"challenge": "3eZbrw1a"}
    assert received.event is None


def test_slacks_commands_and_interactions(plans, store):
    form = "application/x-www-form-urlencoded"
    command = urlencode({"user_id": "U1", "text": "12", "trigger_id": "1.2"}).encode()
    received = slack(plans, store, command, form)
    assert (received.event.payload, received.id) == ({"id": "U1", "amount": 12}, "1.2")
    interaction = urlencode({"payload": '{"user_id": "U2", "trigger_id": "1.3"}'}).encode()
    assert slack(plans, store, interaction, form).event.payload == {"id": "U2", "amount": 0}
    event = b'{"event_id": "Ev1", "user_id": "U3"}'
    assert slack(plans, store, event).id == "Ev1"
    assert slack(plans, store, event, now=NOW + 60).nothing == "duplicate"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("5", "integer", 5),
        (" -5 ", "integer", -5),
        ("5.0", "integer", 5.0),
        ("1_000", "integer", "1_000"),
        ("\u0665", "integer", "\u0665"),
        ("five", "integer", "five"),
        ("", "integer", ""),
        ("1.50", "number", Decimal("1.50")),
        ("1e9999999", "number", "1e9999999"),
        ("nan", "number", "nan"),
        ("TRUE", "boolean", True),
        ("yes", "boolean", "yes"),
        ("007", "string", "007"),
    ],
)
def test_a_text_becomes_a_number_or_boolean_only_where_it_is_one(text, kind, value):
    found = as_kind(text, Kind(kind))
    assert (str(found), isinstance(found, str)) == (str(value), isinstance(value, str))


def test_unpacking_ends_at_the_limit():
    body = b'{"a": 1}'
    assert unpack(body, None, 100) == body
    assert unpack(gzip.compress(body), "gzip", 100) == body
    assert unpack(zlib.compress(body), "Deflate", 100) == body
    bomb = gzip.compress(bytes(100_000_000))
    assert len(bomb) < 200_000
    with pytest.raises(UnreadableBody) as raised:
        unpack(bomb, "gzip", 1_000_000)
    assert raised.value.status == 413


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (b"x" * 101, None, 413),
        (b"not gzip", "gzip", 400),
        (gzip.compress(b"{}", mtime=0)[:-1], "gzip", 400),
        (gzip.compress(b"{}", mtime=0) + b"more", "gzip", 400),
        (b"{}", "br", 415),
        (b"{}", "gzip, gzip", 415),
    ],
)
def test_what_cannot_be_unpacked_has_its_status(body, encoding, status):
    with pytest.raises(UnreadableBody) as raised:
        unpack(body, encoding, 100)
    assert raised.value.status == status
    assert raised.value.next_step


def test_content_types():
    assert read_body(b'{"a": 1}', "application/vnd.api+json; charset=utf-8") == {"a": 1}
    assert read_body(b'{"a": 1}', None) == {"a": 1}
    with pytest.raises(UnreadableBody) as raised:
        read_body(b"<a/>", "text/xml")
    assert raised.value.status == 415


def test_forms():
    assert read_form(b"a=1&b=2&a=3&c=") == {"a": ["1", "3"], "b": "2", "c": ""}
    assert read_form(b"") == {}
    for odd in (b"a", b"%ff=1", "é=1".encode(), b"&".join(b"a=1" for _ in range(1001))):
        with pytest.raises(UnreadableBody) as raised:
            read_form(odd)
        assert raised.value.status == 400
