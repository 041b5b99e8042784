"""What `run` adds: total minus slowest action, with ten actions in parallel and the journal on disk; and an event whose
PostgreSQL is held to 120 ms and whose Redis to 15 ms."""

from __future__ import annotations

from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import uvloop

from eventwire.engine.pipeline import Pipeline
from eventwire.engine.record import RunRecord
from eventwire.engine.run import IncomingEvent
from eventwire.journal.store import Journal
from eventwire.project.read import read_project
from tests.servers import POSTGRESQL, REDIS

RUNS = 300
HEAD = """
[project]
name = "bench"
[service-accounts.lines]
service = "file"
test = { folder = "out" }
[service-accounts.db]
service = "postgresql"
test = { host = "%s", port = %d, database = "%s", user = "%s" }
[service-accounts.cache]
service = "redis"
test = { host = "%s", port = %d, database = %s }
[events.e.model]
id = "integer"
"""


def head() -> str:
    """The project's accounts, at the servers that the tests use."""
    db, cache = urlsplit(POSTGRESQL), urlsplit(REDIS)
    return HEAD % (
        db.hostname,
        db.port or 5432,
        db.path.lstrip("/"),
        db.username,
        cache.hostname,
        cache.port or 6379,
        cache.path.lstrip("/") or 0,
    )


def action(name: str, account: str, does: str, fields: str, *, of: str = "on-event") -> str:
    """An action of one of the event's filters."""
    return f'[events.e.filters.{of}.actions.{name}]\nservice-account = "{account}"\naction = "{does}"\n{fields}\n'


def run_many(actions: list[str], runs: int) -> list[RunRecord]:
    """The event's records, one run after the other, the first few left out."""
    with TemporaryDirectory(prefix="eventwire-benchmark-", dir=Path.cwd()) as folder:
        (Path(folder) / "eventwire.toml").write_text(head() + "".join(actions))
        project = read_project(Path(folder))
        journal = Journal(Path(folder))

        async def go() -> list[RunRecord]:
            pipeline = Pipeline(project, "test", environ={}, journal=journal)
            try:
                return [await pipeline.run(IncomingEvent("e", {"id": number})) for number in range(runs + 10)]
            finally:
                await pipeline.close()

        try:
            return uvloop.run(go())[10:]
        finally:
            journal.close()


def overhead(record: RunRecord) -> float:
    """Milliseconds."""
    return record.duration_ms - record.slowest_ms


def main() -> None:
    """Print the figures."""
    ten = [action(f"a{n}", "lines", "append", f'file = "{n}.ndjson"\nline = {{ id = "{{id}}" }}') for n in range(10)]
    measured = sorted(map(overhead, run_many(ten, RUNS)))
    print(
        f"ten parallel actions: overhead median {median(measured):.2f} ms, p99 {quantiles(measured, n=100)[98]:.2f} ms"
    )
    held = [
        action("store", "db", "execute", 'statement = "SELECT pg_sleep(0.12)"'),
        action("remember", "cache", "set", 'key = "ew:bench"\nvalue = "{id}"'),
    ]
    records = run_many(held, 30)
    for name in ("store", "remember"):
        took = [each.duration_ms or 0.0 for record in records for each in record.actions if each.name == name]
        print(f"{name}: median {median(took):.1f} ms")
    print(f"the event: median {median(record.duration_ms for record in records):.1f} ms")


if __name__ == "__main__":
    main()
