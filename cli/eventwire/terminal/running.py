"""What `eventwire run` does: the payload through the pipeline, and the record on the terminal."""

from __future__ import annotations

from collections.abc import Iterator

import click
from msgspec import Struct

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


def run_event(session: Session, event: str | None, wish: Wish) -> int:
    """Run one event, or many with `--each`; returns the exit code."""
    project = open_project(session)
    asked = Question("event", "EVENT", choose("Which event?", list(project.events)))
    chosen = find_event(project, complete(session, {"event": event}, [asked])["event"])
    selection = select(chosen, wish.only)
    if wish.each and (wish.data or wish.settings or wish.key):
        raise UsageError("--each takes its payloads from its file.", next_step="Leave out --data, --set and --key.")
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
        )
        if payload is None:
            from eventwire.terminal.each import run_each

            return run_until_done(
                run_each(session, pipeline, chosen, str(wish.each), wish.concurrency, selection, wish.dry_run)
            )
        incoming = IncomingEvent(chosen.name, payload, "cli", wish.key)
        record, stopped = run_until_done(run_one(session, pipeline, incoming, selection, wish.dry_run))
    finally:
        if journal:
            journal.close()
    session.out(session.encode(record.as_dict()) if session.json else draw(session, record, wish.explain))
    if session.json:
        say_what_was_not_raised(session, record)
    return ExitCode.INTERRUPTED if stopped else exit_code(record)


async def run_one(
    session: Session, pipeline: Pipeline, incoming: IncomingEvent, selection: Selection, dry_run: bool
) -> tuple[RunRecord, bool]:
    """One event's record, and whether the user stopped it."""
    stopping = Stopping(session, pipeline)
    stopping.listen()
    try:
        return await pipeline.run(incoming, only=selection, dry_run=dry_run), stopping.wanted
    finally:
        await pipeline.close()


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


def draw(session: Session, record: RunRecord, explain: bool) -> str:
    """The record as text for this terminal."""
    from eventwire.terminal.explanation import draw_explanations
    from eventwire.terminal.requests import draw_requests
    from eventwire.terminal.waterfall import Canvas, draw_run

    canvas = Canvas(session.width, session.style, session.shows_unicode)
    parts = [draw_run(record, canvas)]
    if explain:
        parts.append(draw_explanations(record, canvas))
    if any(action.status is DeliveryStatus.PLANNED for action in record.actions):
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
    bad = [each for each in record.actions if each.status in (DeliveryStatus.FAILED, DeliveryStatus.UNKNOWN)]
    if not bad:
        return ExitCode.DONE
    return ExitCode.CREDENTIAL if all(map(is_about_credentials, bad)) else ExitCode.ACTION


def is_about_credentials(action: ActionRecord) -> bool:
    """Whether an action failed because a credential is missing or was refused."""
    return action.error is not None and action.error["kind"] in ("credential", "refused")
