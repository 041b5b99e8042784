"""`eventwire list`: the project as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from eventwire.terminal.options import command
from eventwire.terminal.project import open_project
from eventwire.terminal.trees import draw_tree, environments, project_tree

if TYPE_CHECKING:
    from eventwire.project.model import Event, Project, Source
    from eventwire.terminal.session import Session


@command
@click.argument("what", required=False, type=click.Choice(["keys", "users"]))
def list(session: Session, what: str | None) -> None:
    """Events with their filters and actions, service accounts, and sources; or the API keys, or the users."""
    if what is not None:
        from eventwire.commands import list_server

        getattr(list_server, f"show_{what}")(session)
        return
    project = open_project(session)
    session.result(describe(project), draw_tree(session, project_tree(project)))


def describe(project: Project) -> dict[str, Any]:
    """The project as data."""
    accounts = [
        {"name": each.name, "service": each.service, "environments": environments(each)}
        for each in project.accounts.values()
    ]
    return {
        "project": project.name,
        "folder": str(project.folder),
        "events": [describe_event(each) for each in project.events.values()],
        "service_accounts": accounts,
        "sources": [describe_source(each) for each in project.sources.values()],
    }


def describe_source(source: Source) -> dict[str, Any]:
    """A source as data."""
    return {
        "name": source.name,
        "kind": source.kind,
        "event": source.event,
        "environment": source.environment,
        "where": source.where,
        "values": source.values,
        "settings": source.settings,
    }


def describe_event(event: Event) -> dict[str, Any]:
    """An event as data."""
    return {
        "name": event.name,
        "description": event.description,
        "group": event.group,
        "filters": [
            {
                "name": each.name,
                "where": each.where,
                "actions": [
                    {"name": action.name, "service_account": action.account, "action": action.operation}
                    for action in each.actions.values()
                ],
            }
            for each in event.filters.values()
        ],
    }
