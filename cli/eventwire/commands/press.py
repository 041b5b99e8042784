"""`eventwire press`: a button of an event, from the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.errors import ExitCode, UsageError
from eventwire.terminal import completion
from eventwire.terminal.options import command
from eventwire.terminal.project import open_project
from eventwire.terminal.questions import Question, complete, text

if TYPE_CHECKING:
    from eventwire.journal.rows import Row
    from eventwire.server.buttons import EventButton, Press
    from eventwire.terminal.session import Session


@command
@click.argument("run", required=False, shell_complete=completion.runs)
@click.argument("button", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="HOST",
    help="It may be called although it is private, also by a button that came with the event.",
)
def press(session: Session, run: str | None, button: str | None, yes: bool, hosts: tuple[str, ...]) -> int:
    """What is called is shown first. The press is signed, waits ten seconds for an answer, and is kept with it, as one on
    the pages is: a button can be pressed once, until it expires. RUN is the run's id, or as much of its beginning as no
    other has; BUTTON is its key.
    """
    from eventwire.engine.inspected import find_run
    from eventwire.project.locate import state_folder
    from eventwire.server.event_buttons import find_button, press_button
    from eventwire.server.store import Store
    from eventwire.terminal.history import opened_journal, user_name
    from eventwire.terminal.loop import run_until_done

    project = open_project(session)
    questions = [Question("run", "RUN", text("Which run?")), Question("button", "BUTTON", text("Which button?"))]
    answers = complete(session, {"run": run, "button": button}, questions)
    with opened_journal(project.folder, answers["run"]) as journal:
        row = find_run(journal, answers["run"])
    found = find_button(project, row, answers["button"])
    if not yes:
        ask(session, row, found)
    with Store(state_folder(project.folder)) as store, session.waiting(f"Calling {found.url}"):
        done = run_until_done(
            press_button(project, store, session.environ, row, found, user_name(session), allowed_hosts=hosts)
        )
    session.result(describe(done), sentence_of(found, done))
    return ExitCode.DONE if done.state == "completed" else ExitCode.ACTION


def ask(session: Session, row: Row, button: EventButton) -> None:
    """Show what is called, and make sure that it is meant. Raises UsageError off a terminal."""
    if not session.interactive:
        raise UsageError(
            f'Pressing "{button.text}" calls {button.url}, and nobody is here to confirm it.',
            next_step="Confirm it with --yes",
        )
    from eventwire.terminal.prompts import confirm

    where = " with real effects" if row["environment"] == "live" else ""
    session.say(
        f"{button.text}, on {row['event']} ({row['environment']}, run {row['id']}), calls{where}:\n{button.url}"
    )
    if not confirm(session, f"{button.text}?", default=False):
        raise click.Abort


def describe(press: Press) -> dict[str, object]:
    """A press as data."""
    from msgspec.structs import asdict

    return asdict(press)


def sentence_of(button: EventButton, press: Press) -> str:
    """What came of a press, for people."""
    took = f" in {press.duration_ms:.0f} ms" if press.duration_ms is not None else ""
    lines = [f"{button.text}: {press.state}{took}." + (f" {press.error}" if press.error else "")]
    return "\n".join([*lines, press.answer] if press.answer else lines)
