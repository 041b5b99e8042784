"""`eventwire inspect`: one run of the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.terminal import completion
from eventwire.terminal.options import command
from eventwire.terminal.project import open_project
from eventwire.terminal.questions import Question, complete, text

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.argument("run", required=False, shell_complete=completion.runs)
def inspect(session: Session, run: str | None) -> None:
    """Its waterfall, its payload, each filter with what each clause met and was short of, and what each action sent and
    got back, secrets masked. RUN is the run's id, or as much of its beginning as no other has.
    """
    from eventwire.terminal.history import show_run

    project = open_project(session)
    asked = Question("run", "RUN", text("Which run?"))
    show_run(session, project, complete(session, {"run": run}, [asked])["run"])
