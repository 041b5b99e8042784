"""`eventwire init`: a project that runs at once."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eventwire.project.scaffold import write_project
from eventwire.terminal.options import command

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", metavar="NAME", help="The project's name; otherwise the folder's.")
def init(session: Session, folder: Path | None, name: str | None) -> None:
    """It holds one event with a sample, two filters, and actions that need no server and no account."""
    target = session.working_folder / (folder or session.project_folder or Path())
    written = write_project(target, name)
    enter = f"cd {shlex.quote(str(folder))} && " if folder else ""
    session.done(
        {"folder": str(target.resolve()), "files": [str(path) for path in written]},
        "\n".join(["Made:", *(f"  {path}" for path in written), f"Next: {enter}eventwire run new-customer"]),
    )
