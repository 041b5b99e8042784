"""`eventwire services`: the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from eventwire.services.catalog import find_service, service_names
from eventwire.terminal import completion
from eventwire.terminal.operations import find_operation
from eventwire.terminal.options import command
from eventwire.terminal.tables import draw_table, wrap

if TYPE_CHECKING:
    from eventwire.fields import Field
    from eventwire.services.declare import Operation, Service
    from eventwire.terminal.session import Session


@command
@click.argument("service", required=False, shell_complete=completion.services)
@click.argument("action", required=False, shell_complete=completion.operations)
def services(session: Session, service: str | None, action: str | None) -> None:
    """Without an argument all services; with one its account's fields and its actions; with two an action's fields."""
    if service is None:
        session.result({"services": [describe(find_service(name)) for name in service_names()]}, draw_all(session))
        return
    found = find_service(service)
    if action is None:
        session.result(describe(found), draw_service(session, found))
        return
    operation = find_operation(found, action)
    session.result(describe_operation(operation), draw_operation(session, found, operation))


def describe(service: Service) -> dict[str, Any]:
    """A service as data."""
    return {
        "name": service.name,
        "label": service.label,
        "summary": service.summary,
        "extra": service.extra,
        "documentation": service.documentation,
        "fields": [describe_field(each) for each in service.fields],
        "actions": [describe_operation(each) for each in service.operations],
    }


def describe_operation(operation: Operation) -> dict[str, Any]:
    """An operation as data."""
    return {
        "name": operation.name,
        "summary": operation.summary,
        "fields": [describe_field(each) for each in operation.fields],
        "example": operation.example,
    }


def describe_field(field: Field) -> dict[str, Any]:
    """A field as data."""
    return {
        "name": field.name,
        "label": field.label,
        "type": field.type,
        "required": field.required,
        "secret": field.secret,
        "default": field.default,
        "choices": list(field.choices),
        "example": field.example,
        "help": field.help,
    }


def draw_all(session: Session) -> str:
    """All services, a line each."""
    found = [find_service(name) for name in service_names()]
    table = draw_table(
        session, ("Service", "", "What it does"), [(each.name, each.label, each.summary) for each in found]
    )
    return f"{table}\n\nMore about one: eventwire services SERVICE"


def draw_service(session: Session, service: Service) -> str:
    """A service's account and actions."""
    install = f"\nInstall: pip install 'eventwire[{service.extra}]'" if service.extra else ""
    parts = [
        f"{titled(session, service.label, service.summary)}{install}\n{service.documentation}",
        draw_fields(session, "Account", service.fields) if service.fields else "Its accounts need nothing.",
        draw_table(session, ("Action", "What it does"), [(each.name, each.summary) for each in service.operations]),
        f"More about one: eventwire services {service.name} ACTION",
    ]
    return "\n\n".join(parts)


def titled(session: Session, title: str, summary: str) -> str:
    """A title with a summary, as wide as the terminal."""
    first, *more = wrap(f"{title}: {summary}", session.width)
    return "\n".join([first.replace(title, session.style(title, "bold"), 1), *more])


def draw_operation(session: Session, service: Service, operation: Operation) -> str:
    """An operation's fields, and a configuration that works."""
    title = titled(session, f"{service.label} {operation.name}", operation.summary)
    parts = [title, draw_fields(session, "Field", operation.fields)]
    if operation.example:
        from eventwire.project.written import toml_lines

        parts.append("\n".join(["For example:", *(f"  {line}" for line in toml_lines(operation.example))]))
    return "\n\n".join(parts)


def draw_fields(session: Session, title: str, fields: tuple[Field, ...]) -> str:
    """Fields, a row each."""
    return draw_table(
        session, (title, "Type", "What it is"), [(each.name, type_of(each), meaning(each)) for each in fields]
    )


def type_of(field: Field) -> str:
    """A field's type, and whether it has to be given."""
    kind = "secret" if field.secret else str(field.type)
    return f"{kind}, required" if field.required and field.default is None else kind


def meaning(field: Field) -> str:
    """What a field is, with its choices, default and example."""
    notes = [field.label + "." if not field.label.endswith((".", "?")) else field.label, field.help]
    notes += [f"One of: {', '.join(field.choices)}."] if field.choices else []
    notes += [f"Default: {field.default}."] if field.default is not None else []
    notes += [f"Only where {field.condition}."] if field.when else []
    return " ".join(note for note in notes if note)
