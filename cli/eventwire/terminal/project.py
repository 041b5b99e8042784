"""The project a command works on, and what is looked up in it by name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from eventwire.errors import UsageError, did_you_mean
from eventwire.project.locate import find_project

if TYPE_CHECKING:
    from eventwire.project.model import Action, Event, Filter, Project, ServiceAccount
    from eventwire.terminal.session import Session


def project_folder(session: Session) -> Path:
    """The folder of the session's project. Raises ProjectError where there is none."""
    return find_project(session.working_folder, session.project_folder)


def open_project(session: Session) -> Project:
    """The session's project, read. Raises ProjectError with all its problems."""
    # loaded when a command runs: --help and completion need no project's rules
    from eventwire.project.read import read_project

    return read_project(project_folder(session))


def find_event(project: Project, name: str) -> Event:
    """The event of that name. Raises UsageError."""
    if name not in project.events:
        raise unknown("event", name, project.events, "eventwire add:event")
    return project.events[name]


def find_filter(event: Event, name: str) -> Filter:
    """The event's filter of that name. Raises UsageError."""
    if name not in event.filters:
        raise unknown("filter", name, event.filters, f"eventwire add:filter {event.name}")
    return event.filters[name]


def find_action(each: Filter, name: str) -> Action:
    """The filter's action of that name. Raises UsageError."""
    if name not in each.actions:
        raise unknown("action", name, each.actions, f"eventwire add:action {each.event} {each.name}")
    return each.actions[name]


def find_account(project: Project, name: str) -> ServiceAccount:
    """The service account of that name. Raises UsageError."""
    if name not in project.accounts:
        raise unknown("service account", name, project.accounts, "eventwire add:service-account")
    return project.accounts[name]


def unknown(kind: str, name: str, known: Iterable[str], command: str) -> UsageError:
    """The error for a name that the project does not have."""
    return UsageError(
        f'There is no {kind} "{name}".', next_step=did_you_mean(name, known) or f"Add it with: {command} {name}"
    )
