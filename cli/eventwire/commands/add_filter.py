"""`eventwire add:filter`: a condition under which actions run."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

import click

from eventwire.project.samples import read_sample
from eventwire.terminal import completion
from eventwire.terminal.equivalent import say_equivalent
from eventwire.terminal.options import command
from eventwire.terminal.project import find_event, open_project
from eventwire.terminal.questions import Answers, Question, choose, complete, new_name, refuse_name

if TYPE_CHECKING:
    from eventwire.project.model import Event, Project
    from eventwire.terminal.session import Session


@command
@click.argument("event", required=False, shell_complete=completion.events)
@click.argument("name", required=False)
@click.option("--where", metavar="CONDITION", help="When its actions run: amount > 100 AND country IN ('BR', 'PT').")
def add_filter(session: Session, event: str | None, name: str | None, where: str | None) -> None:
    """The condition is checked against the event's model, and tried on its sample at once."""
    from eventwire.project.edit import add_filter as write_filter

    project = open_project(session)
    given = {"event": event, "name": name, "where": where}

    def filters_of(answers: Answers) -> Container[str]:
        return find_event(project, answers["event"]).filters

    def ask(session: Session, answers: Answers) -> str:
        refuse_name(answers["name"], "filter", filters_of(answers))
        return ask_where(session, find_event(project, answers["event"]), project)

    questions = [
        Question("event", "EVENT", choose("Which event?", list(project.events))),
        Question("name", "NAME", new_name("What is the filter called?", "filter", filters_of)),
        Question("where", "--where", ask),
    ]
    if event is not None:
        find_event(project, event)
    answers = complete(session, given, questions)
    chosen = find_event(project, answers["event"])
    write_filter(project.folder, chosen.name, answers["name"], answers["where"])
    verdict = verdict_on_sample(project, chosen, answers["where"])
    if None in given.values():
        say_equivalent(session, "add:filter", [chosen.name, answers["name"], "--where", answers["where"]])
    doubts = doubts_about(chosen, answers["where"])
    for doubt in () if session.json else doubts:
        session.say(f"{session.style('Warning:', 'warn', stream='stderr')} {doubt}")
    session.done(
        {
            "event": chosen.name,
            "filter": answers["name"],
            "where": answers["where"],
            "sample_matches": verdict,
            "warnings": doubts,
        },
        f'Added the filter "{answers["name"]}" to {chosen.name}.{sentence(verdict)}\n'
        f"Next: eventwire add:action {chosen.name} {answers['name']}",
    )


def ask_where(session: Session, event: Event, project: Project) -> str:
    """The condition, built clause by clause."""
    from eventwire.terminal.condition_flow import ask_condition

    return ask_condition(session, event, read_sample(project.folder, event.name))


def verdict_on_sample(project: Project, event: Event, where: str) -> bool | None:
    """Whether the condition matches the event's sample; None where there is no sample."""
    from eventwire.terminal.conditions import matches_sample

    sample = read_sample(project.folder, event.name)
    return None if sample is None else matches_sample(where, event, sample)


def doubts_about(event: Event, where: str) -> list[str]:
    """What `check` warns of in the condition: that it can never be true, for one."""
    from eventwire.language.conditions import check_condition, parse_condition

    found = check_condition(parse_condition(where), event.model)
    return [" ".join(filter(None, (each.message, each.next_step))) for each in found if each.severity == "warning"]


def sentence(verdict: bool | None) -> str:
    """The verdict in words."""
    if verdict is None:
        return ""
    return " The sample matches." if verdict else " The sample does not match."
