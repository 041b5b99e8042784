"""`eventwire import`: a project of ReactiveHub's becomes one of eventwire's."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eventwire.errors import UsageError
from eventwire.terminal.options import command

if TYPE_CHECKING:
    from eventwire.importing.result import Imported
    from eventwire.terminal.session import Session


@command
@click.argument("source", metavar="[DIR]", required=False)
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The folder to write; otherwise a new one here, called as the project is.",
)
@click.option("--name", metavar="NAME", help="The project's name; otherwise what .rhubrc says, or the folder's name.")
def import_project(session: Session, source: str | None, into: Path | None, name: str | None) -> None:
    """DIR is the folder that holds .rhubrc and events/. Models, conditions, wildcards and actions are translated; what
    has no counterpart is listed with its place, and kept in the new project as a comment. Service accounts wait for
    their credentials, and the report says which command gives them.
    """
    from eventwire.importing.translate import import_project as translate
    from eventwire.importing.writing import write_import
    from eventwire.terminal.questions import Question, complete, text

    asked = [Question("source", "DIR", text("Which folder holds the ReactiveHub project?"))]
    given = complete(session, {"source": source}, asked)["source"]
    folder = session.working_folder / given
    if not folder.is_dir():
        raise UsageError(f"{given} is no folder.", next_step="Name the folder that holds .rhubrc and events.")
    imported = translate(folder, name)
    shown = into or session.project_folder or Path(imported.name)
    written = write_import(imported, session.working_folder / shown)
    session.result(
        {**imported.as_dict(), "folder": str(written[-1].parent.resolve())}, report(session, imported, shown)
    )


def report(session: Session, imported: Imported, folder: Path) -> str:
    """What was imported, what waits for credentials, and what needs attention."""
    sections = [
        summary(session, imported, folder),
        accounts(session, imported),
        attention(session, imported),
        f"Next: cd {shlex.quote(str(folder))} && eventwire check",
    ]
    return "\n\n".join(section for section in sections if section)


def summary(session: Session, imported: Imported, folder: Path) -> str:
    """How much was imported, and each event with its filters and actions."""
    filters, actions = imported.filters, imported.actions
    counts = f"{counted(len(imported.events), 'event')}, {counted(len(filters), 'filter')} and "
    head = f"Imported {counts}{counted(len(actions), 'action')} into {folder / 'eventwire.toml'}:"
    lines = []
    for event in imported.events:
        was = "" if event.source.id == event.name else session.style(f"  (was {event.source.id})", "dim")
        lines.append(f"  {session.style(event.name, 'bold')}{was}")
        for of_event, each in filters:
            names = [action.name for _, of_filter, action, _ in actions if of_filter is each]
            if of_event is event:
                lines.append(f"    {each.name}: {', '.join(names) or 'no actions'}")
    return "\n".join([head, *lines])


def accounts(session: Session, imported: Imported) -> str:
    """The commands that give the accounts their credentials."""
    if not imported.accounts:
        return ""
    head = session.style("Service accounts wait for their credentials; --live gives those for live:", "heading")
    return "\n".join([head, *(f"  {each.command}" for each in imported.accounts)])


def attention(session: Session, imported: Imported) -> str:
    """What somebody has to look at, each with its place and the next step."""
    if not imported.attention:
        return "Nothing else needs attention."
    head = session.style(f"Needs attention ({len(imported.attention)}):", "heading")
    lines = [head]
    for each in imported.attention:
        place = str(each.place)
        message = wrapped(session, f"  {place}: {each.message}")
        lines.append(message.replace(place, session.style(place, "warn"), 1))
        lines.append(session.style(wrapped(session, f"    {each.next_step}"), "dim"))
    return "\n".join(lines)


def wrapped(session: Session, text: str) -> str:
    """A paragraph broken between words to fit a terminal; on one line anywhere else."""
    from textwrap import wrap

    from eventwire.terminal.session import is_terminal

    if not is_terminal(session.stdout):
        return text
    indent = " " * 4
    return "\n".join(wrap(text, session.width, subsequent_indent=indent, break_on_hyphens=False))


def counted(number: int, what: str) -> str:
    """A number of things in words."""
    return f"{number} {what}{'s' * (number != 1)}"
