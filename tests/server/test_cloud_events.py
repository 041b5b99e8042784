"""CloudEvents over HTTP in three modes, problems, and what a request asks for by its headers."""

from __future__ import annotations

import base64
import json
from contextlib import suppress

import pytest
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from eventwire.errors import CredentialError, EventwireError, PayloadError
from eventwire.server.bodies import UnreadableBody
from eventwire.server.cloud_events import BATCHED, CONTEXT, STRUCTURED, name_of, names_of, read_events
from eventwire.server.keys import KeyRefused
from eventwire.server.problems import MEDIA_TYPE, Refusal, problem_of, problem_schema
from eventwire.server.request_headers import read_idempotency_key, read_preferences

EVENT = {"specversion": "1.0", "id": "A234", "source": "/shop", "type": "com.shop.order-paid", "data": {"id": 7}}


def structured(document, kind=STRUCTURED):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return read_events({"content-type": kind}, body)


def violations(call, *arguments):
    with pytest.raises(Refusal) as raised:
        call(*arguments)
    assert raised.value.next_step
    return dict(raised.value.violations)


def test_a_plain_payload():
    (event,) = read_events({"content-type": "application/json; charset=utf-8"}, b'{"id": 7}')
    assert (event.payload, event.type, event.key) == ({"id": 7}, None, None)


def test_structured():
    document = {**EVENT, "time": "2026-01-02T03:04:05.678Z", "subject": "7", "traceparent": "00-a", "retries": 3}
    (event,) = structured(document)
    assert (event.payload, event.type, event.id, event.source) == ({"id": 7}, "com.shop.order-paid", "A234", "/shop")
    assert (event.time, event.subject) == ("2026-01-02T03:04:05.678Z", "7")
    assert event.extensions == {"traceparent": "00-a", "retries": 3}
    assert event.key == "/shop A234"


def test_structured_with_base_64_and_without_data():
    packed = {key: value for key, value in EVENT.items() if key != "data"}
    assert structured({**packed, "data_base64": base64.b64encode(b'{"a": 1}').decode()})[0].payload == {"a": 1}
    assert structured(packed)[0].payload == {}


def test_binary():
    headers = {
        "content-type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": "A234",
        "ce-source": "/shop",
        "ce-type": "order-paid",
        "ce-subject": "Euro%20%E2%82%AC%20%F0%9F%98%80",
        "ce-actions": '"[]"',
    }
    (event,) = read_events(headers, b'{"id": 7}')
    assert (event.payload, event.subject, event.extensions) == ({"id": 7}, "Euro \u20ac \U0001f600", {"actions": "[]"})


def test_binary_without_data():
    headers = {"ce-specversion": "1.0", "ce-id": "A234", "ce-source": "/shop", "ce-type": "order-paid"}
    assert read_events(headers, b"")[0].payload == {}
    with pytest.raises(PayloadError, match="empty"):
        read_events({**headers, "content-type": "application/json"}, b"")


def test_batch():
    events = structured([EVENT, {**EVENT, "id": "A235", "data": {"id": 8}}], BATCHED)
    assert [event.payload["id"] for event in events] == [7, 8]
    assert structured([], BATCHED) == []


def test_a_batch_is_taken_whole_or_not_at_all_and_names_every_violation():
    found = violations(structured, [EVENT, {"id": "x"}, 5, {**EVENT, "data": [1]}], BATCHED)
    assert found == {
        "[1].specversion": "is missing",
        "[1].source": "is missing",
        "[1].type": "is missing",
        "[2]": "is an integer, not an object",
        "[3].data": "is a list, and a payload is an object",
    }
    with pytest.raises(Refusal, match="1,001 events"):
        structured([EVENT] * 1001, BATCHED)
    with pytest.raises(Refusal, match="is a list of events, not an object"):
        structured(EVENT, BATCHED)


@pytest.mark.parametrize(
    ("change", "path", "sentence"),
    [
        ({"specversion": "0.3"}, "specversion", 'is "0.3", and 1.0 is the version known here'),
        ({"id": ""}, "id", "is missing"),
        ({"id": None}, "id", "is missing"),
        ({"id": 5}, "id", "is an integer, and has to be text"),
        ({"source": "a b"}, "source", "holds white space, and a URI reference does not"),
        ({"type": "x" * 1025}, "type", "has 1,025 characters; 1,024 is the most"),
        ({"id": "a\x00b"}, "id", "holds the control character U+0000"),
        ({"time": "yesterday"}, "time", "is no time of RFC 3339, such as 2026-01-02T03:04:05Z"),
        ({"time": "2026-13-02T03:04:05Z"}, "time", "is no time of RFC 3339, such as 2026-01-02T03:04:05Z"),
        ({"Not-Allowed": "x"}, "Not-Allowed", "is no attribute's name: those are lower-case letters and digits"),
        ({"datacontenttype": "text/xml"}, "data", "is not JSON, as datacontenttype says, and a payload is"),
        ({"data": "text"}, "data", "is text, and a payload is an object"),
        ({"data": None}, "data", "is null, and a payload is an object"),
        ({"data_base64": "e30="}, "data_base64", "is there beside data, and only one of the two may be"),
    ],
)
def test_each_violation_has_its_path(change, path, sentence):
    assert violations(structured, {**EVENT, **change}) == {path: sentence}


def test_base_64_that_is_none():
    document = {key: value for key, value in EVENT.items() if key != "data"}
    for wrong in ("!", 5, None):
        assert violations(structured, {**document, "data_base64": wrong}) == {"data_base64": "is not base 64"}


def test_binary_headers_that_are_wrong():
    headers = {"ce-specversion": "1.0", "ce-id": "%ff", "ce-source": "/x"}
    found = violations(read_events, headers, b"{}")
    assert found["ce-id"] in ("is not percent-encoded UTF-8", "is missing")
    assert found["ce-type"] == "is missing"


@pytest.mark.parametrize(
    ("kind", "status"), [("application/cloudevents+avro", 415), ("text/xml", 415), ("multipart/form-data", 415)]
)
def test_other_content_types(kind, status):
    with pytest.raises(UnreadableBody) as raised:
        read_events({"content-type": kind}, b"{}")
    assert raised.value.status == status
    assert raised.value.next_step


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"\xff"])
def test_what_is_no_json(body):
    for kind in ("application/json", STRUCTURED):
        with pytest.raises(PayloadError):
            read_events({"content-type": kind}, body)


def test_what_cloudevents_own_sdk_sends_arrives():
    attributes = {"type": "order-paid", "source": "/shop", "id": "A1", "subject": "caf\u00e9 \u20ac", "compact": "yes"}
    event = CloudEvent(
        attributes={**attributes, "datacontenttype": "application/json"}, data={"id": 7, "name": "\u00e9"}
    )
    for to_http in (to_binary, to_structured):
        message = to_http(event, JSONFormat())
        headers = {name.lower(): value for name, value in message.headers.items()}
        body = message.body if isinstance(message.body, bytes) else message.body.encode()
        (read,) = read_events(headers, body)
        assert (read.id, read.source, read.type, read.subject) == ("A1", "/shop", "order-paid", "caf\u00e9 \u20ac")
        assert read.payload == {"id": 7, "name": "\u00e9"}
        assert read.extensions == {"compact": "yes"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = (*CONTEXT, "data", "data_base64", "actions")


@given(st.dictionaries(st.sampled_from(NAMES), JSON | st.sampled_from(["1.0", "/x", "application/json", "{}"])))
def test_any_document_is_an_event_or_is_refused(changes):
    for document, kind in (({**EVENT, **changes}, STRUCTURED), ([EVENT, {**EVENT, **changes}], BATCHED)):
        with suppress(EventwireError):
            structured(document, kind)


@given(st.dictionaries(st.sampled_from([f"ce-{name}" for name in NAMES]), st.text(st.characters(max_codepoint=255))))
def test_any_headers_are_an_events_or_are_refused(headers):
    given = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/x", "ce-type": "x", **headers}
    with suppress(EventwireError):
        read_events(given, b"{}")


def test_the_event_that_a_type_means():
    (event,) = structured(EVENT)
    assert name_of(event, ["order-paid", "other"]) == "order-paid"
    assert name_of(structured({**EVENT, "type": "other"})[0], ["order-paid", "other"]) == "other"
    with pytest.raises(Refusal) as raised:
        name_of(structured({**EVENT, "type": "order-payed"})[0], ["order-paid"])
    assert (raised.value.code, raised.value.next_step) == ("not-found", "Did you mean order-paid?")
    with pytest.raises(Refusal, match="does not say which event"):
        name_of(read_events({}, b"{}")[0], ["order-paid"])


def test_every_type_of_a_batch_that_means_no_event_is_named():
    kinds = ["order-payed", "order-paid", "com.shop.other", "nothing"]
    events = structured([{**EVENT, "type": each, "id": each} for each in kinds], BATCHED)
    known = ["order-paid", "other"]
    assert names_of(events[1:3], known) == ["order-paid", "other"]
    with pytest.raises(Refusal) as raised:
        names_of(events, known)
    assert (raised.value.code, raised.value.next_step) == ("not-found", "Did you mean order-paid?")
    assert dict(raised.value.violations) == {
        "[0].type": 'There is no event "order-payed".',
        "[3].type": 'There is no event "nothing".',
    }
    with pytest.raises(Refusal) as raised:
        names_of(events[1:], known, "order-paid")
    assert [path for path, _ in raised.value.violations] == ["[1].type", "[2].type"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (PayloadError("The payload is not JSON."), 400),
        (PayloadError("It does not fit.", violations=[("id", "is missing")]), 422),
        (UnreadableBody(413, "Too large.", "Less."), 413),
        (KeyRefused("expired", "It has expired.", "Make a new one."), 401),
        (CredentialError("It is missing."), 503),
        (Refusal("conflict", "Another payload has this key."), 409),
        (RuntimeError("password=hunter2"), 500),
    ],
)
def test_every_error_has_its_problem(error, status):
    import jsonschema_rs

    problem = problem_of(error, "/events/x")
    assert (problem.status, problem["status"], problem["instance"]) == (status, status, "/events/x")
    assert problem.headers["content-type"] == MEDIA_TYPE
    assert ("www-authenticate" in problem.headers) == (status == 401)
    assert "hunter2" not in problem.encode().decode()
    assert jsonschema_rs.Draft202012Validator(problem_schema()).is_valid(json.loads(problem.encode()))
    if getattr(error, "violations", None):
        assert problem["errors"] == [{"path": "id", "message": "is missing"}]


def test_headers_of_a_refusal_are_sent():
    problem = problem_of(Refusal("too-many-requests", "Too many.", headers={"retry-after": "3"}))
    assert (problem.status, problem.headers["retry-after"]) == (429, "3")


@pytest.mark.parametrize(
    ("values", "respond_async"),
    [
        ([], False),
        (["respond-async"], True),
        (["Respond-Async, wait=10"], True),
        (["return=minimal", "wait=5 , respond-async;x=y"], True),
        (['foo="a, respond-async"; bar="b\\"", handling=lenient'], False),
        (["wait=5"], False),
        (["respond-async=no"], False),
        ([",,, respond-async"], False),
        (["\x00", "\u20ac"], False),
    ],
)
def test_preferences(values, respond_async):
    found = read_preferences(values)
    assert (found.respond_async, found.applied) == (respond_async, "respond-async" if respond_async else None)


@pytest.mark.parametrize(
    ("values", "key"),
    [([], None), (["abc"], "abc"), (['"8e03978e-40d5"'], "8e03978e-40d5"), (['"a\\"b"'], 'a"b'), (["a b"], "a b"), (["x", "x"], "x")],
)  # fmt: skip
def test_idempotency_keys(values, key):
    assert read_idempotency_key(values) == key


@pytest.mark.parametrize("values", [[""], ['""'], ['"abc'], ["a" * 256], ["caf\u00e9"], ["a\tb"], ["a", "b"], ["\x7f"]])
def test_idempotency_keys_that_are_none(values):
    with pytest.raises(Refusal) as raised:
        read_idempotency_key(values)
    assert raised.value.code == "bad-request"
