"""What `eventwire run` does: the payload through the pipeline, and the record on the terminal."""

from __future__ import annotations

from collections.abc import Iterator

import click
from msgspec import Struct

from eventwire.engine.passage import NotRecorded
from eventwire.engine.pipeline import Pipeline
from eventwire.engine.record import ActionRecord, DeliveryStatus, Raised, RunRecord
from eventwire.engine.run import IncomingEvent
from eventwire.engine.selection import Selection, select
from eventwire.errors import ExitCode, UsageError
from eventwire.journal.store import Journal
from eventwire.project.locate import state_folder
from eventwire.project.model import Event
from eventwire.terminal.loop import Stopping, run_until_done
from eventwire.terminal.payload_input import read_given_payload
from eventwire.terminal.project import find_event, open_project
from eventwire.terminal.questions import Question, choose, complete
from eventwire.terminal.recovering import recovering
from eventwire.terminal.retrying import RetryDisplay
from eventwire.terminal.session import Session

# Up to this many filters are explained without being asked; explaining thousands would cost more than running them.
EXPLAINED_FILTERS = 200


class Wish(Struct, frozen=True):
    """How the user wants an event to run: the options of `eventwire run`."""

    data: str | None = None
    settings: tuple[str, ...] = ()
    live: bool = False
    yes: bool = False
    dry_run: bool = False
    explain: bool = False
    only: tuple[str, ...] = ()
    key: str | None = None
    each: str | None = None
    concurrency: int = 64
    detach: bool = False


def run_event(session: Session, event: str | None, wish: Wish) -> int:
    """Run one event, or many with `--each`; returns the exit code."""
    project = open_project(session)
    asked = Question("event", "EVENT", choose("Which event?", list(project.events)))
    chosen = find_event(project, complete(session, {"event": event}, [asked])["event"])
    selection = select(chosen, wish.only)
    if wish.key == "":
        raise UsageError(
            "The idempotency key is empty, so that every event would have the same.",
            next_step="Write --key and a text of the event's own, or leave it out.",
        )
    if wish.each and (wish.data or wish.settings):
        raise UsageError("--each takes its payloads from its file.", next_step="Leave out --data and --set.")
    payload = None if wish.each else read_given_payload(session, project, chosen, wish.data, wish.settings)
    if wish.live and not wish.dry_run:
        confirm_live(session, chosen, wish.yes)
    journal = None if wish.dry_run else Journal(state_folder(project.folder))

    try:
        pipeline = Pipeline(
            project,
            "live" if wish.live else "test",
            environ=session.environ,
            journal=journal,
            explain=wish.explain or (not wish.each and len(chosen.filters) <= EXPLAINED_FILTERS),
            detach=wish.detach,
            observer=RetryDisplay(session, is_live=not wish.each),
        )
        if payload is None:
            from eventwire.terminal.each import run_each

            return run_until_done(run_each(session, pipeline, chosen, wish, selection))
        incoming = IncomingEvent(chosen.name, payload, "cli", wish.key)
        outcome = run_until_done(run_one(session, pipeline, incoming, selection, wish.dry_run))
    finally:
        if journal:
            journal.close()
    record = outcome.record
    session.out(session.encode(record.as_dict()) if session.json else draw(session, record, wish.explain))
    if session.json:
        say_what_was_not_raised(session, record)
    say_what_waits(session, record)
    if outcome.not_recorded:
        raise outcome.not_recorded
    return ExitCode.INTERRUPTED if outcome.stopped else exit_code(record)


class Outcome(Struct, frozen=True):
    """What a run came to."""

    record: RunRecord
    stopped: bool
    """Whether the user stopped it."""
    not_recorded: NotRecorded | None = None
    """Why the journal does not know of it."""


async def run_one(
    session: Session, pipeline: Pipeline, incoming: IncomingEvent, selection: Selection, dry_run: bool
) -> Outcome:
    """One event through a pipeline, beside what was left over from before."""
    stopping = Stopping(session, pipeline)
    stopping.listen()
    async with recovering(session, pipeline, stopping):
        try:
            return Outcome(await pipeline.run(incoming, only=selection, dry_run=dry_run), stopping.wanted)
        except NotRecorded as error:
            return Outcome(error.record, stopping.wanted, error)


def confirm_live(session: Session, event: Event, yes: bool) -> None:
    """Make sure that live is meant. Raises UsageError off a terminal without --yes, and stops where it is not meant."""
    if yes:
        return
    if not session.interactive:
        raise UsageError(
            "--live changes real data, and nobody is here to confirm it.", next_step="Confirm it with: --live --yes"
        )
    from eventwire.terminal.prompts import confirm

    if not confirm(session, f"Run {event.name} with live credentials?", default=False):
        raise click.Abort


def say_what_waits(session: Session, record: RunRecord) -> None:
    """Tell of actions whose next attempt is left to others."""
    waiting = sum(each.is_waiting for each in record.actions)
    if waiting:
        actions = "1 action waits" if waiting == 1 else f"{waiting} actions wait"
        session.say(f"{actions} for another attempt, by eventwire serve where it runs, or with: eventwire recover")


def draw(session: Session, record: RunRecord, explain: bool) -> str:
    """The record as text for this terminal."""
    from eventwire.terminal.explanation import draw_explanations
    from eventwire.terminal.requests import draw_requests
    from eventwire.terminal.waterfall import Canvas, draw_run

    canvas = Canvas(session.width, session.style, session.shows_unicode)
    parts = [draw_run(record, canvas)]
    if explain:
        parts.append(draw_explanations(record, canvas))
    if any(action.status is DeliveryStatus.PLANNED and not action.is_waiting for action in record.actions):
        parts.append(draw_requests(record, canvas))
    return "\n\n".join([*parts, *draw_raised(session, record)])


def draw_raised(session: Session, record: RunRecord) -> Iterator[str]:
    """The events that a run raised, each with its own waterfall."""
    for each in record.raised:
        head = (
            f"{each.by} raised {each.event}" if each.record else f"{each.by} could not raise {each.event}: {each.error}"
        )
        yield session.style(head, "name" if each.record else "bad")
        if each.record is not None:
            yield draw(session, each.record, False)


def say_what_was_not_raised(session: Session, record: RunRecord) -> None:
    """Tell of events that could not be raised, where only one document is printed."""
    for each in everything_raised(record):
        if each.error is not None:
            session.say(f"{each.by} could not raise {each.event}: {each.error}")


def everything_raised(record: RunRecord) -> Iterator[Raised]:
    """The events that a run raised, and what those raised."""
    for each in record.raised:
        yield each
        if each.record is not None:
            yield from everything_raised(each.record)


def exit_code(record: RunRecord) -> ExitCode:
    """5 where an action failed, also of an event that was raised, or one could not be raised; 4 where all that failed
    did so for want of a credential.
    """
    codes = [exit_code_of(record)]
    for each in everything_raised(record):
        codes.append(exit_code_of(each.record) if each.record is not None else ExitCode.ACTION)
    return max(codes)


def exit_code_of(record: RunRecord) -> ExitCode:
    """The exit code of a run, but for what it raised."""
    failed = (DeliveryStatus.FAILED, DeliveryStatus.UNKNOWN)
    bad = [each for each in record.actions if each.status in failed or each.is_waiting]
    if not bad:
        return ExitCode.DONE
    return ExitCode.CREDENTIAL if all(map(is_about_credentials, bad)) else ExitCode.ACTION


def is_about_credentials(action: ActionRecord) -> bool:
    """Whether an action failed because a credential is missing or was refused."""
    return action.error is not None and action.error["kind"] in ("credential", "refused")
