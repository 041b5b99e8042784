"""OpenAPI 3.1: the project's event API as a document, each event's model as a schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eventwire import __version__
from eventwire.project.buttons import BUTTON_STYLES, LONGEST_BUTTON_TEXT, LONGEST_EXPIRY_MINUTES
from eventwire.project.model import DEFAULT_EXPIRY_MINUTES
from eventwire.project.samples import read_sample
from eventwire.project.sources import KINDS
from eventwire.server.bodies import FORM
from eventwire.server.cloud_events import BATCHED, MOST_IN_BATCH, STRUCTURED
from eventwire.server.log_body import (
    LONGEST_CATEGORY,
    LONGEST_CONTEXT,
    LONGEST_KEY,
    LONGEST_NAME,
    MOST_ACTIONS,
    TYPES,
)
from eventwire.server.problems import MEDIA_TYPE, problem_schema
from eventwire.server.request_headers import LONGEST_KEY as LONGEST_IDEMPOTENCY_KEY

if TYPE_CHECKING:
    from eventwire.project.model import Event, Project, Source

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WARNING: Schema = {"type": "string", "description": "That nothing could ever come of the event, and why."}
PROBLEMS: Mapping[int, str] = {
    400: "The request is not understood.",
    401: "The key or signature does not count.",
    404: "There is no such thing.",
    413: "The body is too large.",
    415: "The content type or encoding is not known.",
    422: "The payload does not fit the event's model, or the idempotency key was used with another payload.",
    429: "There are too many requests; Retry-After says when to try again.",
    431: "The headers are too large.",
    503: "It cannot be taken at this moment.",
}
ACCEPTING = (400, 401, 404, 413, 415, 422, 429, 431, 503)
ATTRIBUTES = ("specversion", "id", "source", "type", "time")
"""Of CloudEvents: in the binary mode each is a header. Further ones, and extensions, may be there too."""


def openapi(project: Project, server: str | None = None, *, samples: bool = True) -> Schema:
    """The document. `server` is the address that it is served at; `samples` puts the sample payloads into it."""
    paths: Schema = {
        "/events": {"post": any_event(project)},
        **{f"/events/{each.name}": {"post": one_event(project, each, samples)} for each in project.events.values()},
        "/runs/{id}": {"get": one_run()},
        "/api/v1/log": {"post": log("log")},
        "/api/v1/ingest": {"post": log("ingest")},
        **{
            f"/sources/{each.name}": {"post": webhook(each)}
            for each in project.sources.values()
            if KINDS[each.kind].is_webhook
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": project.name,
            "version": __version__,
            "description": "Events in: each runs through its filters and actions.",
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        **({"servers": [{"url": server}]} if server else {}),
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": key_scheme()},
            "parameters": parameters(),
            "responses": {str(status): problem_response(text) for status, text in PROBLEMS.items()},
            "schemas": schemas(project),
        },
    }


def key_scheme() -> Schema:
    """How a request says whose it is."""
    description = "A key of `eventwire add:key`. Whether it is a test or a live key decides where the event runs."
    return {"type": "http", "scheme": "bearer", "description": description}


def parameters() -> Schema:
    """The headers that every way of sending an event knows."""
    return {
        "Prefer": {
            "name": "Prefer",
            "in": "header",
            "description": "`respond-async` answers at once, with 202 and the run's address (RFC 7240).",
            "schema": TEXT,
            "example": "respond-async",
        },
        "Idempotency-Key": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "The same key gives the first run's result, and runs nothing again.",
            "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_IDEMPOTENCY_KEY},
        },
        **{f"ce-{name}": ce_header(name) for name in ATTRIBUTES},
        "run": {"name": "id", "in": "path", "required": True, "description": "The run's id.", "schema": TEXT},
    }


def ce_header(name: str) -> Schema:
    """An attribute of a CloudEvent, as a header of its binary mode."""
    description = "Of a CloudEvent in its binary mode, whose payload is the body; left out otherwise."
    schema = {"const": "1.0"} if name == "specversion" else {"type": "string", "minLength": 1}
    return {"name": f"ce-{name}", "in": "header", "description": description, "schema": schema}


def schemas(project: Project) -> Schema:
    """The models of the events, and everything else that is sent and answered."""
    models = {name: model_schema(event) for name, event in project.events.items()}
    return {
        **models,
        "CloudEvent": cloud_event(),
        "Run": run_schema(),
        "Accepted": accepted_schema(),
        "Raised": raised_schema(),
        "Passed": passed_schema(),
        "LogEntry": log_schema(),
        "Problem": problem_schema(),
    }


def model_schema(event: Event) -> Schema:
    """An event's model, as it stands in `components/schemas`; its references to its own parts lead there."""
    at = f"#/components/schemas/{event.name}"
    schema: Schema = {
        key: value for key, value in moved(event.model.schema, at).items() if key not in ("$schema", "$id")
    }
    if event.description:
        schema.setdefault("description", event.description)
    return schema


DATA = ("enum", "const", "default", "examples")
"""Keywords whose values are no schemas."""


def moved(node: Any, at: str) -> Any:
    """A part of a schema with its references from the schema's root (`#/$defs/…`) led to where the schema is by now."""
    if isinstance(node, list):
        return [moved(each, at) for each in node]
    if not isinstance(node, dict):
        return at + node[1:] if isinstance(node, str) and (node == "#" or node.startswith("#/")) else node
    return {
        key: value if key in DATA or (isinstance(value, str) and key != "$ref") else moved(value, at)
        for key, value in node.items()
    }


def one_event(project: Project, event: Event, samples: bool) -> Schema:
    """Sending one event, whose name the address says."""
    reference = {"$ref": f"#/components/schemas/{event.name}"}
    structured = {"allOf": [{"$ref": "#/components/schemas/CloudEvent"}, {"properties": {"data": reference}}]}
    batch = {"type": "array", "items": structured, "maxItems": MOST_IN_BATCH}
    sample = read_sample(project.folder, event.name) if samples else None
    plain: Schema = {"schema": reference} | ({"example": sample} if sample is not None else {})
    return {
        "operationId": f"send-{event.name}",
        "summary": event.description or f"Send {event.name}.",
        **({"tags": [event.group]} if event.group else {}),
        "parameters": header_parameters(),
        "requestBody": body(
            {"application/json": plain, STRUCTURED: {"schema": structured}, BATCHED: {"schema": batch}}
        ),
        "responses": accepting(),
    }


def any_event(project: Project) -> Schema:
    """Sending CloudEvents, whose type says which event each is."""
    one = {"$ref": "#/components/schemas/CloudEvent"}
    batch = {"type": "array", "items": one, "maxItems": MOST_IN_BATCH}
    data = {"schema": {"type": "object", "description": "The payload of a CloudEvent in its binary mode."}}
    names = ", ".join(project.events) or "none yet"
    return {
        "operationId": "send-cloud-events",
        "summary": "Send a CloudEvent, or a batch of them.",
        "description": f"`type` is the event's name, also behind a domain: {names}.",
        "parameters": header_parameters(),
        "requestBody": body({STRUCTURED: {"schema": one}, BATCHED: {"schema": batch}, "application/json": data}),
        "responses": accepting(),
    }


def one_run() -> Schema:
    """Reading what came of a run."""
    return {
        "operationId": "get-run",
        "summary": "Show a run.",
        "parameters": [{"$ref": "#/components/parameters/run"}],
        "responses": {
            "200": answer("The run as it is by now.", {"$ref": "#/components/schemas/Run"}),
            **problems(400, 401, 404, 429, 431, 503),
        },
    }


def log(name: str) -> Schema:
    """Sending an entry as Operational's senders do."""
    entry: Schema = {"schema": {"$ref": "#/components/schemas/LogEntry"}}
    text: Schema = {"schema": TEXT, "example": "🤖 server started"}
    return {
        "operationId": name,
        "summary": "Put an entry into the timeline, as Operational's senders do.",
        "parameters": [{"$ref": "#/components/parameters/Idempotency-Key"}],
        "requestBody": body({"application/json": entry, "text/plain": text}),
        "responses": {
            "201": answer("It is in the timeline.", {"$ref": "#/components/schemas/Accepted"}),
            **problems(400, 401, 413, 415, 422, 429, 431, 503),
        },
    }


def webhook(source: Source) -> Schema:
    """A webhook that comes in."""
    kind = KINDS[source.kind]
    return {
        "operationId": f"receive-{source.name}",
        "summary": f"Take a webhook of {kind.label}, which raises {source.event}.",
        "description": kind.summary,
        "security": [],
        "requestBody": body({kind: {"schema": {"type": "object"}} for kind in ("application/json", FORM)}),
        "responses": {
            "200": answer("It is genuine, and raises nothing.", {"$ref": "#/components/schemas/Passed"}),
            "202": answer("It is genuine, and its event is kept.", {"$ref": "#/components/schemas/Raised"}),
            **problems(*ACCEPTING),
        },
    }


def header_parameters() -> list[Schema]:
    """References to the headers."""
    names = ("Prefer", "Idempotency-Key", *(f"ce-{each}" for each in ATTRIBUTES))
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def body(content: Schema) -> Schema:
    """A request's body."""
    return {"required": True, "content": content}


def accepting() -> Schema:
    """The answers to an event, and to a batch of them."""
    location = {"headers": {"Location": {"description": "Where the run of one event can be read.", "schema": TEXT}}}
    return {
        "201": answer("It has run.", one_or_several("Run")) | location,
        "202": answer("It is kept, and runs.", one_or_several("Accepted")) | location,
        **problems(*ACCEPTING),
    }


def one_or_several(name: str) -> Schema:
    """A schema of the document, or a list of it for a batch."""
    one = {"$ref": f"#/components/schemas/{name}"}
    return {"oneOf": [one, {"type": "array", "items": one}]}


def answer(description: str, schema: Schema) -> Schema:
    """An answer of JSON."""
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def problems(*statuses: int) -> Schema:
    """References to the answers that say what is wrong."""
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}


def problem_response(description: str) -> Schema:
    """An answer that says what is wrong."""
    return {"description": description, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def cloud_event() -> Schema:
    """A CloudEvent in the structured mode."""
    needed = {"type": "string", "minLength": 1}
    return {
        "type": "object",
        "description": "A CloudEvent 1.0 (https://cloudevents.io).",
        "required": ["specversion", "id", "source", "type"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": needed,
            "source": {"type": "string", "format": "uri-reference", "minLength": 1},
            "type": needed,
            "time": {"type": "string", "format": "date-time"},
            "subject": needed,
            "datacontenttype": TEXT,
            "dataschema": {"type": "string", "format": "uri"},
            "data": {"type": "object"},
            "data_base64": {"type": "string", "contentEncoding": "base64"},
        },
    }


def run_schema() -> Schema:
    """A run, as `run --json` prints it."""
    number, some_text = {"type": "number"}, {"type": ["string", "null"]}
    statuses = ["planned", "started", "succeeded", "failed", "skipped", "unknown"]
    action = {
        "name": TEXT,
        "service_account": TEXT,
        "service": TEXT,
        "action": TEXT,
        "status": {"enum": statuses},
        "attempts": {"type": "integer"},
        "started_ms": {"type": ["number", "null"]},
        "duration_ms": {"type": ["number", "null"]},
        "request": {},
        "response": {},
        "error": {"type": ["object", "null"]},
    }
    each = {
        "name": TEXT,
        "where": some_text,
        "matched": {"type": "boolean"},
        "explanation": {"type": ["object", "null"]},
        "actions": {"type": "array", "items": {"type": "object", "properties": action}},
    }
    return {
        "type": "object",
        "description": "One event's passage through the pipeline. Requests have their secrets masked.",
        "required": ["id", "event", "environment", "status", "match", "filters"],
        "properties": {
            "id": TEXT,
            "event": TEXT,
            "environment": {"enum": ["test", "live"]},
            "status": {"enum": ["running", "succeeded", "partial", "failed"]},
            "match": {
                "type": "object",
                "properties": {"filters": {"type": "integer"}, "matched": {"type": "integer"}},
            },
            "duration_ms": {"type": ["number", "null"]},
            "slowest_ms": number,
            "overhead_ms": number,
            "warning": WARNING,
            "filters": {"type": "array", "items": {"type": "object", "properties": each}},
        },
    }


def accepted_schema() -> Schema:
    """What was taken, before anything came of it."""
    return {
        "type": "object",
        "required": ["id", "run"],
        "properties": {"id": TEXT, "run": {"type": "string", "format": "uri-reference"}, "warning": WARNING},
    }


def raised_schema() -> Schema:
    """What a webhook raised."""
    return {
        "type": "object",
        "required": ["raised", "id"],
        "properties": {"raised": TEXT, "id": {"type": "string", "description": "The run's id."}, "warning": WARNING},
    }


def passed_schema() -> Schema:
    """Why a webhook raised nothing; or what its provider asked for."""
    return {
        "type": "object",
        "properties": {
            "raised": {"type": "null"},
            "why": {
                "enum": ["condition", "duplicate"],
                "description": "Its condition does not hold, or it came before.",
            },
            "challenge": {"description": "Slack's, given back."},
        },
    }


def log_schema() -> Schema:
    """An entry as Operational's senders write it."""
    row = {
        "type": "object",
        "properties": {"type": {"enum": [each for each in TYPES if each != "rows"]}, "label": TEXT, "content": {}},
    }
    action = {
        "type": "object",
        "required": ["url", "buttonText"],
        "properties": {
            "url": {"type": "string", "format": "uri"},
            "buttonText": {"type": "string", "minLength": 1, "maxLength": LONGEST_BUTTON_TEXT},
            "key": {"type": "string", "maxLength": LONGEST_KEY, "description": "Needed unless it is external."},
            "external": {"type": "boolean", "default": False},
            "expireIn": {
                "type": "integer",
                "minimum": 1,
                "maximum": LONGEST_EXPIRY_MINUTES,
                "default": DEFAULT_EXPIRY_MINUTES,
                "description": "Minutes.",
            },
            "meta": {"type": ["string", "object", "null"]},
            "type": {"enum": list(BUTTON_STYLES)},
            "repeat": {"type": "boolean", "default": False},
        },
    }
    return {
        "type": "object",
        "description": "An entry for the timeline: it needs a name or a content.",
        "properties": {
            "name": {"type": "string", "maxLength": LONGEST_NAME},
            "avatar": {"type": "string", "description": "An emoji, or the address of an image."},
            "type": {"enum": list(TYPES), "default": "text"},
            "content": {"anyOf": [{"type": "array", "items": row}, {}]},
            "category": {"type": "string", "maxLength": LONGEST_CATEGORY},
            "notify": {"type": "boolean", "default": False},
            "test": {"type": "boolean", "default": False},
            "contextId": {"type": ["string", "integer"], "maxLength": LONGEST_CONTEXT},
            "contextStart": {"type": "boolean", "default": False},
            "actions": {"type": "array", "items": action, "maxItems": MOST_ACTIONS},
        },
    }


def check_server(address: str | None, flag: str = "--server") -> str | None:
    """An address that a document can name. Raises UsageError."""
    from urllib.parse import urlsplit

    from eventwire.errors import UsageError

    if address is None:
        return None
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            f'{flag} "{address}" is no address of a server.', next_step="For example: https://events.shop.example"
        )
    return address.rstrip("/")
