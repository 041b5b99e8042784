"""`run --each`: every line of a file through the pipeline, a bounded number at once, in constant memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from eventwire.engine.pipeline import Pipeline
from eventwire.engine.run import IncomingEvent
from eventwire.engine.selection import Selection
from eventwire.errors import EventwireError, ExitCode, PayloadError, UsageError
from eventwire.language.payloads import LIMIT_BYTES, read_payload
from eventwire.project.model import Event
from eventwire.terminal.loop import Stopping
from eventwire.terminal.running import everything_raised
from eventwire.terminal.session import Session, is_terminal
from eventwire.terminal.waterfall import milliseconds

# Bad lines and failed actions are told one by one up to this many, and counted after that.
TOLD = 100


@dataclass
class Tally:
    """What came of many events, in constant memory."""

    counts: dict[str, int] = field(default_factory=lambda: {"succeeded": 0, "partial": 0, "failed": 0, "invalid": 0})
    problems: list[dict[str, Any]] = field(default_factory=list)
    interrupted: bool = False

    @property
    def events(self) -> int:
        """How many lines were read and dealt with."""
        return sum(self.counts.values())

    def add(self, status: str) -> None:
        """Count one event."""
        self.counts[status] += 1

    def add_problem(self, session: Session, line: int, message: str, run: str | None = None) -> None:
        """Tell and keep one problem, as long as there are not too many."""
        if len(self.problems) >= TOLD:
            return
        self.problems.append({"line": line, "message": message, "run": run})
        if not session.json:
            session.say(f"line {line}: {message}")
        if len(self.problems) == TOLD:
            session.say(f"Further problems are counted, not told: these were the first {TOLD}.")

    def exit_code(self) -> ExitCode:
        """5 where an action failed, 2 where lines were no payloads."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if self.counts["failed"] or self.counts["partial"]:
            return ExitCode.ACTION
        return ExitCode.USAGE if self.counts["invalid"] else ExitCode.DONE


async def run_each(
    session: Session,
    pipeline: Pipeline,
    event: Event,
    source: str,
    concurrency: int,
    only: Selection,
    dry_run: bool,
) -> int:
    """Run every line of `@FILE` or `@-`; returns the exit code. A bad line is told, and the rest go on."""
    tally = Tally()
    started = time.perf_counter()
    stopping = Stopping(session, pipeline)
    stopping.listen()
    lines = numbered_lines(session, source)

    async def worker(advance: Any) -> None:
        # workers share one generator: the next line is read only when somebody is free to run it
        for number, line in lines:
            if stopping.wanted:
                return
            await run_line(session, pipeline, event, number, line, only, dry_run, tally)
            advance(len(line))

    try:
        with closing(lines), progress(session, source) as advance:
            async with asyncio.TaskGroup() as group:
                for number in range(concurrency):
                    group.create_task(worker(advance), name=f"worker {number}")
    finally:
        await pipeline.close()
    tally.interrupted = stopping.wanted
    tell(session, tally, (time.perf_counter() - started) * 1000)
    return tally.exit_code()


async def run_line(
    session: Session,
    pipeline: Pipeline,
    event: Event,
    number: int,
    line: bytes,
    only: Selection,
    dry_run: bool,
    tally: Tally,
) -> None:
    """One line through the pipeline."""
    try:
        incoming = IncomingEvent(event.name, read_payload(line), "cli")
        record = await pipeline.run(incoming, only=only, dry_run=dry_run)
    except PayloadError as error:
        tally.add("invalid")
        tally.add_problem(session, number, sentence_of(error))
        return
    raised = list(everything_raised(record))
    bad = [each for each in raised if each.error or (each.record and each.record.status != "succeeded")]
    tally.add("partial" if bad and record.status == "succeeded" else record.status)
    for run in (record, *(each.record for each in raised if each.record)):
        for action in run.actions:
            if action.error:
                tally.add_problem(session, number, f"{action.name}: {action.error['message']}", run.id)
    for each in raised:
        if each.error:
            tally.add_problem(session, number, f"{each.by} could not raise {each.event}: {each.error}", record.id)


def sentence_of(error: EventwireError) -> str:
    """An error on one line."""
    violations = [f"{path}: {sentence}" for path, sentence in getattr(error, "violations", ())]
    return " ".join([error.message, *violations[:5]])


def numbered_lines(session: Session, source: str) -> Generator[tuple[int, bytes]]:
    """The lines that are not blank, numbered from 1. Raises UsageError where there is no such file."""
    stream = open_source(session, source)

    def lines() -> Generator[tuple[int, bytes]]:
        with closing(stream):
            number = 0
            while line := stream.readline(LIMIT_BYTES + 2):
                number += 1
                if line.strip():
                    yield number, line

    return lines()


def open_source(session: Session, source: str) -> BinaryIO:
    """The file after `@`, or standard input."""
    if not source.startswith("@"):
        raise UsageError("--each takes a file of one payload a line.", next_step=f"Write --each @{source}")
    if source == "@-":
        return session.stdin.buffer
    try:
        return (session.working_folder / source[1:]).open("rb")
    except OSError as error:
        raise UsageError(
            f"The file {source[1:]} cannot be read: {error.strerror}.",
            next_step="Name a file after @, or @- for standard input.",
        ) from error


@contextmanager
def progress(session: Session, source: str) -> Iterator[Any]:
    """A progress bar on a terminal, by the bytes of the file; nothing elsewhere."""
    if session.json or not is_terminal(session.stderr):
        yield lambda amount: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    size = None if source == "@-" else (session.working_folder / source[1:]).stat().st_size
    console = Console(file=session.stderr, no_color=not session.has_colour("stderr"))
    columns = (TextColumn("Running"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("run", total=size)
        yield lambda amount: bar.advance(task, amount)


def tell(session: Session, tally: Tally, duration_ms: float) -> None:
    """Print the figures."""
    document = {
        "events": tally.events,
        **tally.counts,
        "interrupted": tally.interrupted,
        "duration_ms": round(duration_ms, 3),
        "problems": tally.problems,
    }
    counts = ", ".join(f"{count} {name}" for name, count in tally.counts.items() if count)
    rate = tally.events / duration_ms * 1000 if duration_ms else 0
    took = f"in {milliseconds(duration_ms)} ({rate:,.0f} a second)"
    session.result(document, f"{tally.events} events {took}: {counts or 'nothing to do'}")
