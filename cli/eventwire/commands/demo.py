"""`eventwire demo`: a ready-made project, run for real with nothing but this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from eventwire.terminal.options import command

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path, file_okay=False))
def demo(session: Session, folder: Path | None) -> None:
    """It makes a project in a new folder, sends it a few events, and delivers them into a SQLite database and a file:
    no account, no server, no network. One of them fails on purpose, to show what that looks like.
    """
    from eventwire.terminal.demonstration import demonstrate

    demonstrate(session, folder)
