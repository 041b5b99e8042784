"""The journal alone beside a bare SQLite group commit of the same rows; and what an event, `history` and the start of `run`
cost in a journal of ten million deliveries beside an almost empty one. `EVENTWIRE_BENCHMARK_ROWS` fills it with fewer.

Everything that is compared is measured in turn, in one run: the machine may be busy with other work.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import uvloop
from msgspec import Struct
from msgspec.structs import astuple

from eventwire.journal.identifiers import action_digest, delivery_key, first_id, new_run_id
from eventwire.journal.rows import AcceptedRun, EndedRun, FinishedDelivery, PlannedDelivery
from eventwire.journal.store import Journal, open_database
from tests.journal.writing import begin

APPENDERS = 64
RUNS_EACH = 150
REPETITIONS = 7
DELIVERIES = int(os.environ.get("EVENTWIRE_BENCHMARK_ROWS", "10000000"))
EVERY_THAT_FAILED = 200
"""One run in so many has a dead letter."""
AT_ONCE = 50_000
PAYLOAD = (
    '{"id":1,"name":"Ana Souza","email":"ana@example.com","amount":129.9,"address":{"city":"Recife","country":"BR"}}'
)
FILTERS = '[{"name":"on-event","where":null,"matched":true,"explanation":null}]'
REQUESTS = ('{"table":"customers","values":{"id":1,"name":"Ana Souza"}}', '{"key":"customer:1","value":"Ana Souza"}')
RESPONSE = '{"rows":1}'
ACTIONS = (("store", "warehouse", "postgresql", "insert"), ("remember", "cache", "redis", "set"))


def insert(table: str, row: type[Struct], *more: str) -> str:
    """The SQL that inserts one row."""
    fields = (*row.__struct_fields__, *more)
    return f"INSERT INTO {table} ({', '.join(fields)}) VALUES ({', '.join('?' * len(fields))})"


BARE_INSERT_RUN = insert("runs", AcceptedRun, "owner")
BARE_INSERT_DELIVERY = insert("deliveries", PlannedDelivery)
BARE_FINISH_DELIVERY = """
UPDATE deliveries SET status = ?3, attempts = ?4, started_ms = ?5, duration_ms = ?6, response = ?7, error = ?8, due_at = NULL
WHERE run = ?1 AND position = ?2
"""
BARE_FINISH_RUN = "UPDATE runs SET status = ?, duration_ms = ?, not_raised = ? WHERE id = ?"


def accepted(run: str) -> AcceptedRun:
    """A run as it comes in."""
    return AcceptedRun(run, "new-customer", "test", "http", None, time.time(), PAYLOAD, "", FILTERS, 1)


def planned(run: str) -> list[PlannedDelivery]:
    """Its two deliveries."""
    return [
        PlannedDelivery(
            run,
            position,
            "on-event",
            *action,
            delivery_key(run, action_digest("on-event", action[0])),
            "started",
            request,
            None,
            "safe",
        )
        for position, (action, request) in enumerate(zip(ACTIONS, REQUESTS, strict=True))
    ]


def finished(run: str) -> list[FinishedDelivery]:
    """What came of them."""
    return [FinishedDelivery(run, position, "succeeded", 1, 0.4, 2.5, RESPONSE, None) for position in (0, 1)]


class GroupCommit:
    """As little as commits in groups: a thread that writes what waits, row by row of each statement, and says so."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "journal.sqlite3"
        self._queue: SimpleQueue[tuple[list[tuple[str, Any]], asyncio.Future[None]] | None] = SimpleQueue()
        self._thread = Thread(target=self._work)
        self._thread.start()

    def close(self) -> None:
        """Write what waits, and stop."""
        self._queue.put(None)
        self._thread.join()

    async def write(self, statements: list[tuple[str, Any]]) -> None:
        """Write rows; returns once they are durable."""
        done = asyncio.get_running_loop().create_future()
        self._queue.put((statements, done))
        await done

    def _work(self) -> None:
        with closing(open_database(self._path)) as connection:
            while (first := self._queue.get()) is not None:
                group = [first]
                try:
                    while (another := self._queue.get_nowait()) is not None:
                        group.append(another)
                except Empty:
                    pass
                rows: dict[str, list[Any]] = {}
                for statements, _ in group:
                    for sql, parameters in statements:
                        rows.setdefault(sql, []).append(parameters)
                connection.execute("BEGIN IMMEDIATE")
                for sql, all_parameters in rows.items():
                    connection.executemany(sql, all_parameters)
                connection.execute("COMMIT")
                loop = group[0][1].get_loop()
                loop.call_soon_threadsafe(lambda group=group: [done.set_result(None) for _, done in group])


async def appenders(write_one: Callable[[str], Awaitable[None]]) -> float:
    """Runs a second: each appender one after the other, all of them at once."""

    async def appender() -> None:
        for _ in range(RUNS_EACH):
            await write_one(new_run_id())

    begun = time.perf_counter()
    await asyncio.gather(*(appender() for _ in range(APPENDERS)))
    return APPENDERS * RUNS_EACH / (time.perf_counter() - begun)


@contextmanager
def journal_in(folder: Path) -> Iterator[Journal]:
    """A journal in a folder of its own."""
    folder.mkdir(exist_ok=True)
    with closing(Journal(folder)) as journal:
        yield journal


def measure_journal(folder: Path) -> float:
    """Runs a second through the journal."""
    with journal_in(folder) as journal:

        async def write_one(run: str) -> None:
            await begin(journal, accepted(run), planned(run))
            first, last = finished(run)
            await asyncio.gather(journal.finish([first]), journal.finish([last], EndedRun(run, "succeeded", 3.25)))

        return uvloop.run(appenders(write_one))


def measure_bare(folder: Path) -> float:
    """Runs a second through the bare group commit: the same rows, in the same number of batches."""
    with journal_in(folder):
        pass
    with closing(GroupCommit(folder)) as bare:

        async def write_one(run: str) -> None:
            row = (*astuple(accepted(run)), "owner")
            await bare.write(
                [(BARE_INSERT_RUN, row), *[(BARE_INSERT_DELIVERY, astuple(each)) for each in planned(run)]]
            )
            first, last = finished(run)
            end = (BARE_FINISH_RUN, ("succeeded", 3.25, None, run))
            await asyncio.gather(
                bare.write([(BARE_FINISH_DELIVERY, astuple(first))]),
                bare.write([(BARE_FINISH_DELIVERY, astuple(last)), end]),
            )

        return uvloop.run(appenders(write_one))


def beside_group_commit() -> None:
    """Print the journal's rate beside the bare one's, in turn."""
    rates: list[tuple[float, float]] = []
    for _ in range(REPETITIONS):
        with TemporaryDirectory(prefix="eventwire-benchmark-", dir=Path.cwd()) as folder:
            rates.append((measure_bare(Path(folder) / "bare"), measure_journal(Path(folder) / "journal")))
    ratios = sorted(ours / bare for bare, ours in rates)
    print(
        f"{APPENDERS} appenders, runs of two deliveries a second: bare {median(b for b, _ in rates):,.0f}, journal "
        f"{median(j for _, j in rates):,.0f}: {median(ratios):.2f} of it ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


# Ten million


def fill(folder: Path, deliveries: int) -> None:
    """Write so many deliveries as runs of the last weeks would have left them, without waiting for the disk."""
    with journal_in(folder) as journal:
        path = journal.path
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = -400000")
        runs, now = deliveries // 2, time.time()
        for start in range(0, runs, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, runs))
            ids = [first_id(now - (runs - number) * 0.5) for number in numbers]
            database.execute("BEGIN")
            database.executemany(BARE_INSERT_RUN, [(*astuple(accepted(run)), "gone") for run in ids])
            database.executemany(BARE_INSERT_DELIVERY, [astuple(each) for run in ids for each in planned(run)])
            database.executemany(BARE_FINISH_DELIVERY, [astuple(each) for run in ids for each in finished(run)])
            database.executemany(BARE_FINISH_RUN, [("succeeded", 3.25, None, run) for run in ids])
            bad = ids[::EVERY_THAT_FAILED]
            failed = (
                "UPDATE deliveries SET status = 'failed', error = '{\"message\": \"x\"}' WHERE run = ? AND position = 0"
            )
            database.executemany(failed, [(run,) for run in bad])
            database.executemany("UPDATE runs SET status = 'partial' WHERE id = ?", [(run,) for run in bad])
            database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def costs(journal: Journal) -> dict[str, float]:
    """What things cost, in milliseconds, medians of many."""

    async def events() -> float:
        took = []
        for _ in range(300):
            run = new_run_id()
            begun = time.perf_counter()
            await begin(journal, accepted(run), planned(run))
            await journal.finish(finished(run), EndedRun(run, "succeeded", 3.25))
            took.append(time.perf_counter() - begun)
        return median(took) * 1000

    def of(work: Callable[[], Any]) -> float:
        took = []
        for _ in range(21):
            begun = time.perf_counter()
            work()
            took.append(time.perf_counter() - begun)
        return median(took) * 1000

    async def forgetting() -> float:
        took = []
        for _ in range(21):
            begun = time.perf_counter()
            await journal.forget(0.0, 100)
            took.append(time.perf_counter() - begun)
        return median(took) * 1000

    def open_it() -> None:
        with closing(Journal(journal.folder)) as another:
            another.abandoned("test", handed_over=False)

    return {
        "an event: begin and finish": uvloop.run(events()),
        "the start of `run`": of(open_it),
        "`history`": of(lambda: journal.runs(limit=20)),
        "`history --event`": of(lambda: journal.runs(event="new-customer", limit=20)),
        "`history --status running`": of(lambda: journal.runs(status="running", limit=20)),
        "`history --status partial`": of(lambda: journal.runs(status="partial", limit=20)),
        "`history --status failed`": of(lambda: journal.runs(status="failed", limit=20)),
        "`history --status unknown`": of(lambda: journal.runs(status="unknown", limit=20)),
        "looking for what is too old": uvloop.run(forgetting()),
    }


def beside_ten_million() -> None:
    """Print what things cost in a full journal and in an almost empty one, in turn."""
    with TemporaryDirectory(prefix="eventwire-benchmark-", dir=Path.cwd()) as folder:
        begun = time.perf_counter()
        fill(Path(folder) / "full", DELIVERIES)
        size = (Path(folder) / "full" / "journal.sqlite3").stat().st_size / 1e9
        print(f"{DELIVERIES:,} deliveries written in {time.perf_counter() - begun:.0f} s, {size:.1f} GB")
        fill(Path(folder) / "empty", 20_000)
        measured: list[tuple[dict[str, float], dict[str, float]]] = []
        for _ in range(5):
            with journal_in(Path(folder) / "empty") as empty, journal_in(Path(folder) / "full") as full:
                measured.append((costs(empty), costs(full)))
        for name in measured[0][0]:
            few, many = (median(each[side][name] for each in measured) for side in (0, 1))
            ratio = median(each[1][name] / each[0][name] for each in measured)
            print(f"{name:<28} {few:8.3f} ms  {many:8.3f} ms  {ratio:.2f} times")


def main() -> None:
    """Print the figures."""
    beside_group_commit()
    beside_ten_million()


if __name__ == "__main__":
    main()
