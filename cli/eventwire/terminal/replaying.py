"""What `eventwire replay` does: choose runs, show the plan, and carry it out."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct

from eventwire.engine.inspected import find_run
from eventwire.engine.passage import NotRecorded
from eventwire.engine.pipeline import Pipeline
from eventwire.engine.replay import WORDS, Change, ReplayPlan, Step, originals, plan_replay, replay
from eventwire.engine.selection import Selection
from eventwire.errors import EventwireError, ExitCode, UsageError
from eventwire.journal.identifiers import new_run_id
from eventwire.journal.rows import Row
from eventwire.journal.store import Journal
from eventwire.project.files import write_atomically
from eventwire.project.model import ENVIRONMENTS
from eventwire.terminal.history import open_journal, read_moment
from eventwire.terminal.loop import Stopping, run_until_done
from eventwire.terminal.project import open_project
from eventwire.terminal.retrying import RetryDisplay
from eventwire.terminal.session import is_terminal
from eventwire.terminal.tables import paragraph

if TYPE_CHECKING:
    from eventwire.project.model import Project
    from eventwire.terminal.session import Session

SHOWN_PLANS = 50
"""So many runs' plans are drawn; of more, only the sums."""
MOST_RUNS = 1_000_000
AGAIN_FILE = "replay-again.txt"


class Wish(Struct, frozen=True):
    """Which runs, and how: the options of `eventwire replay`."""

    runs: tuple[str, ...]
    event: str | None = None
    filters: tuple[str, ...] = ()
    status: str | None = None
    since: str | None = None
    until: str | None = None
    plan: bool = False
    again: bool = False
    yes: bool = False
    concurrency: int = 16

    @property
    def chooses(self) -> bool:
        """Whether it says which runs at all."""
        return bool(self.runs or self.event or self.status or self.since or self.until)


def replay_runs(session: Session, wish: Wish) -> int:
    """Plan, ask, replay; returns the exit code."""
    project = open_project(session)
    if not wish.chooses:
        raise UsageError(
            "Which runs are to be replayed is not said.",
            next_step="Name runs, or choose with --status failed, --event E, --since 2h or --until T.",
        )
    if wish.runs and (wish.event or wish.status or wish.since or wish.until):
        raise UsageError(
            "Runs are either named, or chosen by --event, --status, --since and --until.",
            next_step="Leave out the names of the runs, or what chooses them.",
        )
    journal = open_journal(project.folder)
    if journal is None:
        raise UsageError("Nothing has run yet, so there is nothing to replay.", next_step="See: eventwire run --help")
    try:
        plans = plan_all(session, project, journal, wish)
        check_filters(wish.filters, plans)
        if wish.plan or not any(each.sends for each in plans):
            session.result({"runs": [each.as_dict() for each in plans]}, draw_plans(session, plans))
            return ExitCode.ERROR if not wish.plan and any(each.problem for each in plans) else ExitCode.DONE
        confirm(session, plans, wish)
        return carry_out(session, project, journal, wish, plans)
    finally:
        journal.close()


def plan_all(session: Session, project: Project, journal: Journal, wish: Wish) -> list[ReplayPlan]:
    """What replaying each of the chosen runs would do, oldest first."""
    pipelines = {
        environment: Pipeline(project, environment, environ=session.environ, journal=journal)
        for environment in ENVIRONMENTS
    }
    options: dict[str, Any] = {
        "only": Selection(frozenset(wish.filters)),
        "is_anew": wish.again,
        # who names a run, or asks for what is unknown, has seen that it may have happened
        "repeats_unknown": bool(wish.runs) or wish.status == "unknown",
    }
    return [plan_replay(pipelines[row["environment"]], row, **options) for row in chosen_runs(journal, wish)]


def check_filters(names: Sequence[str], plans: Sequence[ReplayPlan]) -> None:
    """Make sure that each of `--filter` is of one of the runs. Raises UsageError."""
    if not any(each.incoming for each in plans):
        return
    found = {step.filter for plan in plans for step in plan.steps}
    found |= {f"{step.filter}/{step.action}" for plan in plans for step in plan.steps}
    for name in names:
        if name not in found:
            raise UsageError(
                f'None of these runs has a filter or an action "{name}" that could be sent.',
                next_step="See what they have with: eventwire inspect RUN",
            )


def chosen_runs(journal: Journal, wish: Wish) -> list[Row]:
    """The runs that are named, or found by what was said of them. Raises UsageError."""
    rows = [row for run in wish.runs for row in runs_named(journal, run)]
    if not wish.runs:
        rows = journal.runs(
            event=wish.event,
            status=wish.status,
            since=read_moment(wish.since) if wish.since else None,
            until=read_moment(wish.until) if wish.until else None,
            limit=MOST_RUNS,
        )
    return originals(rows, journal.run)


def runs_named(journal: Journal, name: str) -> list[Row]:
    """The run of a name; of `@FILE`, which an interrupted `--again` leaves, those that it had not come to. Raises
    UsageError.
    """
    if not name.startswith("@"):
        return [find_run(journal, name)]
    try:
        begun, *runs = Path(name[1:]).read_text(encoding="utf-8").split()
    except (OSError, ValueError) as error:
        raise UsageError(
            f"The file {name[1:]} does not hold what an interrupted replay leaves.",
            next_step="Name the runs themselves.",
        ) from error
    rows = [find_run(journal, run) for run in runs]
    return [row for row in rows if not any(each["id"] > begun for each in journal.replays(row["id"]))]


def keep_what_is_sent_again(journal: Journal, plans: Sequence[ReplayPlan]) -> Path:
    """A file of the runs that are about to be sent anew: what is sent already does not tell where that had come to."""
    path = journal.folder / AGAIN_FILE
    write_atomically(path, "\n".join([new_run_id(), *(each.original["id"] for each in plans if each.sends)]) + "\n")
    return path


def confirm(session: Session, plans: Sequence[ReplayPlan], wish: Wish) -> None:
    """Show the plan and make sure that it is meant. Raises UsageError off a terminal without --yes."""
    if wish.yes:
        return
    if not session.interactive:
        raise UsageError(
            f"{summary_of(plans)} Nobody is here to confirm it.",
            next_step="See it with --plan, then confirm it with --yes.",
        )
    from eventwire.terminal.prompts import confirm as ask

    session.say(draw_plans(session, plans))
    live = sum(each.original["environment"] == "live" and each.sends for each in plans)
    question = f"Replay with live credentials ({live} runs)?" if live else "Replay?"
    if not ask(session, question, default=False):
        raise click.Abort


def carry_out(session: Session, project: Project, journal: Journal, wish: Wish, plans: Sequence[ReplayPlan]) -> int:
    """Replay what there is to send; print what came of it."""
    told: list[dict[str, Any]] = []
    stopped = False
    begun = keep_what_is_sent_again(journal, plans) if wish.again else None
    for environment in ENVIRONMENTS:
        mine = [each for each in plans if each.sends and each.original["environment"] == environment]
        if mine and not stopped:
            display = RetryDisplay(session, is_live=not has_progress(session, len(mine)))
            pipeline = Pipeline(project, environment, environ=session.environ, journal=journal, observer=display)
            outcomes, stopped = run_until_done(replay_all(session, pipeline, mine, wish))
            told += outcomes
    counts = Counter(each["status"] for each in told)
    left = sum(each.sends for each in plans) - len(told)
    document = {"runs": told, "skipped": [each.as_dict() for each in plans if not each.sends], "left": left}
    lines = [paragraph(line, session.width) for line in outcomes_of(told)]
    figures = ", ".join(f"{count} {status}" for status, count in counts.items())
    rest = f" {left} are left; {how_to_go_on(session, begun)} goes on with them." if left else ""
    if begun and not left:
        begun.unlink(missing_ok=True)
    session.result(
        document, "\n".join([*lines, f"{len(told)} run{'s' * (len(told) != 1)} replayed: {figures or 'none'}.{rest}"])
    )
    if stopped:
        return ExitCode.INTERRUPTED
    return ExitCode.DONE if set(counts) <= {"succeeded"} else ExitCode.ACTION


def how_to_go_on(session: Session, begun: Path | None) -> str:
    """What finishes a replay that was interrupted."""
    if begun is None:
        return "the same command"
    return f"eventwire replay --again @{os.path.relpath(begun, session.working_folder)}"


def outcomes_of(told: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What came of replays that say why, a sentence each."""
    return (f"{each['run']} of {each['event']}: {each['status']}{each['why']}" for each in told if each["why"])


async def replay_all(
    session: Session, pipeline: Pipeline, plans: Sequence[ReplayPlan], wish: Wish
) -> tuple[list[dict[str, Any]], bool]:
    """Replay runs, a bounded number at once; what came of each, and whether the user stopped it."""
    stopping = Stopping(session, pipeline)
    stopping.listen()
    told: list[dict[str, Any]] = []
    waiting = iter(plans)
    only = Selection(frozenset(wish.filters))

    async def worker(advance: Any) -> None:
        for plan in waiting:
            if stopping.wanted:
                return
            told.append(await replay_one(pipeline, plan, only))
            advance(1)

    try:
        with progress(session, len(plans)) as advance:
            async with asyncio.TaskGroup() as group:
                for number in range(wish.concurrency):
                    group.create_task(worker(advance), name=f"replay {number}")
    finally:
        await pipeline.close()
    return told, stopping.wanted


async def replay_one(pipeline: Pipeline, plan: ReplayPlan, only: Selection) -> dict[str, Any]:
    """Replay one run; what came of it, as data."""
    document = {"original": plan.original["id"], "event": plan.original["event"], "why": ""}
    try:
        record = await replay(pipeline, plan, only=only)
    except NotRecorded as error:
        return document | {"run": error.record.id, "status": error.record.status, "why": f": {error.message}"}
    except EventwireError as error:
        return document | {"run": plan.original["id"], "status": "failed", "why": f": {error.message}"}
    errors = [
        f"{each.name}: {each.error['message']}" for each in record.actions if each.error and each.status != "skipped"
    ]
    why = f": {' '.join(errors)}" if errors else ""
    return document | {"run": record.id, "status": str(record.status), "why": why}


def has_progress(session: Session, total: int) -> bool:
    """Whether a progress bar is shown: on a terminal, of more than one."""
    return not session.json and is_terminal(session.stderr) and total > 1


@contextmanager
def progress(session: Session, total: int) -> Iterator[Any]:
    """A progress bar on a terminal; nothing elsewhere."""
    if not has_progress(session, total):
        yield lambda amount: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(file=session.stderr, no_color=not session.has_colour("stderr"))
    columns = (TextColumn("Replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar, session.saying_above(console):
        task = bar.add_task("replay", total=total)
        yield lambda amount: bar.advance(task, amount)


# Drawing the plan


def draw_plans(session: Session, plans: Sequence[ReplayPlan]) -> str:
    """What would be done, run by run; of many runs only the sums."""
    if not plans:
        return "No run is found that fits. See the runs with: eventwire history"
    drawn = [draw_plan(session, each) for each in plans[:SHOWN_PLANS]]
    more = [f"… and {len(plans) - SHOWN_PLANS} more runs"] if len(plans) > SHOWN_PLANS else []
    return "\n".join([*drawn, *more, "", summary_of(plans)])


def draw_plan(session: Session, plan: ReplayPlan) -> str:
    """What would be done about one run."""
    row = plan.original
    head = f"{session.style(row['id'], 'bold')}  {row['event']}  {row['environment']}  {row['status']}"
    if plan.problem:
        told = paragraph(f"  cannot be replayed: {plan.problem}", session.width, "    ")
        return f"{head}\n{told.replace('cannot be replayed', session.style('cannot be replayed', 'bad'), 1)}"
    return "\n".join([head, *(line for step in plan.steps for line in draw_step(session, step))])


def draw_step(session: Session, step: Step) -> Iterator[str]:
    """What would be done about one action."""
    word, colour = WORDS[step.change]
    told = paragraph(f"{step.filter}/{step.action}{f': {step.error}' if step.error else ''}", session.width - 13, "  ")
    first, *rest = told.split("\n")
    yield f"  {session.style(f'{word:<9}', colour)}  {first}"
    yield from (f"{'':13}{line}" for line in rest)
    for line in step.diff:
        yield f"      {session.style(line, {'+': 'ok', '-': 'bad'}.get(line[:1], 'dim'))}"


def summary_of(plans: Sequence[ReplayPlan]) -> str:
    """The sums of a plan, as a sentence."""
    counts: Mapping[Change, int] = Counter(step.change for plan in plans for step in plan.steps)
    told = ", ".join(f"{counts[change]} {word}" for change, (word, _) in WORDS.items() if counts.get(change))
    problems = sum(plan.problem is not None for plan in plans)
    blocked = f"; {problems} cannot be replayed" if problems else ""
    return f"{len(plans)} run{'s' * (len(plans) != 1)}, their actions: {told or 'none'}{blocked}."
