"""The demo: a shop's project, three customers, and what became of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from eventwire.engine.pipeline import Pipeline
from eventwire.engine.record import RunRecord
from eventwire.engine.run import IncomingEvent
from eventwire.errors import UsageError
from eventwire.journal.store import Journal
from eventwire.project.edit import add_account, add_action
from eventwire.project.locate import state_folder
from eventwire.project.model import Project
from eventwire.project.read import read_project
from eventwire.project.scaffold import write_project
from eventwire.terminal.loop import run_until_done
from eventwire.terminal.session import Session
from eventwire.terminal.tables import draw_table
from eventwire.terminal.waterfall import Canvas, draw_run, milliseconds

EVENT = "new-customer"
DATABASE = "output/shop.sqlite3"
TABLE = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, city TEXT)"
CUSTOMERS: tuple[dict[str, Any], ...] = (
    customer := {
        "id": 7,
        "name": "Ana Souza",
        "email": "ana@example.com",
        "address": {"city": "Recife", "country": "BR"},
        "amount": 129.9,
    },
    {
        "id": 8,
        "name": "Björn Lind",
        "email": "bjorn@example.com",
        "address": {"city": "Uppsala", "country": "SE"},
        "amount": 40,
    },
    # the same id again: the database refuses it, and the other actions go on
    {**customer, "name": "Ana Sousa", "amount": 250},
)


def demonstrate(session: Session, folder: Path | None) -> None:
    """Make the project, run its events, and show what happened and where to look."""
    target = new_folder(session, folder)
    project = make_project(target)
    if not session.json:
        session.say(
            f"A project in {target}, three events, and everything they do stays on this machine.\n"
            "In the third, one action fails on purpose.\n"
        )
    records = run_customers(session, project)
    document = {"folder": str(target), "runs": [record.as_dict() for record in records]}
    session.result(
        document, "\n".join([*(f"{draw(session, each)}\n" for each in records), closing_words(session, target)])
    )


def draw(session: Session, record: RunRecord) -> str:
    """A run as a waterfall."""
    return draw_run(record, Canvas(session.width, session.style, session.shows_unicode))


def new_folder(session: Session, folder: Path | None) -> Path:
    """The folder asked for, or the first of eventwire-demo, eventwire-demo-2 … that is free. Raises UsageError."""
    if folder is not None:
        target = session.working_folder / folder
        if target.exists() and any(target.iterdir()):
            raise UsageError(f"The folder {folder} is not empty.", next_step="Name one that does not exist yet.")
        return target
    number = 1
    while (target := session.working_folder / f"eventwire-demo{f'-{number}' if number > 1 else ''}").exists():
        number += 1
    return target


def make_project(folder: Path) -> Project:
    """The project that `init` writes, with a database besides."""
    write_project(folder, "demo")
    (folder / DATABASE).parent.mkdir()
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        database.execute(TABLE)
    add_account(folder, "shop-database", "sqlite", {"database": DATABASE}, None)
    values = {"id": "{id}", "name": "{name}", "email": "{email}", "city": "{address.city}"}
    fields = {"table": "customers", "values": values}
    add_action(folder, EVENT, "on-event", "store", "shop-database", "insert", fields, None, None)
    return read_project(folder)


def run_customers(session: Session, project: Project) -> list[RunRecord]:
    """Run the events one after the other, as they would come in."""
    journal = Journal(state_folder(project.folder))

    async def run() -> list[RunRecord]:
        pipeline = Pipeline(project, "test", environ=session.environ, journal=journal, explain=True)
        try:
            return [await pipeline.run(IncomingEvent(EVENT, payload, "demo")) for payload in CUSTOMERS]
        finally:
            await pipeline.close()

    try:
        return run_until_done(run())
    finally:
        journal.close()


def closing_words(session: Session, folder: Path) -> str:
    """The timeline, and where to look."""
    journal = Journal(state_folder(folder))
    try:
        runs = journal.recent(10)
    finally:
        journal.close()
    rows: Sequence[Sequence[str]] = [
        (clock(run["received_at"]), run["event"], milliseconds(run["duration_ms"]), run["status"]) for run in runs
    ]
    name = folder.name
    looks = [
        (f"{name}/eventwire.toml", "the project: one event, its filters, their actions"),
        (f"{name}/{DATABASE}", "the customers that were stored"),
        (f"{name}/output/test/", "what the other actions wrote, a line each"),
        (f"{name}/.eventwire/journal.sqlite3", "the journal: every run, every delivery"),
    ]
    width = max(len(path) for path, _ in looks)
    return "\n".join(
        [
            draw_table(session, ("Time", "Event", "Took", "Status"), rows),
            "",
            "Where to look:",
            *(f"  {path:<{width}}  {what}" for path, what in looks),
            "",
            f"Next: cd {name} && eventwire run {EVENT} --set id=9 --explain",
        ]
    )


def clock(seconds: float) -> str:
    """A time of day."""
    return datetime.fromtimestamp(seconds).strftime("%H:%M:%S")
