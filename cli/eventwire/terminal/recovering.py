"""Runs that were left over: brought to their end beside a command's own work, or by `eventwire recover`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from eventwire.engine.passage import NotRecorded
from eventwire.engine.pipeline import Pipeline
from eventwire.engine.record import DeliveryStatus, RunRecord
from eventwire.engine.retention import forget_old_runs
from eventwire.errors import ExitCode
from eventwire.journal.rows import Row
from eventwire.journal.store import FILE_NAME, Journal
from eventwire.project.locate import STATE_FOLDER
from eventwire.project.model import ENVIRONMENTS
from eventwire.terminal.loop import Stopping, run_until_done
from eventwire.terminal.project import open_project
from eventwire.terminal.retrying import RetryDisplay

if TYPE_CHECKING:
    from eventwire.terminal.session import Session

AT_ONCE = 16


@asynccontextmanager
async def recovering(session: Session, pipeline: Pipeline, stopping: Stopping) -> AsyncIterator[None]:
    """Beside a command's own work, bring those runs to their end whose process died, and remove from the journal what is
    too old. Closes the pipeline at the end.

    Those of the other environment are only told of: nothing live is sent because a test was run.
    """
    journal = pipeline.journal
    rows = journal.abandoned(handed_over=False) if journal else []
    mine = [row for row in rows if row["environment"] == pipeline.environment]
    tell_of_others(session, [row for row in rows if row not in mine])
    task = asyncio.create_task(recover_all(session, pipeline, mine, stopping), name="recover") if mine else None
    days = pipeline.project.retention_days
    forgetting = asyncio.create_task(forget_old_runs(journal, days), name="retention") if journal and days else None
    try:
        yield
        if task is not None:
            # nobody who ran one event waits for the retries of another
            pipeline.leave_retries()
            await task
    finally:
        if forgetting is not None:
            forgetting.cancel()
            await asyncio.gather(forgetting, return_exceptions=True)
        if task is not None and not task.done():
            await asyncio.wait([task])
        await pipeline.close()


def tell_of_others(session: Session, rows: Sequence[Row]) -> None:
    """Say that runs wait which this command does not touch."""
    if rows:
        environment = rows[0]["environment"]
        runs = f"{len(rows)} {environment} run{'s' * (len(rows) != 1)}"
        session.say(f"{runs} from before did not end. Bring them to their end with: eventwire recover")


async def recover_all(session: Session, pipeline: Pipeline, rows: Sequence[Row], stopping: Stopping) -> list[RunRecord]:
    """Bring runs to their end, some at once, and no more of them once the user wants to stop; tell of each."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def recover_one(row: Row) -> RunRecord | None:
        async with slots:
            if stopping.wanted:
                return None
            try:
                record = await pipeline.recover(row["id"])
            except NotRecorded as error:
                session.say(error.message)
                return error.record
        if record is not None and not session.json:
            session.say(sentence_of(record))
        return record

    records = await asyncio.gather(*(recover_one(row) for row in rows))
    return [each for each in records if each is not None]


def sentence_of(record: RunRecord) -> str:
    """What came of a run that was left over."""
    if waiting := sum(each.is_waiting for each in record.actions):
        actions = "1 action waits" if waiting == 1 else f"{waiting} actions wait"
        return f"Run {record.id} of {record.event} has not ended yet: {actions} for another attempt. Wait for it with: eventwire recover"
    unknown = sum(each.status is DeliveryStatus.UNKNOWN for each in record.actions)
    more = f", {unknown} unknown" if unknown else ""
    see = f" See what may have happened with: eventwire inspect {record.id}" if unknown else ""
    return f"Run {record.id} of {record.event} had not ended; it has now: {record.status}{more}.{see}"


def recover(session: Session) -> int:
    """Bring every run to its end that no living process runs, and print what came of them; returns the exit code."""
    project = open_project(session)
    state = project.folder / STATE_FOLDER
    records: list[RunRecord] = []
    stopped = was_there_any = False
    if (state / FILE_NAME).is_file():
        journal = Journal(state)
        try:
            for environment in ENVIRONMENTS:
                rows = journal.abandoned(environment)
                was_there_any = was_there_any or bool(rows)
                if rows and not stopped:
                    pipeline = Pipeline(
                        project,
                        environment,
                        environ=session.environ,
                        journal=journal,
                        observer=RetryDisplay(session),
                    )
                    done, stopped = run_until_done(recover_rows(session, pipeline, rows))
                    records += done
        finally:
            journal.close()
    text = summary_of(records) if was_there_any else "Every run has ended; there is nothing to recover."
    if stopped:
        text += " What is left goes on with the same command."
    session.result({"runs": [each.as_dict() for each in records]}, text)
    if stopped:
        return ExitCode.INTERRUPTED
    return ExitCode.ACTION if any(each.status != "succeeded" for each in records) else ExitCode.DONE


async def recover_rows(session: Session, pipeline: Pipeline, rows: Sequence[Row]) -> tuple[list[RunRecord], bool]:
    """The records of these runs, and whether the user stopped it."""
    stopping = Stopping(session, pipeline, leave_retries=True)
    stopping.listen()
    try:
        return await recover_all(session, pipeline, rows, stopping), stopping.wanted
    finally:
        await pipeline.close()


def summary_of(records: Sequence[RunRecord]) -> str:
    """How many runs were brought to their end, and how."""
    ended = [each for each in records if not any(action.is_waiting for action in each.actions)]
    left = len(records) - len(ended)
    counts = Counter(str(each.status) for each in ended)
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    figures = f": {told}" if told else ""
    rest = f" {left} {'waits' if left == 1 else 'wait'} for another attempt." if left else ""
    return f"{len(ended)} run{' has' if len(ended) == 1 else 's have'} been brought to an end{figures}.{rest}"
