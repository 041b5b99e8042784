"""The embedded pipeline: events in to both outcomes durable, a PostgreSQL insert and a Redis SET each, 256 in flight; with one
filter on the event and with 10,000."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from msgspec import Struct

from eventwire.engine.pipeline import Pipeline
from eventwire.engine.run import IncomingEvent
from eventwire.journal.store import Journal
from eventwire.language.payloads import encode_json_bytes, read_payload_text
from eventwire.project.read import read_project
from eventwire.terminal.loop import run_until_done
from tests.benchmarks.overhead import action, head
from tests.servers import POSTGRESQL

IN_FLIGHT = 256
EVENTS = 20_000
ROUNDS = 3
TABLE = "ew_bench_pipeline"
MODEL = """
[events.e.model]
id = "integer"
name = "string"
country = "string"
amount = "number"
tags = "string[]"
"""
PAYLOAD = {"id": 0, "name": "Ana Souza", "country": "BR", "amount": 129.9, "tags": ["a", "b"], "note": "x" * 300}


class Figures(Struct, frozen=True):
    """What a load came to."""

    per_second: float
    p50_ms: float
    p99_ms: float
    resident_mib: float


def project_text(filters: int) -> str:
    """An event with both actions under its default filter, and this many others that rarely match."""
    text = head().split("[events.e.model]")[0] + MODEL
    text += action("store", "db", "insert", f'table = "{TABLE}"\nvalues = {{ id = "{{id}}", name = "{{name}}" }}')
    text += action("remember", "cache", "set", 'key = "ew:bench:{id}"\nvalue = "{name}"')
    countries = ("PT", "AR", "US", "DE", "FR", "JP")
    for number in range(filters - 1):
        clauses = (
            f'country = "{countries[number % 6]}" AND amount > {number}',
            f'name = "customer {number}"',
            f"amount BETWEEN {1000 + number} AND {1010 + number}",
            f'name LIKE "c{number}%" AND country IN ("PT", "AR")',
        )
        text += f"[events.e.filters.f{number}]\nwhere = '{clauses[number % 4]}'\n"
    return text


def resident_mib() -> float:
    """This process's resident memory."""
    line = next(each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


async def load(pipeline: Pipeline, events: int) -> Figures:
    """Send events, IN_FLIGHT at once, read as the server reads them. Their bodies are made before: whoever sends an event makes
    them elsewhere.
    """
    bodies = iter([encode_json_bytes(PAYLOAD | {"id": number}) for number in range(events)])
    took = []

    async def worker() -> None:
        for body in bodies:
            begun = time.perf_counter()
            payload, text = read_payload_text(body)
            await pipeline.run(IncomingEvent("e", payload, "http", payload_text=text))
            took.append((time.perf_counter() - begun) * 1000)

    begun = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    rate = events / (time.perf_counter() - begun)
    return Figures(rate, median(took), quantiles(took, n=100)[98], resident_mib())


def measure(filters: int, events: int = EVENTS) -> Figures:
    """One load over a project of this many filters, in a journal of its own on disk."""

    async def go() -> Figures:
        import asyncpg

        database = await asyncpg.connect(POSTGRESQL)
        await database.execute(f"DROP TABLE IF EXISTS {TABLE}; CREATE TABLE {TABLE} (id bigint, name text)")
        pipeline = Pipeline(project, "test", environ={}, journal=journal)
        try:
            await load(pipeline, min(events, 2000))  # caches, connections, the index
            figures = await load(pipeline, events)
            sent = events + min(events, 2000)
            assert await database.fetchval(f"SELECT count(*) FROM {TABLE}") == sent
            assert journal.count_runs("test", 0.0) == [("e", sent, 0, 0, 0)], "all of them have succeeded"
            return figures
        finally:
            await pipeline.close()
            await database.execute(f"DROP TABLE {TABLE}")
            await database.close()

    with TemporaryDirectory(prefix="eventwire-benchmark-", dir=Path.cwd()) as folder:
        (Path(folder) / "eventwire.toml").write_text(project_text(filters))
        project = read_project(Path(folder))
        journal = Journal(Path(folder))
        try:
            return run_until_done(go())
        finally:
            journal.close()


def main() -> None:
    """Print the figures."""
    for filters in (1, 10_000):
        rounds = [measure(filters) for _ in range(ROUNDS)]
        middle = sorted(rounds, key=lambda each: each.per_second)[len(rounds) // 2]
        print(
            f"{filters} filters: {middle.per_second:,.0f} events a second, p50 {middle.p50_ms:.0f} ms, "
            f"p99 {middle.p99_ms:.0f} ms, {middle.resident_mib:.0f} MiB"
        )


if __name__ == "__main__":
    main()
