"""The project and its events drawn as trees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from eventwire.terminal.waterfall import Canvas, shorten

if TYPE_CHECKING:
    from eventwire.project.model import Action, Event, Filter, Project, Source
    from eventwire.terminal.session import Session


class Branch(Struct, frozen=True):
    """A line of a tree, with the lines below it."""

    name: str
    note: str = ""
    below: Sequence[Branch] = ()


def draw_tree(session: Session, root: Branch) -> str:
    """A tree as text."""
    return "\n".join([draw_line(session, "", root), *draw_below(session, root, "")])


def draw_below(session: Session, branch: Branch, indent: str) -> Iterator[str]:
    """The lines below a branch."""
    joint, last_joint, bar = ("├─ ", "└─ ", "│  ") if session.shows_unicode else ("|- ", "`- ", "|  ")
    for each in branch.below:
        is_last = each is branch.below[-1]
        yield draw_line(session, indent + (last_joint if is_last else joint), each)
        yield from draw_below(session, each, indent + ("   " if is_last else bar))


def draw_line(session: Session, indent: str, branch: Branch) -> str:
    """One line, its note cut to the terminal's width."""
    canvas = Canvas(session.width, session.style, session.shows_unicode)
    room = session.width - len(indent) - len(branch.name) - 2
    note = shorten(branch.note, max(room, 12), canvas)
    return f"{indent}{session.style(branch.name, 'bold')}  {session.style(note, 'dim')}".rstrip()


def project_tree(project: Project) -> Branch:
    """A project: its events, its service accounts, and its sources."""
    events = [event_branch(project, event) for event in project.events.values()]
    accounts = [
        Branch(account.name, f"{account.service}, {' and '.join(environments(account))}")
        for account in project.accounts.values()
    ]
    below = [Branch("events", "" if events else "none yet", events)]
    below.append(Branch("service accounts", "" if accounts else "none yet", accounts))
    if project.sources:
        below.append(Branch("sources", "", [source_branch(each) for each in project.sources.values()]))
    return Branch(project.name, str(project.folder), below)


def source_branch(source: Source) -> Branch:
    """A source: what it is, and what it raises."""
    schedule = source.settings.get("schedule") or source.settings.get("folder")
    note = " ".join(str(part) for part in (source.kind, schedule) if part)
    return Branch(source.name, f"{note}, raises {source.event} ({source.environment})")


def environments(account: object) -> list[str]:
    """The environments an account has settings for."""
    return [each for each in ("test", "live") if getattr(account, each) is not None] or ["no settings"]


def event_branch(project: Project, event: Event) -> Branch:
    """An event with its filters and their actions."""
    filters = [filter_branch(project, each) for each in event.filters.values()]
    buttons = [Branch(button.key, f"button: {button.text}") for button in event.buttons.values()]
    return Branch(event.name, event.description or "", [*filters, *buttons])


def filter_branch(project: Project, each: Filter) -> Branch:
    """A filter with its actions."""
    actions = [action_branch(project, action) for action in each.actions.values()]
    return Branch(each.name, each.where or "always matches", actions)


def action_branch(project: Project, action: Action) -> Branch:
    """An action: what it does, and through which account."""
    service = project.accounts[action.account].service
    raised = [Branch(each.event, f"raised on {each.outcome}") for each in action.triggers]
    return Branch(action.name, f"{service} {action.operation} through {action.account}", raised)
