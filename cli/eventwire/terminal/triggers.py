"""Asking for a trigger: which outcome of which action raises what, and with which payload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from eventwire.fields import Field, FieldType
from eventwire.language.paths import format_path
from eventwire.project.triggers import field_for
from eventwire.terminal.assignments import read_assignments, write_assignments
from eventwire.terminal.project import find_action, find_event, find_filter
from eventwire.terminal.questions import Answers, Question, choose

if TYPE_CHECKING:
    from eventwire.project.model import Event, Project
    from eventwire.terminal.session import Session


def questions_for(project: Project) -> list[Question]:
    """What every trigger is told by."""

    def filters(answers: Answers) -> list[str]:
        with_actions = (each for each in find_event(project, answers["event"]).filters.values() if each.actions)
        return [each.name for each in with_actions]

    def actions(answers: Answers) -> list[str]:
        return list(find_filter(find_event(project, answers["event"]), answers["filter"]).actions)

    def others(answers: Answers) -> list[str]:
        find_action(find_filter(find_event(project, answers["event"]), answers["filter"]), answers["action"])
        return [name for name in project.events if name != answers["event"]]

    return [
        Question("event", "EVENT", choose("Which event?", list(project.events))),
        Question("filter", "FILTER", choose("Which filter?", filters)),
        Question("action", "ACTION", choose("Which action?", actions)),
        Question("on", "--on", choose("On which outcome?", ["success", "failure"])),
        Question("raised", "--event", choose("Which event does it raise?", others)),
    ]


def ask_payload(
    session: Session, source: Event, target: Event, outcome: str, settings: Sequence[str], *, asked: bool
) -> dict[str, Any]:
    """The payload of the event that is raised: as flags say, the rest by the same name, asked for in a terminal."""
    fields = [as_flag(field_for(target.model, name)) for name in target.model.properties]
    values = read_assignments(settings, fields, "--set")
    for name in target.model.properties:
        if name in values:
            continue
        same = f"{{{format_path((name,))}}}" if name in source.model.properties else ""
        if asked and session.interactive:
            same = ask_property(session, source, target, outcome, name, same)
        if same:
            values |= read_assignments([f"{name}={same}"], fields, "--set")
    return values


def as_flag(field: Field) -> Field:
    """A property as a flag's: a table or list may also be a wildcard, which is text."""
    return field._replace(type=FieldType.ANY) if field.type in (FieldType.TABLE, FieldType.LIST) else field


def ask_property(session: Session, source: Event, target: Event, outcome: str, name: str, default: str) -> str:
    """One property of the payload, with wildcards completed; empty leaves it out."""
    from eventwire.language.wildcards import wildcards_for
    from eventwire.terminal.prompts import WildcardCompleter, ask_text

    says = ["{response.}"] if outcome == "success" else ["{error.message}", "{error.kind}"]
    optional = target.model.properties[name].optional
    return ask_text(
        session,
        f"{target.name} {name} =",
        default=default,
        hint="empty leaves it out" if optional else "",
        check=lambda text: None if text or optional else "A value, or a wildcard such as {id}.",
        completer=WildcardCompleter([*wildcards_for(source.model), *says]),
    )


def flags_of(values: Mapping[str, Any]) -> list[str]:
    """The flags that give this payload."""
    return write_assignments(values, [Field(name, name, FieldType.ANY) for name in values], "--set")
