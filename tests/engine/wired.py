"""A project whose actions go through the probe, and the processes that run it one after the other, or die."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from eventwire.engine.pipeline import Pipeline
from eventwire.engine.run import IncomingEvent
from eventwire.journal.store import FILE_NAME, Journal
from eventwire.project.read import read_project

HEAD = """
[project]
name = "shop"

[service-accounts.p]
service = "probe"
test = {}

[events.e.model]
id = "integer"
amount = "number?"
"""


def action(name: str, *, where: str = "on-event", account: str = "p", does: str = "safe", **fields: Any) -> str:
    """An action of the event, as it stands in the project file."""
    lines = "\n".join(
        f"{key.replace('_', '-')} = {value if key == 'retry' else json.dumps(value)}" for key, value in fields.items()
    )
    return f'\n[events.e.filters.{where}.actions.{name}]\nservice-account = "{account}"\naction = "{does}"\n{lines}\n'


def condition(name: str, where: str) -> str:
    """A filter of the event, as it stands in the project file."""
    return f"\n[events.e.filters.{name}]\nwhere = '{where}'\n"


class Machine:
    """A project's folder, in which one process after the other runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, *parts: str) -> None:
        """Write the project file."""
        (self.folder / "eventwire.toml").write_text(HEAD + "".join(parts))

    def process(self, work: Any, **options: Any) -> Any:
        """What `work(pipeline)` returns, in a process of its own: its own journal, owner and event loop."""

        async def go() -> Any:
            pipeline = Pipeline(read_project(self.folder), "test", environ={}, journal=journal, **options)
            try:
                return await work(pipeline)
            finally:
                await pipeline.close()

        journal = Journal(self.folder)
        try:
            return asyncio.run(go())
        finally:
            journal.close()

    def run(self, payload: dict[str, Any] | None = None, **options: Any) -> Any:
        """The record of one event."""
        incoming = IncomingEvent("e", payload or {"id": 1}, "cli", **options)
        return self.process(lambda pipeline: pipeline.run(incoming))

    def die_after_accepting(self, payload: dict[str, Any] | None = None, **options: Any) -> str:
        """A process accepts an event, and dies before anything is sent; returns the run's id."""

        async def work(pipeline: Pipeline) -> str:
            run = pipeline.make_run(IncomingEvent("e", payload or {"id": 1}, "cli", **options))
            await pipeline.accept(run)
            return run.id

        return str(self.process(work))

    def recover(self) -> list[Any]:
        """The next process brings every run to its end; their records."""

        async def work(pipeline: Pipeline) -> list[Any]:
            assert pipeline.journal is not None
            return [await pipeline.recover(row["id"]) for row in pipeline.journal.abandoned()]

        return list(self.process(work))

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What another program sees in the journal."""
        with closing(sqlite3.connect(self.folder / FILE_NAME)) as connection:
            return connection.execute(sql, parameters).fetchall()

    def execute(self, sql: str, *parameters: Any) -> None:
        """Change the journal behind eventwire's back."""
        with closing(sqlite3.connect(self.folder / FILE_NAME)) as connection, connection:
            connection.execute(sql, parameters)
