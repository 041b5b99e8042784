"""`eventwire remove:trigger`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.terminal import completion
from eventwire.terminal.options import command
from eventwire.terminal.project import find_action, find_event, find_filter, open_project, unknown
from eventwire.terminal.questions import Answers, Question, choose, complete
from eventwire.terminal.removal import confirm_and_remove

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.argument("event", required=False, shell_complete=completion.events)
@click.argument("filter", required=False, shell_complete=completion.filters)
@click.argument("action", required=False, shell_complete=completion.actions)
@click.option("--on", type=click.Choice(["success", "failure"]), help="Which outcome raises it.")
@click.option("--event", "raised", metavar="OTHER", shell_complete=completion.events, help="The event that is raised.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove_trigger(
    session: Session,
    event: str | None,
    filter: str | None,
    action: str | None,
    on: str | None,
    raised: str | None,
    yes: bool,
) -> None:
    """The action stays, and so does the event."""
    from eventwire.project.edit import remove_trigger as write_removal
    from eventwire.terminal.triggers import questions_for

    project = open_project(session)

    def events_raised(answers: Answers) -> list[str]:
        found = find_filter(find_event(project, answers["event"]), answers["filter"])
        triggers = find_action(found, answers["action"]).triggers
        return [each.event for each in triggers if each.outcome == answers["on"]]

    questions = questions_for(project)[:4]
    questions.append(Question("raised", "--event", choose("Which event does it raise?", events_raised)))
    given = {"event": event, "filter": filter, "action": action, "on": on, "raised": raised}
    answers = complete(session, given, questions)
    if answers["raised"] not in events_raised(answers):
        raise unknown("trigger", answers["raised"], events_raised(answers), "eventwire add:trigger")
    path = [answers[name] for name in ("event", "filter", "action", "on", "raised")]
    confirm_and_remove(
        session,
        f'the trigger of "{path[4]}" on {path[3]} of {path[0]}, {path[1]}/{path[2]}',
        (),
        yes,
        lambda: write_removal(project.folder, *path),
    )
