"""The journal's one writer: a thread that commits together what is waiting at the same moment."""

from __future__ import annotations

import re
import sqlite3
from asyncio import AbstractEventLoop, Future, get_running_loop
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

Statement = tuple[str, Sequence[Any]]
"""SQL with its parameters."""
Change = Callable[[sqlite3.Connection], Any]
"""What is done within a transaction that is not known beforehand."""
Done = Callable[[Any, Exception | None], None]
"""Called in the event loop once a batch is durable, with what a change has returned; or with what was raised."""

# What waits is committed together up to this many batches, so that one commit cannot grow without end.
GROUP_SIZE = 1024
MOST_ROWS = 64
VALUES = re.compile(r"VALUES (\([?, ]+\))")


class Batch(NamedTuple):
    """Statements that are written together or not at all, or a change; and who is to be told, in which event loop."""

    statements: Sequence[Statement]
    change: Change | None
    done: Done
    loop: AbstractEventLoop


Outcome = tuple[Batch, Any, Exception | None]


class Writer:
    """Writes batches; each is whole in the journal, durably, or not in it at all.

    Batches of one group are written statement by statement, all batches' rows of a statement at once. So a batch must
    not rely on another that is not durable yet, but for the statement that is the last of all.
    """

    def __init__(
        self,
        open_connection: Callable[[], sqlite3.Connection],
        translate: Callable[[Exception], Exception],
        last: str = "",
    ) -> None:
        """`translate` says what SQLite raised in the words of those who wait; `last` is the statement that sees what all
        others of its group have written.
        """
        self._open = open_connection
        self._translate = translate
        self._last = last
        self._queue: SimpleQueue[list[Batch] | None] = SimpleQueue()
        self._pending: list[Batch] = []
        """What was written in this turn of the event loop: waking the thread costs more than a batch itself."""
        self._next: list[Batch] = []
        """What was taken from the queue and belongs to no group yet."""
        self._is_closing = False
        self._thread = Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def write(self, statements: Sequence[Statement], done: Done, change: Change | None = None) -> None:
        """Hand over a batch; `done` is called once it is durable or has failed."""
        loop = get_running_loop()
        if not self._pending:
            loop.call_soon(self._hand_over)
        self._pending.append(Batch(statements, change, done, loop))

    def close(self) -> None:
        """Write what was handed over, and stop."""
        self._hand_over()
        self._queue.put(None)
        self._thread.join()

    def _hand_over(self) -> None:
        if self._pending:
            self._queue.put(self._pending)
            self._pending = []

    def _work(self) -> None:
        connection: sqlite3.Connection | None = None
        try:
            while (group := self._next_group()) is not None:
                try:
                    connection = connection or self._open()
                    outcomes = commit(connection, group, self._last)
                except Exception as error:
                    outcomes = [(batch, None, error) for batch in group]
                tell([(batch, result, error and self._translate(error)) for batch, result, error in outcomes])
        finally:
            if connection is not None:
                connection.close()

    def _next_group(self) -> list[Batch] | None:
        """All batches that are waiting, at least one; None when the writer is to stop."""
        while not self._next:
            if self._is_closing:
                return None
            self._take(self._queue.get())
        with suppress(Empty):
            while len(self._next) < GROUP_SIZE and not self._is_closing:
                self._take(self._queue.get_nowait())
        # a change stands alone: what it reads must not depend on its neighbours
        changes = (position for position, batch in enumerate(self._next) if batch.change is not None)
        count = min(GROUP_SIZE, next(changes, GROUP_SIZE) or 1)
        group, self._next = self._next[:count], self._next[count:]
        return group

    def _take(self, batches: list[Batch] | None) -> None:
        if batches is None:
            self._is_closing = True
        else:
            self._next += batches


def tell(outcomes: Sequence[Outcome]) -> None:
    """Pass the outcomes on to the event loops of those who wait, one call a loop. From the writer's thread."""
    for loop in {batch.loop for batch, _, _ in outcomes}:
        mine = [each for each in outcomes if each[0].loop is loop]
        # a loop that was closed in the meantime has nobody left who waits
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(pass_on, mine)


def pass_on(outcomes: Sequence[Outcome]) -> None:
    """Give each who waits the writer's word. In the event loop."""
    for batch, result, error in outcomes:
        try:
            batch.done(result, error)
        except Exception as bug:  # which must not keep the others waiting
            batch.loop.call_exception_handler({"message": "What was written could not be told.", "exception": bug})


def settle(future: Future[Any], result: Any, error: Exception | None) -> None:
    """Give a future its outcome, unless nobody waits for it any more."""
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def commit(connection: sqlite3.Connection, group: Sequence[Batch], last: str) -> list[Outcome]:
    """Commit a group in one transaction. A batch that fails does not take its neighbours along."""
    if group[0].change is not None:
        return [changed(connection, group[0])]
    try:
        write_together(connection, group, last)
    except Exception as error:  # also what Python says of a value that cannot be written
        if len(group) == 1:
            return [(group[0], None, error)]
        return write_one_by_one(connection, group)
    return [(batch, None, None) for batch in group]


def write_together(connection: sqlite3.Connection, group: Sequence[Batch], last: str) -> None:
    """Write a group, all rows of a statement at once: a third faster than row by row."""
    rows: dict[str, list[Sequence[Any]]] = {}
    for batch in group:
        for sql, parameters in batch.statements:
            rows.setdefault(sql, []).append(parameters)
    if last in rows:
        rows[last] = rows.pop(last)
    with transaction(connection):
        for sql, all_rows in rows.items():
            write_rows(connection, sql, all_rows)


def write_rows(connection: sqlite3.Connection, sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """Write rows by few statements of many rows each.

    Every statement that is executed lets the event loop's thread go first, and gets the interpreter back only when that
    rests, or after some milliseconds: row by row, a busy process would write a few hundred rows a second.
    """
    if VALUES.search(sql) is None:
        connection.executemany(sql, rows)
        return
    start = 0
    while start < len(rows):
        count = rows_at_once(len(rows) - start)
        some = rows[start : start + count]
        connection.execute(for_rows(sql, count), list(chain.from_iterable(some)))
        start += count


def rows_at_once(left: int) -> int:
    """How many rows the next statement writes: few different numbers, so that SQLite's compiled statements are kept."""
    if left >= MOST_ROWS:
        return MOST_ROWS
    return left // 8 * 8 if left > 8 else left


@lru_cache(maxsize=256)
def for_rows(sql: str, count: int) -> str:
    """A statement that has `VALUES (?, …)` once, for so many rows."""
    head, row, tail = VALUES.split(sql)
    return f"{head}VALUES {', '.join([row] * count)}{tail}"


def write_one_by_one(connection: sqlite3.Connection, group: Sequence[Batch]) -> list[Outcome]:
    """Write a group of which a batch fails: each may fail alone, and the others are committed together."""
    outcomes: list[Outcome] = []
    try:
        with transaction(connection):
            for batch in group:
                outcomes.append((batch, None, write_in_savepoint(connection, batch)))
    except Exception as error:
        failures: list[Outcome] = [(batch, None, failed or error) for batch, _, failed in outcomes]
        return failures + [(batch, None, error) for batch in group[len(outcomes) :]]
    return outcomes


def write_in_savepoint(connection: sqlite3.Connection, batch: Batch) -> Exception | None:
    """Write one batch; what it raised, where it was undone. Raises it where the transaction is lost too."""
    connection.execute("SAVEPOINT batch")
    try:
        for sql, parameters in batch.statements:
            connection.execute(sql, parameters)
    except Exception as error:
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO batch")
        connection.execute("RELEASE batch")
        return error
    connection.execute("RELEASE batch")
    return None


def changed(connection: sqlite3.Connection, batch: Batch) -> Outcome:
    """Make a change in a transaction of its own."""
    assert batch.change is not None
    try:
        with transaction(connection):
            result = batch.change(connection)
    except Exception as error:
        return batch, None, error
    return batch, result, None


class transaction:  # noqa: N801 - reads as what it is
    """A transaction that is committed at the end of its block, or undone."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
