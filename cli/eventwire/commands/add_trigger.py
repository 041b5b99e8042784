"""`eventwire add:trigger`: an action's outcome raises another event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.terminal import completion
from eventwire.terminal.equivalent import say_equivalent
from eventwire.terminal.options import command
from eventwire.terminal.project import find_event, open_project
from eventwire.terminal.questions import complete

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.argument("event", required=False, shell_complete=completion.events)
@click.argument("filter", required=False, shell_complete=completion.filters)
@click.argument("action", required=False, shell_complete=completion.actions)
@click.option("--on", type=click.Choice(["success", "failure"]), help="Which outcome raises it.")
@click.option("--event", "raised", metavar="OTHER", shell_complete=completion.events, help="The event that is raised.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PROP=VALUE",
    help="A property of its payload; {response.id} is possible.",
)
def add_trigger(
    session: Session,
    event: str | None,
    filter: str | None,
    action: str | None,
    on: str | None,
    raised: str | None,
    settings: tuple[str, ...],
) -> None:
    """Its payload takes values of the payload, and on success of the response, {response.id}, on failure of the error,
    {error.message}. A property that is not given takes the one of the same name. Loops are refused.
    """
    from eventwire.project.edit import add_trigger as write_trigger
    from eventwire.terminal.triggers import ask_payload, flags_of, questions_for

    project = open_project(session)
    given = {"event": event, "filter": filter, "action": action, "on": on, "raised": raised}
    answers = complete(session, given, questions_for(project))
    event, filter, action, on, raised = (answers[name] for name in given)
    source, target = find_event(project, event), find_event(project, raised)
    values = ask_payload(session, source, target, on, settings, asked=None in given.values())
    write_trigger(project.folder, event, filter, action, on, raised, values)
    if None in given.values():
        say_equivalent(
            session, "add:trigger", [event, filter, action, "--on", on, "--event", raised, *flags_of(values)]
        )
    session.done(
        {"event": event, "filter": filter, "action": action, "on": on, "raises": raised, "payload": values},
        f'{filter}/{action} of {event} raises "{raised}" on {on}.\nNext: eventwire run {event}',
    )
