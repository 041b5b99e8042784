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
@click.option(
    "--resolve", type=click.Choice(["done", "failed"]), help="Say what became of its actions that are unknown."
)
@click.option("--only", multiple=True, metavar="FILTER/ACTION", help="Of the unknown actions, only these.")
def inspect(session: Session, run: str | None, resolve: str | None, only: tuple[str, ...]) -> None:
    """Its waterfall, its payload, each filter with what each clause met and was short of, and what each action sent and
    got back, secrets masked. RUN is the run's id, or as much of its beginning as no other has.
    """
    from eventwire.terminal import history

    project = open_project(session)
    asked = Question("run", "RUN", text("Which run?"))
    chosen = complete(session, {"run": run}, [asked])["run"]
    if resolve:
        history.resolve(session, project, chosen, resolve, only)
    else:
        history.show_run(session, project, chosen)
