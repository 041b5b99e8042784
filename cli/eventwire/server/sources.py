"""What comes in from a source becomes an event: verified, read, tested by its condition, mapped by its wildcards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from eventwire.errors import PayloadError
from eventwire.fields import Context, FieldType
from eventwire.language.conditions import compile_condition
from eventwire.language.contexts import MissingValue, TemplateError
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.language.models import Kind, Model
from eventwire.language.numbers import NumberTooLarge, read_decimal
from eventwire.language.wildcards import Template, parse_template
from eventwire.project.sources import KINDS, TIME, SourceKind
from eventwire.project.triggers import field_for
from eventwire.server.bodies import FORM, media_type, read_body, read_packed_json
from eventwire.server.signatures import Headers, verify

if TYPE_CHECKING:
    from eventwire.project.model import Project, Source
    from eventwire.server.store import Store

# Providers send again for days what was not taken: Stripe for three. An id is kept longer than any of them tries.
KEEP_SECONDS = 14 * 86_400.0

NUMBER = lazy_pattern(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
OWN_IDS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "stripe": lambda body: body.get("id"),
    "slack": lambda body: body.get("event_id") or body.get("trigger_id"),
}
"""Ids that a kind has in its body, which is signed."""


class RaisedEvent(Struct, frozen=True):
    """An event that a source raises."""

    name: str
    payload: Mapping[str, Any]
    environment: str
    source: str
    """Where it came from, for the journal: `source:payments`."""
    idempotency_key: str | None
    """The same for everything that comes in with the same id."""
    time: str
    """When it happened, ISO 8601 in UTC."""


class Received(Struct, frozen=True):
    """What became of a request. Exactly one of `event`, `answer` and `nothing` says so."""

    event: RaisedEvent | None = None
    answer: Mapping[str, Any] | None = None
    """What the provider wants to hear, where it asks rather than tells: Slack's challenge."""
    nothing: str | None = None
    """Why nothing was raised: `condition` (it does not hold) or `duplicate` (the id came before)."""
    id: str | None = None
    """What tells it from every other; to be noted with `Store.claim_id` once the event is accepted."""


class SourcePlan:
    """A source, compiled once."""

    def __init__(self, project: Project, source: Source) -> None:
        self.source = source
        self.kind: SourceKind = KINDS[source.kind]
        self.model: Model = project.events[source.event].model
        self._holds = compile_condition(source.condition, self.kind.inbound) if source.condition else None
        values = source.values if source.values is not None else ({} if self.kind.inbound is TIME else None)
        self._templates = (
            None if values is None else {name: self._template(name, each) for name, each in values.items()}
        )

    def raise_event(
        self, inbound: Mapping[str, Any], *, now: float, id: str | None = None, textual: bool = False
    ) -> RaisedEvent | None:
        """The event that comes of what came in; None where the source's condition does not hold.

        `inbound` has `body`, and `header` or `file`; `textual` says that its values are texts whatever they stand for
        (a form, a row of CSV). Raises PayloadError where no payload can be made of it.
        """
        time = datetime.fromtimestamp(now, UTC).isoformat().replace("+00:00", "Z")
        source = f"source:{self.source.name}"
        envelope = {
            "id": id or "",
            "name": self.source.event,
            "time": time,
            "source": source,
            "environment": self.source.environment,
        }
        if self._holds is not None and not self._holds(inbound, envelope):
            return None
        payload = self._payload(inbound, envelope)
        key = f"{source}:{id}" if id else None
        fitted = as_model_wants(payload, self.model) if textual else payload
        return RaisedEvent(self.source.event, fitted, self.source.environment, source, key, time)

    def _template(self, name: str, value: Any) -> Template:
        kind = field_for(self.model, name).type
        # whether a number is one is for the model to say, once a text has become one
        loose = kind in (FieldType.INTEGER, FieldType.NUMBER, FieldType.BOOLEAN)
        return parse_template(value, Context.VALUE, None if loose else kind)

    def _payload(self, inbound: Mapping[str, Any], envelope: Mapping[str, Any]) -> dict[str, Any]:
        if self._templates is None:
            body = inbound["body"]
            if not isinstance(body, dict):
                raise PayloadError(f'What came in by "{self.source.name}" is no JSON object.')
            return body
        payload: dict[str, Any] = {}
        for name, template in self._templates.items():
            try:
                payload[name] = template.render(inbound, envelope)
            except MissingValue as error:
                if not self._may_be_left_out(name, template):
                    raise self._unfit(name, error) from error
            except TemplateError as error:
                raise self._unfit(name, error) from error
        return payload

    def _may_be_left_out(self, name: str, template: Template) -> bool:
        declared = self.model.properties.get(name)
        return template.is_lone and (declared is None or declared.optional)

    def _unfit(self, name: str, error: TemplateError) -> PayloadError:
        return PayloadError(
            f'What came in by "{self.source.name}" has no value for {name}.',
            violations=[(name, error.message.removesuffix(" Nothing was sent."))],
            next_step=error.next_step,
        )


def as_model_wants(payload: Mapping[str, Any], model: Model) -> dict[str, Any]:
    """A payload of texts with the numbers and booleans that the model declares; an empty optional one is left out. A text
    that is none stays one, for the model to say so.
    """
    fitted: dict[str, Any] = {}
    for name, value in payload.items():
        declared = model.properties.get(name)
        if declared is not None and isinstance(value, str):
            if value == "" and declared.optional and declared.kind is not Kind.STRING:
                continue
            value = as_kind(value, declared.kind)
        fitted[name] = value
    return fitted


def as_kind(text: str, kind: Kind) -> Any:
    """A text as a number or boolean, where it is one."""
    stripped = text.strip()
    if kind is Kind.BOOLEAN and stripped.lower() in ("true", "false"):
        return stripped.lower() == "true"
    if kind not in (Kind.INTEGER, Kind.NUMBER) or not NUMBER.fullmatch(stripped):
        return text
    try:
        return int(stripped) if stripped.lstrip("+-").isdigit() else read_decimal(stripped)
    except (ValueError, NumberTooLarge):
        return text


def receive(
    plan: SourcePlan,
    secrets: Mapping[str, str],
    store: Store,
    headers: Headers,
    body: bytes,
    now: float,
) -> Received:
    """A webhook's request, from its bytes to the event that it raises.

    Raises SignatureRefused (401), UnreadableBody (its status), PayloadError (422), CredentialError. An id that came before
    raises nothing again.
    """
    verified = verify(plan.source, secrets, headers, body, now)
    content_type = headers.get("content-type")
    fields = read_body(body, content_type)
    textual = media_type(content_type) == FORM
    if textual and plan.kind.name in ("github", "slack") and "payload" in fields:
        fields, textual = read_packed_json(fields, "payload"), False
    if plan.kind.name == "slack" and fields.get("type") == "url_verification":
        return Received(answer={"challenge": fields.get("challenge")})
    id = id_of(plan.kind.name, fields) or verified.id
    if id is not None and "\0" in id:
        raise PayloadError("The event's id holds the control character U+0000.", next_step="Send it with another id.")
    inbound = {"body": fields, "header": dict(headers)}
    event = plan.raise_event(inbound, now=now, id=id, textual=textual)
    if event is None:
        return Received(nothing="condition")
    if id is not None and store.has_seen(plan.source.name, id, now, KEEP_SECONDS):
        return Received(nothing="duplicate")
    return Received(event=event, id=id)


def id_of(kind: str, body: Mapping[str, Any]) -> str | None:
    """The id in a body, where its kind has one."""
    found = OWN_IDS[kind](body) if kind in OWN_IDS else None
    return found if isinstance(found, str) and found else None
