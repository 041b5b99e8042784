"""AsyncAPI 3: the project's events as channels: those that are sent to it, and those that its actions raise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from eventwire import __version__
from eventwire.project.samples import read_sample
from eventwire.server.openapi import model_schema

if TYPE_CHECKING:
    from eventwire.project.model import Event, Project

Schema = dict[str, Any]
BINDING = "0.3.0"


def asyncapi(project: Project, server: str | None = None, *, samples: bool = True) -> Schema:
    """The document. `server` is the address that events are sent to; `samples` puts the sample payloads into it."""
    events = project.events.values()
    raised = raised_by(project)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": project.name,
            "version": __version__,
            "description": "Events in: each runs through its filters and actions.",
        },
        "defaultContentType": "application/json",
        **({"servers": {"eventwire": server_of(server)}} if server else {}),
        "channels": {each.name: channel(each) for each in events},
        "operations": {
            **{f"receive-{each.name}": receiving(each) for each in events},
            **{f"raise-{name}": raising(name, causes) for name, causes in raised.items()},
        },
        "components": {
            "messages": {each.name: message(project, each, samples) for each in events},
            "schemas": {each.name: model_schema(each) for each in events},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def server_of(address: str) -> Schema:
    """The server at an address."""
    parts = urlsplit(address)
    path = {"pathname": parts.path} if parts.path.strip("/") else {}
    security = [{"$ref": "#/components/securitySchemes/key"}]
    return {"host": parts.netloc, "protocol": parts.scheme, **path, "security": security}


def channel(event: Event) -> Schema:
    """Where an event comes in."""
    return {
        "address": f"/events/{event.name}",
        **({"description": event.description} if event.description else {}),
        **({"tags": [{"name": event.group}]} if event.group else {}),
        "messages": {event.name: {"$ref": f"#/components/messages/{event.name}"}},
    }


def message(project: Project, event: Event, samples: bool) -> Schema:
    """An event as it is sent."""
    sample = read_sample(project.folder, event.name) if samples else None
    return {
        "name": event.name,
        **({"summary": event.description} if event.description else {}),
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{event.name}"},
        **({"examples": [{"name": "sample", "payload": sample}]} if sample is not None else {}),
    }


def receiving(event: Event) -> Schema:
    """That an event is taken."""
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{event.name}"},
        "messages": [{"$ref": f"#/channels/{event.name}/messages/{event.name}"}],
        "bindings": {"http": {"method": "POST", "bindingVersion": BINDING}},
    }


def raising(name: str, causes: list[str]) -> Schema:
    """That the outcome of an action, or a source, raises an event."""
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
        "description": f"Raised by {', '.join(causes)}.",
    }


def raised_by(project: Project) -> dict[str, list[str]]:
    """What raises each event that something raises."""
    found: dict[str, list[str]] = {}
    for action in project.actions():
        for each in action.triggers:
            cause = f"{each.outcome} of {action.event}, {action.filter}/{action.name}"
            found.setdefault(each.event, []).append(cause)
    for source in project.sources.values():
        found.setdefault(source.event, []).append(f"the source {source.name} ({source.kind})")
    return found
