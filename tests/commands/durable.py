"""A project whose actions go to an HTTP server that answers as it is told, and processes that are stopped or killed."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.services.answering import Answering
from tests.tools import EVENTWIRE, environment, process

PROJECT = """
[project]
name = "shop"

[service-accounts.api]
service = "http"
test = {{ base-url = "{url}" }}

[service-accounts.lines]
service = "file"
test = {{ folder = "output" }}

[events.order.model]
id = "integer"
note = "string?"

[events.order.filters.on-event.actions.notify]
service-account = "api"
action = "request"
method = "{method}"
url = "/orders/{{id}}"
retry = {retry}
timeout-seconds = 20

[events.order.filters.on-event.actions.keep]
service-account = "lines"
action = "append"
file = "orders.ndjson"
line = {{ id = "{{id}}" }}
"""
DOWN: tuple[int, dict[str, str], Any] = (503, {}, {"error": "down for maintenance"})
"""Not answered as wanted, and nothing has happened: tried again."""
NO: tuple[int, dict[str, str], Any] = (422, {}, {"error": "no such order"})
"""Rejected: not tried again."""
YES: tuple[int, dict[str, str], Any] = (200, {}, {"ok": True})


class Shop:
    """The project, its server, and what a user does with them."""

    def __init__(self, folder: Path, server: Answering) -> None:
        self.folder = folder
        self.server = server
        self.write()

    def write(self, *, method: str = "PUT", retry: str = "{ attempts = 1 }") -> None:
        """Write the project file: PUT may be repeated, POST may not."""
        text = PROJECT.format(url=self.server.url, method=method, retry=retry)
        (self.folder / "eventwire.toml").write_text(text, encoding="utf-8")

    def run(self, *arguments: str) -> str:
        """Run one order; returns the run's id."""
        return str(process("run", "order", *arguments, "--json", folder=self.folder).document["id"])

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        """A command as a process that goes on by itself."""
        return subprocess.Popen(
            [EVENTWIRE, *arguments],
            cwd=self.folder,
            env=environment(self.folder),
            stdin=options.pop("stdin", subprocess.DEVNULL),
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE,
            **options,
        )

    def requests(self, least: int) -> list[str]:
        """The paths that the server was asked for, once they are so many."""
        until(lambda: len(self.server.received) >= least)
        return [each.path for each in self.server.received]

    def kept_durably(self) -> None:
        """Wait until the journal has it that the order stands in the file."""
        sql = "SELECT 1 FROM deliveries WHERE name = 'keep' AND status = 'succeeded'"
        with closing(sqlite3.connect(self.folder / ".eventwire" / "journal.sqlite3")) as journal:
            until(lambda: journal.execute(sql).fetchone() is not None)

    def history(self, *arguments: str) -> list[dict[str, Any]]:
        """What the journal has."""
        document = process("history", *arguments, "--json", folder=self.folder).document
        return list(document["runs"])

    def inspect(self, run: str) -> dict[str, Any]:
        """One run in full."""
        return dict(process("inspect", run, "--json", folder=self.folder).document)

    def statuses(self, run: str) -> dict[str, str]:
        """What came of a run's actions."""
        return {each["name"]: each["status"] for each in self.inspect(run)["filters"][0]["actions"]}

    def kept(self) -> list[int]:
        """The orders in the file, in order."""
        path = self.folder / "output" / "test" / "orders.ndjson"
        path = path if path.exists() else self.folder / "output" / "orders.ndjson"
        return sorted(json.loads(line)["id"] for line in path.read_text().splitlines()) if path.exists() else []


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def kill(running: subprocess.Popen[bytes]) -> None:
    """End a process as a power cut would."""
    running.send_signal(signal.SIGKILL)
    running.communicate()


def ended(running: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """A process's exit code, what it printed and what it said, once it has ended by itself."""
    stdout, stderr = running.communicate(timeout=30)
    return running.returncode, (stdout or b"").decode(), stderr.decode()
