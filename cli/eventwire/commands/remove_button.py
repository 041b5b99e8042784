"""`eventwire remove:button`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.terminal import completion
from eventwire.terminal.options import command
from eventwire.terminal.project import find_event, open_project, unknown
from eventwire.terminal.questions import Question, choose, complete
from eventwire.terminal.removal import confirm_and_remove

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.argument("event", required=False, shell_complete=completion.events)
@click.argument("key", required=False, shell_complete=completion.buttons)
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove_button(session: Session, event: str | None, key: str | None, yes: bool) -> None:
    """Who has pressed it, and what came back, stays recorded."""
    from eventwire.project.edit import remove_button as write_removal

    project = open_project(session)
    questions = [
        Question("event", "EVENT", choose("Which event?", list(project.events))),
        Question("key", "KEY", choose("Which button?", lambda so_far: list(project.events[so_far["event"]].buttons))),
    ]
    if event is not None:
        find_event(project, event)
    answers = complete(session, {"event": event, "key": key}, questions)
    chosen = find_event(project, answers["event"])
    if answers["key"] not in chosen.buttons:
        raise unknown("button", answers["key"], chosen.buttons, f"eventwire add:button {chosen.name}")
    confirm_and_remove(
        session,
        f'the button "{answers["key"]}" of {chosen.name}',
        (),
        yes,
        lambda: write_removal(project.folder, chosen.name, answers["key"]),
    )
