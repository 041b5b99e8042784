"""The JSON Schema of eventwire.toml, for editors; services' parts come from their declarations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eventwire.fields import Context, Field, FieldType
from eventwire.project.buttons import BUTTON_STYLES, LONGEST_BUTTON_TEXT, LONGEST_EXPIRY_MINUTES
from eventwire.project.load import (
    LONGEST_RETENTION_DAYS,
    MOST_ATTEMPTS,
    MOST_CONCURRENT,
    MOST_PER_SECOND,
    RETRY_NUMBERS,
)
from eventwire.project.model import (
    DEFAULT_ATTEMPTS,
    DEFAULT_EXPIRY_MINUTES,
    DEFAULT_TIMEOUT_SECONDS,
    ENVIRONMENTS,
    NAME,
    OUTCOMES,
    Retry,
)
from eventwire.project.sources import KINDS as SOURCE_KINDS
from eventwire.project.sources import SourceKind
from eventwire.services.catalog import find_service, service_names
from eventwire.services.declare import Operation, Service

Schema = dict[str, Any]

JSON_TYPES: Mapping[FieldType, Schema] = {
    FieldType.STRING: {"type": "string"},
    FieldType.INTEGER: {"type": "integer"},
    FieldType.NUMBER: {"type": "number"},
    FieldType.BOOLEAN: {"type": "boolean"},
    FieldType.TABLE: {"type": "object"},
    FieldType.LIST: {"type": ["array", "string", "number"]},
    FieldType.ANY: {},
}
TEXT: Schema = {"type": "string"}


def project_schema() -> Schema:
    """The schema, JSON Schema 2020-12."""
    services = [find_service(name) for name in service_names()]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "eventwire project",
        "type": "object",
        "required": ["project"],
        "additionalProperties": False,
        "properties": {
            "project": project_table(),
            "service-accounts": named({"$ref": "#/$defs/account"}, "Where actions go, for test and for live."),
            "events": named({"$ref": "#/$defs/event"}, "What can happen, and what is done about it."),
            "sources": named({"$ref": "#/$defs/source"}, "What raises events from outside."),
        },
        "$defs": {
            "account": account_schema(services),
            "event": event_schema(),
            "filter": filter_schema(),
            "action": action_schema(services),
            "button": button_schema(),
            "source": source_schema(),
        },
    }


def project_table() -> Schema:
    """The project itself."""
    kept = described(whole_number(LONGEST_RETENTION_DAYS), "For how many days the journal keeps a run that is over.")
    return table({"name": described(name_schema(), "The project's name."), "retention-days": kept}, ["name"])


def account_schema(services: Sequence[Service]) -> Schema:
    """A service account: which settings it has depends on its service."""
    return {
        "type": "object",
        "required": ["service"],
        "properties": {
            "service": {"enum": [service.name for service in services]},
            "test": {},
            "live": {},
            "max-concurrent": described(
                whole_number(MOST_CONCURRENT), "How many deliveries may be on their way at once."
            ),
            "max-per-second": described(positive(MOST_PER_SECOND), "How many deliveries may begin in a second."),
        },
        "additionalProperties": False,
        "allOf": [
            {"if": {"properties": {"service": {"const": service.name}}}, "then": {"properties": sets_of(service)}}
            for service in services
        ],
    }


def sets_of(service: Service) -> Schema:
    """The settings of each environment."""
    settings = fields_schema([each for each in service.fields if not each.secret])
    return {environment: described(settings, f"{environment.title()} settings.") for environment in ("test", "live")}


def event_schema() -> Schema:
    """An event."""
    return table(
        {
            "description": described(TEXT, "What has happened when this event comes in."),
            "group": described(TEXT, "Events that belong together."),
            "display": table(dict.fromkeys(("avatar", "title", "category"), TEXT)),
            "model": described({"type": "object"}, "The payload's properties and their types."),
            "schema": described(TEXT, "A file of JSON Schema, instead of a model."),
            "filters": named({"$ref": "#/$defs/filter"}, "Conditions, each with its actions."),
            "buttons": named({"$ref": "#/$defs/button"}, "What people can set off."),
        }
    )


def filter_schema() -> Schema:
    """A filter."""
    where = described(TEXT, "When its actions run; on-event has no condition.")
    return table({"where": where, "actions": named({"$ref": "#/$defs/action"}, "What runs, in parallel.")})


def action_schema(services: Sequence[Service]) -> Schema:
    """An action: which fields it has depends on its service's operation, which the account's service decides."""
    operations: dict[str, list[Operation]] = {}
    for service in services:
        for operation in service.operations:
            operations.setdefault(operation.name, []).append(operation)
    return {
        "type": "object",
        "required": ["service-account", "action"],
        "properties": {
            "service-account": described(TEXT, "Through which service account."),
            "action": {"enum": sorted(operations)},
            "retry": retry_schema(),
            "timeout-seconds": {"type": "number", "exclusiveMinimum": 0, "default": DEFAULT_TIMEOUT_SECONDS},
            **{
                f"on-{outcome}": named({"type": "object"}, f"Events that its {outcome} raises, each with its payload.")
                for outcome in OUTCOMES
            },
        },
        "allOf": [
            {
                "if": {"properties": {"action": {"const": name}}},
                "then": {
                    "anyOf": [fields_schema(operation.fields, wildcards=True, closed=False) for operation in same]
                },
            }
            for name, same in sorted(operations.items())
        ],
    }


def retry_schema() -> Schema:
    """How often, how soon and for how long an action is attempted."""
    words = {
        "first-delay-seconds": "The longest wait before the second attempt; each wait is a random part of its longest.",
        "factor": "How many times longer each further wait may be.",
        "max-delay-seconds": "The longest that a wait may become.",
        "max-age-seconds": "How long after its run was accepted it may still be tried.",
    }
    attempts = whole_number(MOST_ATTEMPTS) | {"default": DEFAULT_ATTEMPTS}
    numbers = {
        name: described(
            (positive(most) | {"default": getattr(Retry(), name.replace("-", "_"))})
            | ({"minimum": 1} if name == "factor" else {}),
            words[name],
        )
        for name, most in RETRY_NUMBERS.items()
    }
    return table({"attempts": described(attempts, "How often it is tried in all; 1 never retries."), **numbers})


def button_schema() -> Schema:
    """A button."""
    minutes = whole_number(LONGEST_EXPIRY_MINUTES) | {"default": DEFAULT_EXPIRY_MINUTES}
    return table(
        {
            "text": {"type": "string", "maxLength": LONGEST_BUTTON_TEXT},
            "url": TEXT,
            "external": {"type": "boolean", "default": False},
            "expire-in-minutes": minutes,
            "meta": {},
            "style": {"enum": list(BUTTON_STYLES)},
        },
        ["text", "url"],
    )


def source_schema() -> Schema:
    """A source: which settings it has depends on its kind."""
    return {
        "type": "object",
        "required": ["kind", "event"],
        "properties": {"kind": {"enum": list(SOURCE_KINDS)}},
        "allOf": [
            {"if": {"properties": {"kind": {"const": kind.name}}}, "then": source_of_kind(kind)}
            for kind in SOURCE_KINDS.values()
        ],
    }


def source_of_kind(kind: SourceKind) -> Schema:
    """The keys of a source of one kind."""
    settings = fields_schema([each for each in kind.fields if not each.secret])
    own = {
        "kind": described(TEXT, kind.summary),
        "event": described(TEXT, "The event that it raises."),
        "environment": described({"enum": list(ENVIRONMENTS), "default": "test"}, "Where the event runs."),
        "values": described({"type": "object"}, "The event's payload, with wildcards such as {body.id}."),
        "where": described(TEXT, "Which of what comes in raises the event: a condition on body."),
    }
    return table(own | settings["properties"], settings.get("required", ()))


def fields_schema(fields: Sequence[Field], *, wildcards: bool = False, closed: bool = True) -> Schema:
    """Declared fields as an object's schema."""
    required = [each.name for each in fields if each.required and each.default is None and each.when is None]
    schema: Schema = {"type": "object", "properties": {each.name: field_schema(each, wildcards) for each in fields}}
    return schema | ({"required": required} if required else {}) | ({"additionalProperties": False} if closed else {})


def field_schema(field: Field, wildcards: bool) -> Schema:
    """One declared field; where it may hold wildcards, text is allowed in place of any type."""
    schema: Schema = {"enum": list(field.choices)} if field.choices else dict(JSON_TYPES[field.type])
    if wildcards and field.context is not Context.LITERAL and schema.get("type") not in (None, "string"):
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        schema["type"] = sorted({*kinds, "string"})
    notes = {
        "description": " ".join(part for part in (f"{field.label}.", field.help) if part),
        "default": field.default,
    }
    bounds = {"minimum": field.minimum, "maximum": field.maximum}
    return schema | {key: value for key, value in (notes | bounds).items() if value is not None}


def whole_number(most: int) -> Schema:
    """An integer from 1 on."""
    return {"type": "integer", "minimum": 1, "maximum": most}


def positive(most: float) -> Schema:
    """A number above 0."""
    return {"type": "number", "exclusiveMinimum": 0, "maximum": most}


def table(properties: Schema, required: Sequence[str] = ()) -> Schema:
    """A table with these keys and no others."""
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": list(required)} if required else {})


def named(inner: Schema, description: str) -> Schema:
    """A table of named tables."""
    return {
        "type": "object",
        "description": description,
        "propertyNames": name_schema(),
        "additionalProperties": inner,
    }


def name_schema() -> Schema:
    """A name."""
    return {"type": "string", "pattern": f"^{NAME.pattern}$"}


def described(schema: Schema, description: str) -> Schema:
    """A schema with a description."""
    return schema | {"description": description}
