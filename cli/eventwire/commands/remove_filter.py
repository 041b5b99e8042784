"""`eventwire remove:filter`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.terminal import completion
from eventwire.terminal.options import command
from eventwire.terminal.project import find_event, find_filter, open_project
from eventwire.terminal.questions import Question, choose, complete
from eventwire.terminal.removal import confirm_and_remove

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.argument("event", required=False, shell_complete=completion.events)
@click.argument("filter", required=False, shell_complete=completion.filters)
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove_filter(session: Session, event: str | None, filter: str | None, yes: bool) -> None:
    """What it ran stays in the journal."""
    from eventwire.project.edit import remove_filter as write_removal

    project = open_project(session)
    questions = [
        Question("event", "EVENT", choose("Which event?", list(project.events))),
        Question(
            "filter", "FILTER", choose("Which filter?", lambda so_far: list(project.events[so_far["event"]].filters))
        ),
    ]
    if event is not None:
        find_event(project, event)
    answers = complete(session, {"event": event, "filter": filter}, questions)
    chosen = find_filter(find_event(project, answers["event"]), answers["filter"])
    goes = [f"the action {chosen.name}/{name}" for name in chosen.actions]
    confirm_and_remove(
        session,
        f'the filter "{chosen.name}" of {answers["event"]}',
        goes,
        yes,
        lambda: write_removal(project.folder, answers["event"], chosen.name),
    )
