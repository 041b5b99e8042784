"""Events as they come in over HTTP: CloudEvents 1.0 in its three modes, or a plain JSON payload.

HTTP protocol binding, section 3: *binary* has the attributes as `ce-` headers and the payload as body, *structured* is
one `application/cloudevents+json` document, *batched* a list of them as `application/cloudevents-batch+json`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from eventwire.errors import PayloadError, did_you_mean
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.language.payloads import LIMIT_DEPTH, describe_type, read_json, read_payload
from eventwire.server.bodies import LIMIT_BYTES, UnreadableBody, is_json, media_type
from eventwire.server.problems import Refusal

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
MOST_IN_BATCH = 1000
LONGEST_ATTRIBUTE = 1024
CONTEXT = ("specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema")
"""The attributes that CloudEvents defines; every other one is an extension."""

_ATTRIBUTE = lazy_pattern(r"[a-z0-9]{1,60}")
_CONTROL = lazy_pattern(r"[\x00-\x1f\x7f-\x9f]")  # CloudEvents 1.0.2, "Type System"
_TIME = lazy_pattern(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
Violations = list[tuple[str, str]]


class IncomingEvent(Struct, frozen=True):
    """An event as it was sent."""

    payload: Mapping[str, Any]
    type: str | None = None
    """What the sender calls it; None for a plain payload, which its address names."""
    id: str | None = None
    source: str | None = None
    time: str | None = None
    """When it happened, RFC 3339."""
    subject: str | None = None
    extensions: Mapping[str, Any] = {}
    """The attributes that CloudEvents does not define: `actions`, `traceparent` …"""

    payload_text: str | None = None
    """The payload as JSON text, where it is known."""

    @property
    def key(self) -> str | None:
        """What two sendings of the same event have in common (CloudEvents 1.0, `id`); None for a plain payload."""
        return f"{self.source} {self.id}" if self.id is not None else None


def read_events(headers: Mapping[str, str], body: bytes, limit_bytes: int = LIMIT_BYTES) -> list[IncomingEvent]:
    """The events of a request: one, or those of a batch. `headers` has names in lower case.

    Raises Refusal listing every violation, UnreadableBody, PayloadError where something is no JSON.
    """
    kind = media_type(headers.get("content-type"))
    if kind == BATCHED:
        return read_batch(body, limit_bytes)
    if kind == STRUCTURED:
        return [read_structured(read_payload(body, limit_bytes=limit_bytes), "")]
    if kind.startswith("application/cloudevents"):
        raise UnreadableBody(415, f"The event format {kind[:60]} is not known here.", f"Send {STRUCTURED}.")
    if "ce-specversion" in headers:
        return [read_binary(headers, body, kind, limit_bytes)]
    return [IncomingEvent(read_data(body, kind, limit_bytes))]


def read_batch(body: bytes, limit_bytes: int) -> list[IncomingEvent]:
    """The events of a batch, all or none. Raises Refusal with every violation of every event."""
    batch = read_json(body, limit_bytes=limit_bytes, depth=LIMIT_DEPTH + 1)
    if not isinstance(batch, list):
        raise Refusal(
            "bad-request",
            f"A batch is a list of events, not {describe_type(batch)}.",
            next_step=f"Send a single event as {STRUCTURED}.",
        )
    if len(batch) > MOST_IN_BATCH:
        raise Refusal(
            "bad-request",
            f"The batch has {len(batch):,} events; {MOST_IN_BATCH:,} is the most.",
            next_step="Send several.",
        )
    events: list[IncomingEvent] = []
    violations: Violations = []
    for position, document in enumerate(batch):
        try:
            events.append(read_structured(document, f"[{position}]"))
        except Refusal as refusal:
            violations += refusal.violations
    if violations:
        raise no_cloud_event(violations)
    return events


def read_structured(document: Any, at: str) -> IncomingEvent:
    """The event of a structured document. Raises Refusal."""
    if not isinstance(document, dict):
        raise no_cloud_event([(at, f"is {describe_type(document)}, not an object")])
    attributes = {name: value for name, value in document.items() if name not in ("data", "data_base64")}
    violations = check_attributes(attributes, at)
    payload = {}
    try:
        payload = data_of(document)
    except PayloadError as error:
        violations.append((join(at, "data_base64" if "data_base64" in document else "data"), error.message))
    if violations:
        raise no_cloud_event(violations)
    return event_of(attributes, payload)


def data_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """The payload of a structured document. Raises PayloadError."""
    if "data" in document and "data_base64" in document:
        raise PayloadError("is there beside data, and only one of the two may be")
    if "data_base64" in document:
        return data_of_base64(document["data_base64"])
    data = document.get("data", {})
    kind = document.get("datacontenttype")
    if isinstance(kind, str) and kind and not is_json(media_type(kind)):
        raise PayloadError("is not JSON, as datacontenttype says, and a payload is")
    if not isinstance(data, dict):
        raise PayloadError(f"is {describe_type(data)}, and a payload is an object")
    return data


def data_of_base64(text: Any) -> dict[str, Any]:
    """The payload of base 64. Raises PayloadError."""
    try:
        return read_payload(base64.b64decode(text, validate=True))
    except (binascii.Error, TypeError, ValueError) as error:
        raise PayloadError("is not base 64") from error


def read_binary(headers: Mapping[str, str], body: bytes, kind: str, limit_bytes: int) -> IncomingEvent:
    """The event of `ce-` headers and a body. Raises Refusal, UnreadableBody, PayloadError."""
    attributes: dict[str, Any] = {}
    violations: Violations = []
    for name, value in headers.items():
        if name.startswith("ce-"):
            try:
                attributes[name[3:]] = decode_header(value)
            except ValueError:
                violations.append((name, "is not percent-encoded UTF-8"))
    violations += [(f"ce-{path}", sentence) for path, sentence in check_attributes(attributes, "")]
    if violations:
        raise no_cloud_event(violations)
    # an event need not have data, and then there is neither a body nor its type
    return event_of(attributes, read_data(body, kind, limit_bytes) if body or kind else {})


def decode_header(value: str) -> str:
    """A header's value as text (HTTP protocol binding, section 3.1.3.2). Raises ValueError."""
    text = value.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return unquote_to_bytes(text.encode("latin-1")).decode()


def read_data(body: bytes, kind: str, limit_bytes: int) -> dict[str, Any]:
    """A body as payload. Raises UnreadableBody, PayloadError."""
    if kind and not is_json(kind):
        raise UnreadableBody(
            415, f"The content type {kind[:60]} is not known here.", f"Send application/json, or {STRUCTURED}."
        )
    return read_payload(body, limit_bytes=limit_bytes)


def check_attributes(attributes: Mapping[str, Any], at: str) -> Violations:
    """Everything that is wrong with an event's attributes, each with its path."""
    violations: Violations = []
    for name in ("specversion", "id", "source", "type"):
        if attributes.get(name) in (None, ""):
            violations.append((join(at, name), "is missing"))
    for name, value in attributes.items():
        if value is None or (name in ("specversion", "id", "source", "type") and value == ""):
            continue
        sentence = attribute_problem(name, value)
        if sentence:
            violations.append((join(at, name), sentence))
    return violations


def attribute_problem(name: str, value: Any) -> str | None:
    """What is wrong with one attribute, as the end of a sentence, or None."""
    if name not in CONTEXT and not _ATTRIBUTE.fullmatch(name):
        return "is no attribute's name: those are lower-case letters and digits"
    if name in CONTEXT and not isinstance(value, str):
        return f"is {describe_type(value)}, and has to be text"
    if isinstance(value, str) and len(value) > LONGEST_ATTRIBUTE and name in CONTEXT:
        return f"has {len(value):,} characters; {LONGEST_ATTRIBUTE:,} is the most"
    if isinstance(value, str) and (control := _CONTROL.search(value)):
        return f"holds the control character U+{ord(control[0]):04X}"
    check = CHECKS.get(name)
    return check(value) if check else None


def specversion_problem(value: str) -> str | None:
    """What is wrong with a version, or None."""
    return None if value == "1.0" else f'is "{value[:20]}", and 1.0 is the version known here'


def time_problem(value: str) -> str | None:
    """What is wrong with a time, or None."""
    from eventwire.language.dates import read_instant

    if _TIME.fullmatch(value) and read_instant(value) is not None:
        return None
    return "is no time of RFC 3339, such as 2026-01-02T03:04:05Z"


def source_problem(value: str) -> str | None:
    """What is wrong with a source, or None."""
    return "holds white space, and a URI reference does not" if any(char.isspace() for char in value) else None


CHECKS: Mapping[str, Callable[[str], str | None]] = {
    "specversion": specversion_problem,
    "time": time_problem,
    "source": source_problem,
}


def event_of(attributes: Mapping[str, Any], payload: Mapping[str, Any]) -> IncomingEvent:
    """The event of attributes that were checked."""
    extensions = {name: value for name, value in attributes.items() if name not in CONTEXT and value is not None}
    own = {name: attributes.get(name) for name in ("type", "id", "source", "time", "subject")}
    return IncomingEvent(payload, **own, extensions=extensions)


def no_cloud_event(violations: Violations) -> Refusal:
    """The refusal of what is no CloudEvent, with everything that is wrong with it."""
    return Refusal(
        "bad-request",
        "The request is no CloudEvent of version 1.0.",
        next_step="See https://cloudevents.io for the attributes that it needs.",
        violations=violations,
    )


def names_of(events: Sequence[IncomingEvent], known: Collection[str], expected: str | None = None) -> list[str]:
    """The project's event that each type means. Raises Refusal, naming every one that means none, or another than the one that
    the address says (`expected`).
    """
    names: list[str] = []
    refusals: list[tuple[int, Refusal]] = []
    for position, event in enumerate(events):
        try:
            names.append(name_of(event, known, expected))
        except Refusal as refusal:
            refusals.append((position, refusal))
    if not refusals:
        return names
    _, first = refusals[0]
    if len(events) == 1:
        raise first
    violations = [(f"[{position}].type", each.message) for position, each in refusals]
    raise Refusal(first.code, first.message, next_step=first.next_step, violations=violations)


def name_of(event: IncomingEvent, known: Collection[str], expected: str | None = None) -> str:
    """The project's event that a CloudEvent's type means: its name, also behind a domain (`com.shop.order-paid`); of a plain
    payload, the one that its address says. Raises Refusal where there is none, or where it is another than the expected one.
    """
    kind = event.type
    if kind is None and expected is not None:
        return expected
    if kind is None:
        raise Refusal(
            "bad-request",
            "A plain payload does not say which event it is.",
            next_step="Send it to /events/NAME, or as a CloudEvent with a type.",
        )
    found = next((name for name in (kind, kind.rpartition(".")[2]) if name in known), None)
    if found is None:
        hint = did_you_mean(kind.rpartition(".")[2], known)
        raise Refusal(
            "not-found", f'There is no event "{kind[:100]}".', next_step=hint or "See the events with: eventwire list"
        )
    if expected is not None and found != expected:
        raise Refusal(
            "bad-request",
            f"The event's type is {kind}, and it was sent to /events/{expected}.",
            next_step="Send it to /events, or to the address of its own name.",
        )
    return found


def join(at: str, name: str) -> str:
    """The path of an attribute."""
    return f"{at}.{name}" if at else name
