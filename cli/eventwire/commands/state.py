"""`eventwire` alone: the project's state and the next useful step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventwire.project.locate import NoProject
from eventwire.project.samples import read_sample
from eventwire.terminal.project import open_project
from eventwire.terminal.trees import draw_tree, project_tree

if TYPE_CHECKING:
    from eventwire.project.model import Project
    from eventwire.terminal.session import Session

WELCOME = """\
eventwire wires events to actions: an event comes in, its filters decide, its actions run in parallel.

  eventwire demo         see it run, in a new folder, without any account or server
  eventwire init         make a project here
  eventwire services     what it can act on
  eventwire --help       all commands"""


def show_state(session: Session) -> None:
    """Show where the project stands, or how to begin where there is none."""
    try:
        project = open_project(session)
    except NoProject:
        session.result({"project": None, "next": "eventwire init"}, WELCOME)
        return
    following = next_step(project)
    session.result(
        {"project": project.name, "folder": str(project.folder), "events": list(project.events), "next": following},
        f"{draw_tree(session, project_tree(project))}\n\nNext: {following}",
    )


def next_step(project: Project) -> str:
    """The first thing that is missing, as a command; where nothing is, run it."""
    if not project.events:
        return "eventwire add:event"
    for event in project.events.values():
        if not any(each.actions for each in event.filters.values()):
            return f"eventwire add:action {event.name} {next(iter(event.filters), 'on-event')}"
    event = next(iter(project.events.values()))
    if read_sample(project.folder, event.name) is None:
        return f"eventwire run {event.name} --data @FILE.json"
    return f"eventwire run {event.name}"
