"""The outside world of a command, as one object that is handed in: streams, environment, working directory."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from eventwire.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

PIPE_WIDTH = 100
COLOURS = {"ok": "32", "bad": "31", "warn": "33", "dim": "2", "bold": "1", "name": "36", "heading": "1;4"}


class Session:
    """Where a command reads and writes, and what the user said about all commands alike."""

    def __init__(
        self,
        stdin: TextIO,
        stdout: TextIO,
        stderr: TextIO,
        environ: Mapping[str, str],
        working_folder: Path | None = None,
        *,
        prompt_streams: tuple[Any, Any] | None = None,
    ) -> None:
        """`prompt_streams` are prompt_toolkit's input and output for prompts, in place of stdin and stderr."""
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.environ = environ
        self._working_folder = working_folder
        self.prompt_streams = prompt_streams
        self.project_folder: Path | None = None
        """`--project DIR`."""
        self.no_input = False
        self.json = False
        self._live: Console | None = None
        self.stdout_is_gone = False
        """Whoever read our output has gone (`| head`): what is left to print is dropped, the work itself goes on."""

    @classmethod
    def of_process(cls) -> Session:
        """The session of this process."""
        hold_closed_streams()
        return cls(sys.stdin, sys.stdout, sys.stderr, os.environ)

    @property
    def working_folder(self) -> Path:
        """The folder that relative paths start from."""
        if self._working_folder is None:
            # pathlib takes 6 ms to import, and --help needs no folder
            from pathlib import Path

            self._working_folder = Path.cwd()
        return self._working_folder

    def take_options(self, project: Path | None, no_input: bool, json: bool) -> None:
        """Take what the options of all commands say, beside what was said before."""
        self.project_folder = project or self.project_folder
        self.no_input = no_input or self.no_input
        self.json = json or self.json

    @property
    def interactive(self) -> bool:
        """Whether somebody is there to answer questions."""
        return (
            not self.no_input
            and is_terminal(self.stdin)
            and (is_terminal(self.stderr) or self.prompt_streams is not None)
        )

    @property
    def width(self) -> int:
        """Columns to draw in: the terminal's, or 100 where output goes to a file or pipe."""
        return self.columns_of(self.stdout)

    def columns_of(self, stream: TextIO) -> int:
        """Columns of the terminal that a stream writes to, or 100 where it writes to a file or pipe."""
        if not is_terminal(stream):
            return PIPE_WIDTH
        try:
            columns = os.get_terminal_size(stream.fileno()).columns
        except (OSError, ValueError):
            columns = 0
        wanted = self.environ.get("COLUMNS", "")
        return max(int(wanted) if wanted.isdecimal() else 0, 0) or columns or PIPE_WIDTH

    @property
    def shows_unicode(self) -> bool:
        """Whether the output can hold more than ASCII."""
        return (self.stdout.encoding or "utf-8").lower().replace("-", "").startswith("utf")

    def out(self, text: str = "") -> None:
        """Print data, to stdout."""
        if self.stdout_is_gone:
            return
        try:
            self.stdout.write(text + "\n")
            self.stdout.flush()
        except BrokenPipeError:
            self.drop_stdout()
        except OSError as error:
            self.drop_stdout()
            raise OutputError(error) from error

    def say(self, text: str = "") -> None:
        """Print anything that is not data, to stderr."""
        text = self.wrapped(text, self.stderr)
        if self._live is not None:
            self._live.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)
            return
        try:
            self.stderr.write(text + "\n")
            self.stderr.flush()
        except OSError:
            return  # nobody is left to tell

    def wrapped(self, text: str, stream: TextIO) -> str:
        """Text for people: where a terminal is narrower, its lines break between words. Elsewhere, and in what programs
        read, each sentence is one line.
        """
        if self.json or not is_terminal(stream):
            return text
        columns = self.columns_of(stream)
        if len(text) <= columns and text.isascii():
            return text
        # only what is too long needs it, which takes a few milliseconds to import
        from eventwire.terminal.wrapping import wrapped

        return wrapped(text, columns)

    @contextmanager
    def saying_above(self, live: Console) -> Iterator[None]:
        """Print above what a console keeps at the bottom of the terminal: a progress bar, a countdown."""
        before, self._live = self._live, live
        try:
            yield
        finally:
            self._live = before

    def result(self, document: Mapping[str, Any], text: str) -> None:
        """Print a command's result: the document with `--json`, else the text."""
        self.out(self.encode(document) if self.json else self.wrapped(text, self.stdout))

    def done(self, document: Mapping[str, Any], text: str) -> None:
        """Say what a command has changed: the document to stdout with `--json`, else the text to stderr."""
        if self.json:
            self.out(self.encode(document))
        else:
            self.say(text)

    def encode(self, document: Any) -> str:
        """A document as `--json` prints it."""
        from eventwire.language.payloads import encode_json

        return encode_json(document, indent=is_terminal(self.stdout))

    def style(self, text: str, name: str, *, stream: str = "stdout") -> str:
        """Text in a colour of `COLOURS`, where the stream shows colours."""
        if not text or not self.has_colour(stream):
            return text
        return f"\x1b[{COLOURS[name]}m{text}\x1b[0m"

    def has_colour(self, stream: str = "stdout") -> bool:
        """Whether colours may be used (https://no-color.org)."""
        if self.environ.get("NO_COLOR") or self.environ.get("TERM") == "dumb":
            return False
        return is_terminal(self.stdout if stream == "stdout" else self.stderr)

    def drop_stdout(self) -> None:
        """Print no more."""
        self.stdout_is_gone = True
        # Python flushes stdout once more when it ends, which must not fail
        devnull = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(devnull, self.stdout.fileno())
        except (OSError, ValueError):
            pass  # a stream without a file descriptor has nothing to flush
        finally:
            os.close(devnull)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show that something takes a moment: a spinner on a terminal, nothing elsewhere."""
        if not (self.interactive and not self.json):
            yield
            return
        from rich.console import Console

        console = Console(file=self.stderr, no_color=not self.has_colour("stderr"))
        with console.status(what):
            yield


def hold_closed_streams() -> None:
    """Open what the process was started without (`>&-`): a file opened later would get its number, and what is printed."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            # for as long as the process lives
            setattr(sys, name, open(number, "r" if name == "stdin" else "w", encoding="utf-8", closefd=False))  # noqa: SIM115


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream is a terminal; one that is closed is not."""
    try:
        return stream.isatty()
    except ValueError:
        return False


def error_document(error: Mapping[str, Any]) -> str:
    """An error as `--json` prints it."""
    import json

    return json.dumps({"error": error}, ensure_ascii=False)
