"""The installed command, three ways: within this process, as a process, and in a pseudo-terminal; and a project to use."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pexpect
import pyte

from eventwire.app import main
from eventwire.project.edit import add_account
from eventwire.project.scaffold import write_project
from eventwire.terminal.session import Session

EVENTWIRE = str(Path(sys.executable).with_name("eventwire"))
SECONDS = 10
TABLES = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, city TEXT);
CREATE TABLE audit (at TEXT);
"""


@dataclass(frozen=True)
class Result:
    """What a command came to."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        """All it printed, for a failed assertion."""
        return f"exit {self.exit_code}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.stdout)

    @property
    def error(self) -> Any:
        """The error of the one JSON document on stderr."""
        return json.loads(self.stderr)["error"]


def environment(home: Path, **more: str) -> dict[str, str]:
    """An environment with nothing of this machine's user in it, and no keyring."""
    return {
        "HOME": str(home),
        "PATH": f"{Path(EVENTWIRE).parent}:{os.environ['PATH']}",
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        # a test that limits the size of files must not leave half a module behind
        "PYTHONDONTWRITEBYTECODE": "1",
        **more,
    }


def tool(*arguments: str, folder: Path, stdin: str | bytes = "", environ: Mapping[str, str] | None = None) -> Result:
    """Run a command within this process, off a terminal."""
    given = stdin if isinstance(stdin, bytes) else stdin.encode()
    streams = [io.TextIOWrapper(io.BytesIO(body), "utf-8", newline="") for body in (given, b"", b"")]
    exit_code = main(arguments, Session(streams[0], streams[1], streams[2], environ or {}, folder))
    stdout, stderr = (stream.buffer.getvalue().decode() for stream in streams[1:] if not stream.flush())
    return Result(int(exit_code), stdout, stderr)


def process(
    *arguments: str, folder: Path, stdin: bytes = b"", environ: Mapping[str, str] | None = None, **options: Any
) -> Result:
    """Run the installed command as a process, off a terminal."""
    done = subprocess.run(
        [EVENTWIRE, *arguments],
        cwd=folder,
        input=stdin,
        capture_output=True,
        env=dict(environ or environment(folder)),
        timeout=SECONDS,
        check=False,
        **options,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def make_shop(folder: Path) -> Path:
    """The project that `init` writes, with a SQLite database and an account for it."""
    write_project(folder, "shop")
    with closing(sqlite3.connect(folder / "shop.sqlite3")) as database:
        database.executescript(TABLES)
    add_account(folder, "warehouse", "sqlite", {"database": "shop.sqlite3"}, {"database": "live.sqlite3"})
    return folder


def copy_of(project: Path, name: str = "copy") -> Path:
    """The project once more, beside itself."""
    return Path(shutil.copytree(project, project.with_name(f"{project.name}-{name}")))


def toml_of(project: Path) -> str:
    """The project file as it stands."""
    return (project / "eventwire.toml").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Step:
    """A question and its answer: keys to press before Enter, or the choice to go down to."""

    question: str
    keys: tuple[str, ...] = ()
    choice: str | None = None


def ask(question: str, *keys: str) -> Step:
    """A question that is answered with keys and Enter."""
    return Step(question, keys)


def pick(question: str, choice: str) -> Step:
    """A question that is answered with one of its choices."""
    return Step(question, (), choice)


class Terminal:
    """A program in a pseudo-terminal, and the screen it draws."""

    UP, DOWN, ENTER, TAB, CTRL_C, CTRL_D, CTRL_U, SPACE = "\x1b[A", "\x1b[B", "\r", "\t", "\x03", "\x04", "\x15", " "

    def __init__(
        self,
        *command: str,
        folder: Path,
        columns: int = 80,
        lines: int = 50,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.screen = pyte.HistoryScreen(columns, lines, history=2000)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.child = pexpect.spawn(
            command[0],
            list(command[1:]),
            cwd=str(folder),
            env=dict(environ or environment(folder)),
            dimensions=(lines, columns),
            timeout=SECONDS,
        )
        self.child.delaybeforesend = None

    @property
    def text(self) -> str:
        """What stands on the screen, and what has left it at its top."""
        past = [row_text(row, self.screen.columns) for row in self.screen.history.top]
        return "\n".join(line.rstrip() for line in [*past, *self.screen.display]).rstrip()

    def read(self, timeout: float = 0.2) -> bool:
        """Take in what the program has drawn; False once it has ended."""
        try:
            given = self.child.read_nonblocking(65536, timeout)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += given
        self.stream.feed(given)
        # prompt_toolkit asks where the cursor is and waits for the answer
        if b"\x1b[6n" in given:
            self.child.send(f"\x1b[{self.screen.cursor.y + 1};{self.screen.cursor.x + 1}R")
        return True

    def wait(self, holds: Callable[[str], bool], what: str, seconds: float = SECONDS) -> str:
        """Read until something holds of the text; fails with the screen where it never does."""
        end = monotonic() + seconds
        while not holds(self.text):
            if not self.read() or monotonic() > end:
                if holds(self.text):
                    break
                raise AssertionError(f"{what} never came; the screen:\n{self.text}")
        return self.text

    def expect(self, words: str) -> str:
        """Read until words stand on the screen, however its lines break."""
        return self.wait(lambda text: squeeze(words) in squeeze(text), repr(words))

    def asked(self, question: str) -> str:
        """Read until a question is the one that waits for an answer."""
        return self.wait(
            lambda text: squeeze(question) in squeeze(text.rpartition("\n? ")[2]), f"question {question!r}"
        )

    def type(self, text: str) -> None:
        """Press keys."""
        self.child.send(text)

    def answer(self, question: str, *keys: str) -> None:
        """Wait for a question, and press keys and Enter."""
        self.asked(question)
        for key in keys:
            self.type(key)
        self.type(self.ENTER)

    def choose(self, question: str, choice: str) -> None:
        """Wait for a question with choices, go down to one, and take it."""
        self.asked(question)
        before = ""
        for _ in range(40):
            self.wait(lambda text, before=before: pointed(text) not in ("", before), "a pointed choice")
            self.settle()
            before = pointed(self.text)
            if before == choice or before.startswith(f"{choice} "):
                break
            self.type(self.DOWN)
        else:
            raise AssertionError(f"there is no choice {choice!r}:\n{self.text}")
        self.type(self.ENTER)

    def settle(self) -> None:
        """Read until nothing more is drawn for a moment: a screen may come in parts."""
        drawn = -1
        while drawn != len(self.raw):
            drawn = len(self.raw)
            self.read(0.02)

    def play(self, steps: Sequence[Step]) -> None:
        """Answer questions one after the other."""
        for step in steps:
            if step.choice is not None:
                self.choose(step.question, step.choice)
            else:
                self.answer(step.question, *step.keys)

    def end(self) -> int:
        """Read to the end; returns the exit code."""
        stop = monotonic() + SECONDS
        while self.read():
            if monotonic() > stop:
                self.child.kill(9)
                raise AssertionError(f"it does not end; the screen:\n{self.text}")
        self.child.close()
        return self.child.exitstatus if self.child.exitstatus is not None else -self.child.signalstatus

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.child.isalive():
            self.child.kill(9)
        self.child.close(force=True)


def pointed(text: str) -> str:
    """The choice that is pointed at in the last question; nothing where that is not clear yet."""
    _, *after = text.rpartition("\n? ")[2].split("»")
    return after[0].split("\n")[0].strip() if len(after) == 1 else ""


def row_text(row: Mapping[int, Any], columns: int) -> str:
    """A row that has left the screen, as text."""
    return "".join(row[column].data for column in range(columns))


def squeeze(text: str) -> str:
    """Text without its spaces and line breaks: a narrow terminal breaks lines anywhere."""
    return re.sub(r"\s+", "", text)


def equivalents(terminal: Terminal) -> list[list[str]]:
    """The arguments of each command that an interactive flow printed as doing the same."""
    _, *said = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.raw.decode()).split("The same as a command:")
    return [shlex.split(each.strip().split("\r\n")[0])[1:] for each in said]


def equivalent(terminal: Terminal) -> list[str]:
    """The arguments of the last of them."""
    return equivalents(terminal)[-1]
