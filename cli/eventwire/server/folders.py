"""Sources that are watched folders: each line or row of each file once.

What was read of a file is kept, with its digest: what is appended is read when it comes, and another file of the same
name is read from its beginning. A row's id is made of file and line, so that one that was taken and not noted, because
the process ended in between, is taken once only.
"""

from __future__ import annotations

import asyncio
import csv
import os
import time
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from msgspec import Struct

from eventwire.errors import EventwireError, PayloadError, Place
from eventwire.language.payloads import encode_json, read_json, read_payload
from eventwire.server.bodies import LIMIT_BYTES
from eventwire.server.controls import one_line
from eventwire.server.schedules import Raise, Tell

if TYPE_CHECKING:
    from eventwire.project.model import Source
    from eventwire.server.sources import RaisedEvent, SourcePlan
    from eventwire.server.store import Store

LINES = (".ndjson", ".jsonl")
TABLES = (".csv",)
SETTLED_SECONDS = 2.0
"""A file that nobody has written for so long has its last line, with a line end or without."""
KEEP_EVERY = 100  # rows after which it is kept how far a file was read; what is read twice is taken once all the same
POLL_SECONDS = 1.0
SAMPLE_BYTES = 65_536
BOM = b"\xef\xbb\xbf"


class Row(Struct, frozen=True):
    """A line or row of a file."""

    file: str
    line: int
    """The line that it ends on, counted from 1."""
    id: str
    """The same whenever the same line of the same file is read."""
    body: dict[str, Any] | None
    """What it holds; None where `error` says why it holds nothing."""
    textual: bool = False
    """Its values are texts: it is a row of CSV."""
    error: PayloadError | None = None


class Progress(Struct):
    """How far a file was read."""

    generation: int = 1
    seen: str = ""
    digest: str = ""
    header: str = "null"
    line: int = 0
    offset: int = 0


class FolderReader:
    """Reads a watched folder. `rows` says what is new each time it is called."""

    def __init__(self, store: Store, source: Source, base: Path) -> None:
        """`base` is the project's folder, which the source's folder is taken from."""
        self.store = store
        self.source = source
        self.folder = base / source.settings["folder"]

    def files(self) -> list[Path]:
        """The files there are, the oldest first. Raises EventwireError where the folder cannot be read."""
        try:
            with os.scandir(self.folder) as entries:
                found = [(each.stat().st_mtime_ns, each.name) for each in entries if self._counts(each)]
        except OSError as error:
            raise EventwireError(
                f"The folder {self.folder} of the source {self.source.name} cannot be read: {error.strerror}.",
                next_step="Make it, or change the source's folder.",
            ) from error
        return [self.folder / name for _, name in sorted(found)]

    def _counts(self, entry: os.DirEntry[str]) -> bool:
        name = entry.name
        ours = name.lower().endswith((*LINES, *TABLES)) and not name.startswith(".")
        return ours and fnmatch(name, self.source.settings["pattern"]) and entry.is_file()

    def rows(self, now: float) -> Iterator[Row]:
        """Every row that was not read yet. One counts as read once the next is asked for: whoever stops in between gets it
        again, with the same id. Raises EventwireError where the folder or a file cannot be read.
        """
        for path in self.files():
            try:
                yield from self._rows_of(path, now)
            except OSError as error:
                if isinstance(error, FileNotFoundError):
                    continue  # somebody has taken it away meanwhile
                raise EventwireError(
                    f"{one_line(str(path))} cannot be read: {error.strerror}.", next_step="See that it may be read."
                ) from error

    def _rows_of(self, path: Path, now: float) -> Iterator[Row]:
        before = self._progress(path.name)
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            seen = f"{state.st_size}:{state.st_mtime_ns}:{state.st_ino}"
            settled = now - state.st_mtime >= SETTLED_SECONDS
            if before is not None and before.seen == seen:
                return
            progress = self._continued(file, before)
            lines = Lines(file, state.st_size, settled, progress)
            read = read_table if path.suffix.lower() in TABLES else read_lines
            for count, row in enumerate(read(lines, path.name, self.source.settings["delimiter"]), start=1):
                yield row
                lines.take()
                if count % KEEP_EVERY == 0:
                    self._keep(path.name, file, progress)
            # a file that is still being written is looked into again, whether it changes or not
            progress.seen = seen if settled or progress.offset >= state.st_size else ""
            self._keep(path.name, file, progress)

    def _continued(self, file: BinaryIO, before: Progress | None) -> Progress:
        """Where to read on: where it was left, or at the beginning of what is another file."""
        progress = before or Progress()
        if before is not None and fingerprint(file, before.offset) != before.digest:
            progress = Progress(before.generation + 1)
        file.seek(progress.offset)
        return progress

    def _progress(self, name: str) -> Progress | None:
        row = self.store.first(
            "SELECT generation, seen, digest, header, line, offset FROM files WHERE source = ? AND name = ?",
            (self.source.name, name),
        )
        return Progress(*row) if row else None

    def _keep(self, name: str, file: BinaryIO, progress: Progress) -> None:
        position = file.tell()
        progress.digest = fingerprint(file, progress.offset)
        file.seek(position)
        values = (progress.generation, progress.seen, progress.digest, progress.header, progress.line, progress.offset)
        with self.store.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO files (source, name, generation, seen, digest, header, line, offset)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (self.source.name, name, *values),
            )


def fingerprint(file: BinaryIO, length: int) -> str:
    """What tells the first `length` bytes of a file from those of another: their beginning and their end."""
    digest = sha256(str(length).encode())
    for start, count in ((0, min(length, SAMPLE_BYTES)), (max(0, length - SAMPLE_BYTES), min(length, SAMPLE_BYTES))):
        file.seek(start)
        digest.update(file.read(count))
    return digest.hexdigest()


class Lines:
    """A file's lines from where it was left, and how far they were taken."""

    def __init__(self, file: BinaryIO, size: int, settled: bool, progress: Progress) -> None:
        self.file = file
        self.size = size
        self.settled = settled
        self.progress = progress
        self.line = progress.line
        self._given = 0

    def next(self) -> bytes | None:
        """The next line with its line end; None at the end, and before a last line that may still be written. A line that is
        too long comes in pieces. What is written meanwhile is for the next time.
        """
        room = self.size - self.progress.offset - self._given
        raw = self.file.readline(min(room, LIMIT_BYTES + 1)) if room > 0 else b""
        is_whole = raw.endswith(b"\n")
        is_piece = len(raw) > LIMIT_BYTES and not is_whole
        if not raw or not (is_whole or is_piece or self.settled):
            return None
        self._given += len(raw)
        self.line += not is_piece
        return raw

    def take(self) -> None:
        """What was given out is taken: from now on reading begins behind it."""
        self.progress.offset += self._given
        self.progress.line = self.line
        self._given = 0


def read_lines(lines: Lines, name: str, delimiter: str) -> Iterator[Row]:
    """The rows of a file with a JSON object on each line; empty lines are passed over."""
    while (raw := lines.next()) is not None:
        too_long = len(raw) > LIMIT_BYTES
        while too_long and not raw.endswith(b"\n"):
            lines.take()
            raw = lines.next() or b"\n"
        text = raw.removeprefix(BOM) if lines.line == 1 else raw
        if not text.strip() and not too_long:
            lines.take()
            continue
        id = f"{name}#{lines.progress.generation}:{lines.line}"
        try:
            if too_long:
                raise PayloadError(f"The line is more than {LIMIT_BYTES:,} bytes long.", next_step="Send less of it.")
            yield Row(name, lines.line, id, read_payload(text))
        except PayloadError as error:
            yield Row(name, lines.line, id, None, error=placed(error, name, lines.line))


def read_table(lines: Lines, name: str, delimiter: str) -> Iterator[Row]:
    """The rows of a CSV file, by the names that its first row gives its columns."""
    texts = Texts(lines)
    reader = csv.reader(texts, delimiter=delimiter, strict=True)
    if lines.progress.offset == 0:
        first = next_row(reader, texts, name, None)
        if first is None:
            return
        lines.take()
        if first.error is not None:
            yield first
        lines.progress.header = encode_json(list(first.body or {}))
    header: list[str] = read_json(lines.progress.header)
    # without names there is nothing to call the cells by; that was told with the first row
    while header and (row := next_row(reader, texts, name, header)) is not None:
        if row.body is not None or row.error is not None:
            yield row
        else:
            lines.take()


class Texts:
    """Lines as texts, for csv."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.ended = False

    def __iter__(self) -> Texts:
        return self

    def __next__(self) -> str:
        raw = self.lines.next()
        if raw is None:
            self.ended = True
            raise StopIteration
        return (raw.removeprefix(BOM) if self.lines.line == 1 else raw).decode()


def next_row(reader: Iterator[list[str]], texts: Texts, name: str, header: list[str] | None) -> Row | None:
    """The next row of a CSV file, or its first, which is the header; one without body or error is an empty line. None at
    the end, and before a row that may still be written.
    """
    lines = texts.lines
    cells: list[str] = []
    try:
        cells = next(reader)
        problem = cells_problem(cells, header)
    except StopIteration:
        return None
    except csv.Error as error:
        if texts.ended and not lines.settled:
            return None  # a quote is open, and what closes it may still be written
        problem = f"The row cannot be read: {error}."
    except UnicodeDecodeError:
        problem = "The row is not UTF-8."
    id = f"{name}#{lines.progress.generation}:{lines.line}"
    if problem:
        refused = placed(PayloadError(problem, next_step="Put it right, and append it anew."), name, lines.line)
        return Row(name, lines.line, id, None, error=refused)
    body = dict(zip(header or cells, cells, strict=True)) if cells else None
    return Row(name, lines.line, id, body, textual=True)


def cells_problem(cells: list[str], header: list[str] | None) -> str:
    """What is wrong with a row, or with the first one, in a sentence; nothing where it is right."""
    if header is None:
        if cells and len(set(cells)) == len(cells) and all(each.strip() for each in cells):
            return ""
        return "The first row has to name each column, and none twice."
    if cells and len(cells) != len(header):
        return f"The row has {len(cells)} cells, and the first row {len(header)}."
    return ""


def placed(error: PayloadError, name: str, line: int) -> PayloadError:
    """An error with its file and line."""
    return PayloadError(
        error.message, violations=error.violations, next_step=error.next_step, place=Place(one_line(name), line)
    )


def event_of(plan: SourcePlan, row: Row, now: float) -> RaisedEvent | None:
    """The event of a row; None where the source's condition does not hold. Raises PayloadError with file and line."""
    if row.error is not None:
        raise row.error
    inbound = {"body": row.body, "file": {"name": row.file, "line": row.line}}
    try:
        return plan.raise_event(inbound, now=now, id=row.id, textual=row.textual)
    except PayloadError as error:
        raise placed(error, row.file, row.line) from error


async def run_folder(
    reader: FolderReader,
    plan: SourcePlan,
    raise_event: Raise,
    tell: Tell,
    *,
    clock: Callable[[], float] = time.time,
    poll_seconds: float = POLL_SECONDS,
) -> None:
    """Watch a folder until it is cancelled. A row that makes no event is told, and the rest goes on; what keeps the folder
    from being read is told once, and tried again.
    """
    told = ""
    while True:
        try:
            await take_rows(reader, plan, raise_event, tell, clock)
            told = ""
        except EventwireError as error:
            if str(error) != told:
                told = str(error)
                tell(told)
        await asyncio.sleep(poll_seconds)


async def take_rows(
    reader: FolderReader, plan: SourcePlan, raise_event: Raise, tell: Tell, clock: Callable[[], float]
) -> None:
    """Everything that is new in a folder. Raises EventwireError where it cannot be read, or an event cannot be taken."""
    for row in reader.rows(clock()):
        try:
            if (event := event_of(plan, row, clock())) is not None:
                await raise_event(event)
        except PayloadError as error:
            tell(f"The source {plan.source.name} took nothing from {placed(error, row.file, row.line)}")
        # a large file must not keep everything else waiting
        await asyncio.sleep(0)
