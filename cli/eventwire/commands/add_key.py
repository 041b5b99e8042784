"""`eventwire add:key`: an API key, shown once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.terminal.equivalent import say_equivalent
from eventwire.terminal.options import command
from eventwire.terminal.project import open_project
from eventwire.terminal.questions import Question, choose, complete, text

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.argument("name", required=False)
@click.option("--environment", type=click.Choice(["test", "live"]), help="Where the events that it sends run.")
@click.option(
    "--expires-in-days",
    type=click.FloatRange(0, 36_500, min_open=True),
    metavar="N",
    help="It never expires otherwise.",
)
def add_key(session: Session, name: str | None, environment: str | None, expires_in_days: float | None) -> None:
    """It is printed to standard output, and cannot be shown again: what is kept is its hash. Several work at once, so
    that one can take another's place: make the new one, change the senders over, then remove the old one.
    """
    from eventwire.project.locate import state_folder
    from eventwire.project.names import name_problem
    from eventwire.server.keys import add_key as make_key
    from eventwire.server.store import Store

    project = open_project(session)
    given = {"name": name, "environment": environment}
    questions = [
        Question("name", "NAME", text("What is the key called?", check=name_problem)),
        Question("environment", "--environment", choose("Where do the events that it sends run?", ["test", "live"])),
    ]
    answers = complete(session, given, questions)
    with Store(state_folder(project.folder)) as store:
        key = make_key(store, answers["name"], answers["environment"], expires_in_days)
    if None in given.values():
        more = ["--expires-in-days", f"{expires_in_days:g}"] if expires_in_days is not None else []
        say_equivalent(session, "add:key", [answers["name"], "--environment", answers["environment"], *more])
    if not session.json:
        session.say(
            f'Added the {answers["environment"]} key "{answers["name"]}". Keep it now: it is not shown again.\n'
            f"Send it with each request: Authorization: Bearer KEY"
        )
    session.result({"name": answers["name"], "environment": answers["environment"], "key": key}, key)
