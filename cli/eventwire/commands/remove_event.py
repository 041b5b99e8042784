"""`eventwire remove:event`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.terminal import completion
from eventwire.terminal.options import command
from eventwire.terminal.project import find_event, open_project
from eventwire.terminal.questions import Question, choose, complete
from eventwire.terminal.removal import confirm_and_remove

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.argument("event", required=False, shell_complete=completion.events)
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove_event(session: Session, event: str | None, yes: bool) -> None:
    """Its runs stay in the journal; its sample stays in samples/."""
    from eventwire.project.edit import remove_event as write_removal
    from eventwire.terminal.source_flow import forget_secrets

    project = open_project(session)
    asked = Question("event", "EVENT", choose("Which event?", list(project.events)))
    chosen = find_event(project, complete(session, {"event": event}, [asked])["event"])
    goes = [
        part
        for each in chosen.filters.values()
        for part in (f"the filter {each.name}", *(f"the action {each.name}/{name}" for name in each.actions))
    ]
    sources = [each for each in project.sources.values() if each.event == chosen.name]
    goes += [f"the source {each.name}" for each in sources]

    def remove() -> None:
        write_removal(project.folder, chosen.name, [each.name for each in sources])
        for each in sources:
            forget_secrets(session, project, each)

    confirm_and_remove(session, f'the event "{chosen.name}"', goes, yes, remove)
