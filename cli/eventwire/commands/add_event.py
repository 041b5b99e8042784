"""`eventwire add:event`: an event's name and model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from eventwire.errors import UsageError
from eventwire.language.models import infer_model
from eventwire.terminal.equivalent import say_equivalent
from eventwire.terminal.options import command
from eventwire.terminal.payload_input import read_data
from eventwire.terminal.project import open_project
from eventwire.terminal.properties import model_of_flags
from eventwire.terminal.questions import Question, complete, new_name, refuse_name

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.argument("name", required=False)
@click.option("--property", "properties", multiple=True, metavar="NAME:TYPE", help="A property; address.city:string.")
@click.option("--from", "sample", metavar="FILE.json", help="Infer the model from a sample payload, and keep it.")
@click.option("--description", metavar="TEXT", help="What has happened when this event comes in.")
@click.option("--group", metavar="GROUP", help="Events that belong together.")
def add_event(
    session: Session,
    name: str | None,
    properties: tuple[str, ...],
    sample: str | None,
    description: str | None,
    group: str | None,
) -> None:
    """Types are string, integer, number, boolean, date, date-time, object, array, any of them with [] for a list, and a
    trailing ? for an optional property. The event gets the filter on-event, which always matches.
    """
    from eventwire.project.edit import add_event as write_event

    project = open_project(session)
    asked = name is None or not (properties or sample)
    if not session.interactive:
        require(name, properties, sample)
    elif asked and name is not None:
        refuse_name(name, "event", project.events)
    ask_name = new_name("What is the event called?", "event", lambda answers: project.events)
    answers = complete(session, {"name": name}, [Question("name", "NAME", ask_name)])
    payload: dict[str, Any] | None = None
    if sample is not None:
        payload = read_data(session, f"@{sample.removeprefix('@')}")
        model = infer_model(payload)
    elif properties:
        model = model_of_flags(properties)
    else:
        from eventwire.terminal.model_flow import ask_model

        properties, sample, model, payload = ask_model(session)
    written = write_event(project.folder, answers["name"], model, description, group, payload)
    if asked and session.interactive:
        say_equivalent(session, "add:event", arguments(answers["name"], properties, sample, description, group))
    session.done(
        {"event": answers["name"], "model": model, "files": [str(path) for path in written]},
        f'Added the event "{answers["name"]}" with the filter on-event.\n'
        f"Next: eventwire add:action {answers['name']} on-event",
    )


def require(name: str | None, properties: tuple[str, ...], sample: str | None) -> None:
    """Raise UsageError listing all that is missing, where nobody can be asked."""
    missing = ["NAME"] if name is None else []
    missing += [] if properties or sample else ["--property NAME:TYPE or --from FILE.json"]
    if missing:
        raise UsageError(
            f"Missing: {', '.join(missing)}.", next_step="For example: --property id:integer --property name:string"
        )


def arguments(
    name: str, properties: tuple[str, ...], sample: str | None, description: str | None, group: str | None
) -> list[str]:
    """The arguments that would add the same event."""
    line = [name]
    for each in properties:
        line += ["--property", each]
    for flag, value in (("--from", sample), ("--description", description), ("--group", group)):
        line += [flag, value] if value else []
    return line
