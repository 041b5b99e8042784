"""`eventwire remove:source`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.project.sources import KINDS
from eventwire.terminal import completion
from eventwire.terminal.options import command
from eventwire.terminal.project import open_project, unknown
from eventwire.terminal.questions import Question, choose, complete
from eventwire.terminal.removal import confirm_and_remove

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.argument("name", required=False, shell_complete=completion.sources)
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove_source(session: Session, name: str | None, yes: bool) -> None:
    """The event that it raises stays."""
    from eventwire.project.edit import remove_source as write_removal
    from eventwire.terminal.source_flow import forget_secrets

    project = open_project(session)
    asked = Question("name", "NAME", choose("Which source?", list(project.sources)))
    name = complete(session, {"name": name}, [asked])["name"]
    if name not in project.sources:
        raise unknown("source", str(name), project.sources, "eventwire add:source")
    source = project.sources[name]
    goes = ["its secrets in the keyring"] if KINDS[source.kind].secrets else []

    def remove() -> None:
        write_removal(project.folder, source.name)
        forget_secrets(session, project, source)

    confirm_and_remove(session, f'the source "{source.name}"', goes, yes, remove)
