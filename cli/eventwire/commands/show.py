"""`eventwire show`: one event drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from eventwire.language.payloads import encode_json
from eventwire.project.samples import read_sample
from eventwire.terminal import completion
from eventwire.terminal.options import command
from eventwire.terminal.project import find_event, open_project
from eventwire.terminal.questions import Question, choose, complete
from eventwire.terminal.trees import Branch, action_branch, draw_tree, source_branch

if TYPE_CHECKING:
    from eventwire.project.model import Action, Button, Event, Project, Source
    from eventwire.terminal.session import Session


@command
@click.argument("event", required=False, shell_complete=completion.events)
def show(session: Session, event: str | None) -> None:
    """Its model, its filters with their conditions, and each action with its fields."""
    project = open_project(session)
    asked = Question("event", "EVENT", choose("Which event?", [*project.events]))
    chosen = find_event(project, complete(session, {"event": event}, [asked])["event"])
    session.result(describe(project, chosen), draw_tree(session, tree(project, chosen)))


def tree(project: Project, event: Event) -> Branch:
    """The event with everything that belongs to it."""
    model = [Branch(path, kind_of(event, path)) for path, _ in event.model.paths()]
    filters = [
        Branch(
            each.name,
            each.where or "always matches",
            [detailed_action(project, action) for action in each.actions.values()],
        )
        for each in event.filters.values()
    ]
    buttons = [Branch(each.key, f"{each.text}, {each.url}") for each in event.buttons.values()]
    sample = read_sample(project.folder, event.name)
    below = [Branch("model", "", model), Branch("filters", "", filters)]
    below += [Branch("buttons", "", buttons)] if buttons else []
    sources = [detailed_source(each) for each in project.sources.values() if each.event == event.name]
    below += [Branch("sources", "", sources)] if sources else []
    below.append(Branch("sample", encode_json(sample) if sample is not None else "none"))
    return Branch(event.name, event.description or "", below)


def kind_of(event: Event, path: str) -> str:
    """A property's type, and what else the model says of it."""
    declared = event.model.find(path)
    if declared is None:
        return ""
    kind = f"{declared.items.kind}[]" if declared.items else str(declared.kind)
    notes = [f"{name} {encode_json(value)}" for name, value in declared.keywords.items()]
    return ", ".join([f"{kind}{'?' if declared.optional else ''}", *notes])


def detailed_action(project: Project, action: Action) -> Branch:
    """An action with its fields."""
    branch = action_branch(project, action)
    fields = [
        Branch(name, value if isinstance(value, str) else encode_json(value)) for name, value in action.fields.items()
    ]
    return Branch(branch.name, branch.note, fields)


def detailed_source(source: Source) -> Branch:
    """A source with what it takes and what it makes of it."""
    lines = [Branch("where", source.where)] if source.where else []
    lines += [
        Branch(key, value if isinstance(value, str) else encode_json(value))
        for key, value in (source.values or {}).items()
    ]
    branch = source_branch(source)
    return Branch(branch.name, branch.note, lines)


def describe(project: Project, event: Event) -> dict[str, Any]:
    """The event as data."""
    return {
        "name": event.name,
        "description": event.description,
        "group": event.group,
        "schema": event.model.schema,
        "filters": [
            {
                "name": each.name,
                "where": each.where,
                "actions": [describe_action(project, action) for action in each.actions.values()],
            }
            for each in event.filters.values()
        ],
        "buttons": [describe_button(each) for each in event.buttons.values()],
        "sources": [each.name for each in project.sources.values() if each.event == event.name],
        "sample": read_sample(project.folder, event.name),
    }


def describe_button(button: Button) -> dict[str, Any]:
    """A button as data."""
    return {
        "key": button.key,
        "text": button.text,
        "url": button.url,
        "external": button.external,
        "expire_in_minutes": button.expire_in_minutes,
        "meta": button.meta,
        "style": button.style,
    }


def describe_action(project: Project, action: Action) -> dict[str, Any]:
    """An action as data."""
    return {
        "name": action.name,
        "service_account": action.account,
        "service": project.accounts[action.account].service,
        "action": action.operation,
        "fields": action.fields,
        "timeout_seconds": action.timeout_seconds,
    }
