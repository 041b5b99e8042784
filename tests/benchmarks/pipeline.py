"""The embedded pipeline: events in to both outcomes durable, a PostgreSQL insert and a Redis SET each, 256 in flight; with one
filter on the event and with 10,000."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from eventwire.engine.passage import Passage
from eventwire.engine.pipeline import Pipeline
from eventwire.engine.run import IncomingEvent, NewRun
from eventwire.journal.store import Journal
from eventwire.language.payloads import read_payload_text
from eventwire.project.read import read_project
from eventwire.terminal.loop import run_until_done
from tests.benchmarks import job, node_red
from tests.servers import POSTGRESQL

IN_FLIGHT = 256
WARM_UP = 2_000
EVENTS = 50_000
ROUNDS = 5
TABLE = "ew_bench_pipeline"


class Load:
    """Sends events, IN_FLIGHT at once, read and handed over as the server does it. Their bodies are made before: whoever sends an
    event makes them elsewhere.
    """

    def __init__(self, pipeline: Pipeline, events: range) -> None:
        self.pipeline = pipeline
        self.bodies = iter([job.body(number) for number in events])
        self.left = len(events)
        self.took: list[float] = []
        self.over = asyncio.get_running_loop().create_future()

    async def run(self) -> job.Figures:
        """Send them all; returns once every outcome is durable."""
        begun = time.perf_counter()
        for _ in range(IN_FLIGHT):
            self.send()
        await self.over
        rate = len(self.took) / (time.perf_counter() - begun)
        return job.Figures(rate, median(self.took), quantiles(self.took, n=100)[98], job.resident_mib(os.getpid()))

    def send(self) -> None:
        """Send the next event, where there is one."""
        body = next(self.bodies, None)
        if body is None:
            return
        begun = time.perf_counter()
        payload, text = read_payload_text(body)
        run = self.pipeline.make_run(IncomingEvent("e", payload, "http", payload_text=text))
        self.pipeline.accept_soon(run, partial(self.accepted, run, begun))

    def accepted(self, run: NewRun, begun: float, first: str | None, error: Exception | None) -> None:
        """An event is in the journal."""
        if error is not None:
            self.over.set_exception(error)
            return
        self.pipeline.finish_soon(run, partial(self.ended, begun))

    def ended(self, begun: float, passage: Passage, error: Exception | None) -> None:
        """An event's outcomes are durable."""
        if error is not None:
            self.over.set_exception(error)
            return
        self.took.append((time.perf_counter() - begun) * 1000)
        self.left -= 1
        if not self.left:
            self.over.set_result(None)
        self.send()


def measure(filters: int, events: int = EVENTS) -> job.Figures:
    """One load over a project of this many filters, in a journal of its own on disk."""

    async def go() -> job.Figures:
        import asyncpg

        database = await asyncpg.connect(POSTGRESQL)
        await database.execute(f"DROP TABLE IF EXISTS {TABLE}; CREATE TABLE {TABLE} ({job.COLUMNS})")
        pipeline = Pipeline(project, "test", environ={}, journal=journal)
        try:
            await Load(pipeline, range(WARM_UP)).run()  # caches, connections, the index
            figures = await Load(pipeline, range(WARM_UP, WARM_UP + events)).run()
            sent = WARM_UP + events
            assert await database.fetchval(f"SELECT count(*) FROM {TABLE}") == sent
            assert journal.count_runs("test", 0.0) == [("e", sent, 0, 0, 0)], "all of them have succeeded"
            return figures
        finally:
            await pipeline.close()
            await database.execute(f"DROP TABLE {TABLE}")
            await database.close()

    with TemporaryDirectory(prefix="eventwire-benchmark-", dir=Path.cwd()) as folder:
        (Path(folder) / "eventwire.toml").write_text(job.project_text(TABLE, filters=filters))
        project = read_project(Path(folder))
        journal = Journal(Path(folder))
        try:
            return run_until_done(go())
        finally:
            journal.close()


def alone(filters: int) -> job.Figures:
    """`measure` in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(measure, filters).result()


def main() -> None:
    """Print the figures, each round's in turn with Node-RED's."""
    reason = node_red.missing()
    if reason:
        print(f"without Node-RED: {reason}")
    for _ in range(ROUNDS):
        one = alone(1)
        print(f"one filter:     {one}", flush=True)
        many = alone(10_000)
        print(f"10,000 filters: {many}, {many.events_a_second / one.events_a_second:.2f} of it", flush=True)
        flows: tuple[node_red.Flow, ...] = () if reason else ("nodes", "function")
        for flow in flows:
            other = node_red.measure(flow, IN_FLIGHT, 10)
            times = one.events_a_second / other.events_a_second
            print(f"Node-RED, {flow + ':':10}{other}; one filter is {times:.1f} times it", flush=True)


if __name__ == "__main__":
    main()
