"""ReactiveHub's actions as eventwire's.

An action is written only where the project's own rules accept it as it stands: its fields, its wildcards, their types.
All others are refused with the reason, and are kept as comments.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eventwire.errors import Problem
from eventwire.fields import Context, Field, FieldType
from eventwire.importing import reactivehub
from eventwire.importing.source import Notes
from eventwire.importing.templates import ACTIONS, TYPES, Fields, NoCounterpart, Template, Translated, is_constant
from eventwire.importing.wildcards import known_paths, translate_value
from eventwire.language.casts import to_boolean, to_number
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.language.models import Model
from eventwire.language.paths import MISSING
from eventwire.project.field_values import holds_secret, is_secret_name
from eventwire.project.load import load_document
from eventwire.project.toml import PROJECT_FILE, Document
from eventwire.project.written import toml_block
from eventwire.services.catalog import find_service
from eventwire.services.declare import Operation

Shorthand = Mapping[str, Any]
WEBHOOK = lazy_pattern(r"hooks\.slack\.com/\w")
HIDDEN = "(a secret, not copied)"


def find_operation(action: reactivehub.Action) -> tuple[str, str]:
    """The service that stands for an action's type, and ReactiveHub's name of what it does. Raises NoCounterpart."""
    service = TYPES.get(action.kind.upper().replace("-", "_"))
    for name in (action.action, action.operation or ""):
        name = name.strip().upper().replace(" ", "_")
        if service and (service, name) in ACTIONS:
            return service, name
    said = " / ".join(each for each in (action.kind, action.action, action.operation) if each)
    raise NoCounterpart(f"{said} has no counterpart yet.")


def translate_action(action: reactivehub.Action, shorthand: Shorthand, model: Model, notes: Notes) -> Translated:
    """The action with its fields. Raises NoCounterpart."""
    service, name = find_operation(action)
    operation_name, translate = ACTIONS[service, name]
    operation = find_service(service).operation(operation_name)
    assert operation is not None
    template = Template(action.template)
    fields = Fitter(operation, model, template.remarks).fields(translate(template))
    refuse_secrets(fields)
    for key in template.left:
        message = f'No field of {service} {operation_name} takes "{key}".'
        template.remarks.append((key, message, "A comment beside the action keeps it."))
    for key, message, next_step in template.remarks:
        notes.note(action.place("template", key), f'The action "{action.id}": {message}', next_step)
    translated = Translated(service, operation_name, fields, template.settings, template.left)
    refuse_errors(translated, shorthand)
    return translated


class Fitter:
    """Gives each field a value of its type, with wildcards as they are written here."""

    def __init__(self, operation: Operation, model: Model, remarks: list[tuple[str, str, str]]) -> None:
        self.declared = {each.name: each for each in operation.fields}
        self.paths = known_paths(model)
        self.remarks = remarks

    def fields(self, fields: Fields) -> Fields:
        """Every field's value."""
        return {name: self.value(self.declared[name], value) for name, value in fields.items()}

    def value(self, field: Field, value: Any) -> Any:
        """One field's value."""
        value = fitted(field.type, self.without_null(field, value))
        if field.context is Context.LITERAL:
            return value
        return translate_value(value, self.paths)

    def without_null(self, field: Field, value: Any) -> Any:
        """A value without what is null inside it, which no project file can hold."""
        if isinstance(value, dict):
            for name in [name for name, each in value.items() if each is None]:
                message = f'"{name}" of {field.name} is null; it was left out.'
                self.remarks.append((field.name, message, "See that leaving it out means the same."))
            return {name: self.without_null(field, each) for name, each in value.items() if each is not None}
        if isinstance(value, list):
            if None in value:
                raise NoCounterpart(f"A list in {field.name} holds null.")
            return [self.without_null(field, each) for each in value]
        return value


def fitted(kind: FieldType, value: Any) -> Any:
    """A constant as its field's type has it: `"100"` as 100 where a number is wanted, 5 as `"5"` where text is."""
    if kind is FieldType.STRING and isinstance(value, int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if not is_constant(value):
        return value
    if kind is FieldType.BOOLEAN:
        read: Any = to_boolean(value)
    else:
        read = to_number(value) if kind in (FieldType.INTEGER, FieldType.NUMBER) else MISSING
    return value if read is MISSING else read


def refuse_secrets(fields: Fields) -> None:
    """Raise NoCounterpart where a secret is written out: none stands in a project file."""
    if hidden(fields) != fields:
        raise NoCounterpart("A secret is written out in its template, and was not copied.")


def hidden(value: Any, name: str = "") -> Any:
    """A template's value with every secret that is written out in it replaced."""
    if isinstance(value, dict):
        return {key: hidden(each, str(key)) for key, each in value.items()}
    if isinstance(value, list):
        return [hidden(each, name) for each in value]
    is_secret = is_constant(value) and is_secret_name(name)
    return HIDDEN if is_secret or holds_secret(value) or is_webhook(value) else value


def is_webhook(value: Any) -> bool:
    """Whether a value is the address of a Slack webhook, which whoever has it can post to."""
    return isinstance(value, str) and WEBHOOK.search(value) is not None


def refuse_errors(action: Translated, shorthand: Shorthand) -> None:
    """Raise NoCounterpart with the first thing that the project's own rules find wrong with an action."""
    problem = first_error(action, shorthand)
    if problem is not None:
        raise NoCounterpart(problem.message, problem.next_step or "", action)


def first_error(action: Translated, shorthand: Shorthand) -> Problem | None:
    """What is wrong with an action alone in a project, read as any project is."""
    event = ("events", "e")
    configured = {"service-account": "s", "action": action.operation, **action.fields}
    blocks = [
        toml_block(("project",), {"name": "p"}),
        toml_block(("service-accounts", "s"), {"service": action.service}),
        toml_block((*event, "model"), shorthand),
        toml_block((*event, "filters", "on-event", "actions", "a"), configured),
    ]
    _, report = load_document(Path(), Document("\n".join(blocks), Path(PROJECT_FILE)))
    return next((each for each in report.problems() if each.severity == "error"), None)
