"""`run --each`: every line of a file through the pipeline, a bounded number at once, in constant memory."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from stat import S_ISREG
from threading import Semaphore, Thread
from typing import Any, BinaryIO, TextIO

from eventwire.engine.pipeline import KeyReused, Pipeline
from eventwire.engine.run import IncomingEvent
from eventwire.engine.selection import Selection
from eventwire.errors import EventwireError, ExitCode, PayloadError, Rejected, UsageError
from eventwire.fields import Context, Field
from eventwire.journal.store import JournalError
from eventwire.language.findings import LanguageError
from eventwire.language.payloads import LIMIT_BYTES, read_payload
from eventwire.language.template_checks import check_template
from eventwire.language.wildcards import parse_template
from eventwire.project.model import Event
from eventwire.terminal.loop import Stopping
from eventwire.terminal.recovering import recovering
from eventwire.terminal.running import Wish, everything_raised
from eventwire.terminal.session import Session, is_terminal
from eventwire.terminal.waterfall import milliseconds

KeyOf = Callable[[Mapping[str, Any]], str | None]
"""An event's idempotency key, by its payload. Raises Rejected where a value is missing."""
# Bad lines and failed actions are told one by one up to this many, and counted after that.
TOLD = 100
READ_AHEAD = 1000
"""So many lines of a pipe are kept at most that nobody is free to run yet."""


@dataclass
class Tally:
    """What came of many events, in constant memory."""

    counts: dict[str, int] = field(default_factory=lambda: {"succeeded": 0, "partial": 0, "failed": 0, "invalid": 0})
    problems: list[dict[str, Any]] = field(default_factory=list)
    interrupted: bool = False
    broken: EventwireError | None = None
    """What ended it early: the journal cannot be written any more."""

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
    wish: Wish,
    only: Selection,
) -> int:
    """Run every line of `@FILE` or `@-`; returns the exit code. A bad line is told, and the rest go on."""
    source = str(wish.each)
    tally = Tally()
    started = time.perf_counter()
    stopping = Stopping(session, pipeline)
    stopping.listen()
    key_of = key_template(event, wish.key)
    lines = Lines(numbered_lines(session, source), is_live=source == "@-" and is_live(session.stdin))
    stopping.then(lines.end)

    async def worker(advance: Any) -> None:
        # workers share the lines: the next one is read only when somebody is free to run it
        while (numbered := await lines.next()) is not None:
            number, line = numbered
            if stopping.wanted or tally.broken:
                return
            try:
                await run_line(session, pipeline, event, number, line, only, wish.dry_run, tally, key_of)
            except JournalError as error:
                # what cannot be recorded is not sent: the rest would fare no better
                tally.broken = tally.broken or error
                lines.end()
                tally.add("failed")
                tally.add_problem(session, number, error.message)
            advance(len(line))

    async with recovering(session, pipeline, stopping):
        with closing(lines), progress(session, source) as advance:
            async with asyncio.TaskGroup() as group:
                for number in range(wish.concurrency):
                    group.create_task(worker(advance), name=f"worker {number}")
    tally.interrupted = stopping.wanted
    tell(session, tally, (time.perf_counter() - started) * 1000)
    if tally.broken:
        raise tally.broken
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
    key_of: KeyOf,
) -> None:
    """One line through the pipeline."""
    try:
        payload = read_payload(line)
        incoming = IncomingEvent(event.name, payload, "cli", key_of(payload))
        record = await pipeline.run(incoming, only=only, dry_run=dry_run)
    except (PayloadError, Rejected, KeyReused) as error:
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


def key_template(event: Event, key: str | None) -> KeyOf:
    """Each event's idempotency key, from wildcards over its payload; none where none is asked for. Raises UsageError."""
    if key is None:
        return lambda payload: None
    field = Field("key", "Idempotency key", context=Context.TEXT)
    try:
        template = parse_template(key, field.context, field.type)
        findings = [each for each in check_template(template, event.model, field) if each.severity == "error"]
    except LanguageError as error:
        raise UsageError(f"--key: {error}") from error
    if findings or not template.wildcards:
        raise UsageError(
            " ".join(each.message for each in findings) or f'Every event would have the same idempotency key, "{key}".',
            next_step="Make it of what tells the events apart: --key 'order-{id}'",
        )

    def key_of(payload: Mapping[str, Any]) -> str:
        made = str(template.render(payload, {}))
        if not made:
            raise Rejected("Its idempotency key is empty.")
        if "\0" in made:
            raise Rejected("Its idempotency key holds the control character U+0000.")
        return made

    return key_of


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


class Lines:
    """The lines of a source, one by one, to whoever is free to run it."""

    def __init__(self, lines: Generator[tuple[int, bytes]], *, is_live: bool) -> None:
        """Of a live source lines come at any time: a thread waits for them, so that what came is not held up by what has
        not come yet, and Ctrl-C is heard.
        """
        self._lines = lines
        self._come: asyncio.Queue[tuple[int, bytes] | None] | None = None
        if is_live:
            self._come = asyncio.Queue()
            self._room = Semaphore(READ_AHEAD)
            # it may wait for a line for ever: a daemon, which the process does not wait for
            Thread(target=self._read, args=(asyncio.get_running_loop(),), name="lines", daemon=True).start()

    async def next(self) -> tuple[int, bytes] | None:
        """The next line with its number; None at the end."""
        if self._come is None:
            return next(self._lines, None)
        numbered = await self._come.get()
        if numbered is None:
            self.end()  # for the next who asks
        else:
            self._room.release()
        return numbered

    def end(self) -> None:
        """Let nobody wait for more lines."""
        if self._come is not None:
            self._come.put_nowait(None)

    def close(self) -> None:
        """Close the source, unless somebody else is reading it."""
        if self._come is None:
            self._lines.close()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        assert self._come is not None
        # a loop that has ended in the meantime has nobody left who waits
        with suppress(RuntimeError):
            for numbered in self._lines:
                self._room.acquire()
                loop.call_soon_threadsafe(self._come.put_nowait, numbered)
            loop.call_soon_threadsafe(self.end)


def is_live(stream: TextIO) -> bool:
    """Whether reading a stream may wait for somebody: a pipe, a terminal."""
    try:
        return not S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return False


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
    with Progress(*columns, console=console, transient=True) as bar, session.saying_above(console):
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
    session.result(document, f"{tally.events} event{'s' * (tally.events != 1)} {took}: {counts or 'nothing to do'}")
