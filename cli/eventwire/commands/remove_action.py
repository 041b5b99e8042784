"""`eventwire remove:action`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.terminal import completion
from eventwire.terminal.options import command
from eventwire.terminal.project import find_event, find_filter, open_project, unknown
from eventwire.terminal.questions import Answers, Question, choose, complete
from eventwire.terminal.removal import confirm_and_remove

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.argument("event", required=False, shell_complete=completion.events)
@click.argument("filter", required=False, shell_complete=completion.filters)
@click.argument("action", required=False, shell_complete=completion.actions)
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove_action(session: Session, event: str | None, filter: str | None, action: str | None, yes: bool) -> None:
    """What it sent stays in the journal."""
    from eventwire.project.edit import remove_action as write_removal

    project = open_project(session)

    def filters(answers: Answers) -> list[str]:
        return list(find_event(project, answers["event"]).filters)

    def actions(answers: Answers) -> list[str]:
        return list(find_filter(find_event(project, answers["event"]), answers["filter"]).actions)

    questions = [
        Question("event", "EVENT", choose("Which event?", list(project.events))),
        Question("filter", "FILTER", choose("Which filter?", filters)),
        Question("action", "ACTION", choose("Which action?", actions)),
    ]
    answers = complete(session, {"event": event, "filter": filter, "action": action}, questions)
    if answers["action"] not in actions(answers):
        add = f"eventwire add:action {answers['event']} {answers['filter']}"
        raise unknown("action", answers["action"], actions(answers), add)
    path = [answers[name] for name in ("event", "filter", "action")]
    confirm_and_remove(
        session,
        f'the action "{path[2]}" of {path[0]}, filter {path[1]}',
        (),
        yes,
        lambda: write_removal(project.folder, *path),
    )
