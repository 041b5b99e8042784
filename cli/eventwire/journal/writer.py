"""The journal's one writer: a thread that commits together what is waiting at the same moment."""

from __future__ import annotations

import sqlite3
from asyncio import AbstractEventLoop, Future, get_running_loop
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from msgspec import Struct

from eventwire.journal.writes import Entries, TooMuch

Change = Callable[[sqlite3.Connection], Any]
"""What is done within a transaction that is not known beforehand."""
Done = Callable[[Any, Exception | None], None]
"""Called in the event loop once a batch is durable, with what a change has returned; or with what was raised."""

# What waits is committed together up to this many batches, so that one commit cannot grow without end.
GROUP_SIZE = 1024
# And up to so many characters of JSON, where it is more than one batch.
GROUP_CHARACTERS = 64_000_000
# The event loop passes on what is durable in portions of so many batches, and hands over what follows from them before the
# next: the journal's thread would wait for all of it otherwise, and then the event loop for the thread.
PORTION = 32


class Batch(Struct, frozen=True, gc=False):
    """Rows (journal/rows.py) that are written together or not at all, or a change; and who is to be told, in which event loop."""

    entries: Sequence[Struct]
    change: Change | None
    done: Done
    loop: AbstractEventLoop


Outcome = tuple[Batch, Any, Exception | None]


class Writer:
    """Writes batches; each is whole in the journal, durably, or not in it at all.

    Rows of all batches of a group are written kind by kind. So a batch must not rely on another that is not durable yet,
    but for the end of a run, which sees the outcomes of its group.
    """

    def __init__(
        self,
        open_connection: Callable[[], sqlite3.Connection],
        translate: Callable[[Exception], Exception],
        owner: Callable[[], str | None],
    ) -> None:
        """`translate` says what SQLite raised in the words of those who wait; `owner` is whose the runs are that come in."""
        self._open = open_connection
        self._translate = translate
        self._owner = owner
        self._queue: SimpleQueue[list[Batch] | None] = SimpleQueue()
        self._pending: list[Batch] = []
        """What was written in this turn of the event loop, up to a portion: waking the thread costs more than a batch itself."""
        self._next: list[Batch] = []
        """What was taken from the queue and belongs to no group yet."""
        self._is_closing = False
        self._worker = Thread(target=self._work, name="journal", daemon=True)
        self._worker.start()

    def write(self, entries: Sequence[Struct], done: Done, change: Change | None = None) -> None:
        """Hand over a batch; `done` is called once it is durable or has failed."""
        pending = self._pending
        if pending:
            loop = pending[0].loop
        else:
            loop = get_running_loop()
            loop.call_soon(self._hand_over)
        pending.append(Batch(entries, change, done, loop))
        if len(pending) >= PORTION:
            self._hand_over()

    def close(self) -> None:
        """Write what was handed over, and stop."""
        self._hand_over()
        self._queue.put(None)
        self._worker.join()

    def _hand_over(self) -> None:
        if self._pending:
            self._queue.put(self._pending)
            self._pending = []

    def _work(self) -> None:
        entries: Entries | None = None
        try:
            while (group := self._next_group()) is not None:
                try:
                    entries = entries or Entries(self._open())
                    outcomes = commit(entries, group, self._owner())
                except Exception as error:
                    outcomes = [(batch, None, error) for batch in group]
                self._tell(outcomes)
        finally:
            if entries is not None:
                entries.connection.close()

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

    def _tell(self, outcomes: Sequence[Outcome]) -> None:
        """Pass the outcomes on to the event loops of those who wait, one call a loop."""
        loops = {batch.loop for batch, _, _ in outcomes}
        for loop in loops:
            mine = outcomes if len(loops) == 1 else [each for each in outcomes if each[0].loop is loop]
            # a loop that was closed in the meantime has nobody left who waits
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._pass_on, mine)

    def _pass_on(self, outcomes: Sequence[Outcome]) -> None:
        """Give each who waits the writer's word, the first of them now. In the event loop."""
        for batch, result, error in outcomes[:PORTION]:
            try:
                batch.done(result, None if error is None else self._translate(error))
            except Exception as bug:  # which must not keep the others waiting
                batch.loop.call_exception_handler({"message": "What was written could not be told.", "exception": bug})
        if len(outcomes) > PORTION:
            get_running_loop().call_soon(self._pass_on, outcomes[PORTION:])


def settle(future: Future[Any], result: Any, error: Exception | None) -> None:
    """Give a future its outcome, unless nobody waits for it any more."""
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def commit(entries: Entries, group: Sequence[Batch], owner: str | None) -> list[Outcome]:
    """Commit a group in one transaction. A batch that fails does not take its neighbours along."""
    if group[0].change is not None:
        return [changed(entries.connection, group[0])]
    most = GROUP_CHARACTERS if len(group) > 1 else None
    try:
        entries.write([entry for batch in group for entry in batch.entries], owner, most_characters=most)
    except TooMuch:
        half = len(group) // 2
        return [each for part in (group[:half], group[half:]) for each in commit(entries, part, owner)]
    except Exception as error:  # also what Python says of a value that cannot be written
        if len(group) == 1:
            return [(group[0], None, error)]
        return write_one_by_one(entries, group, owner)
    return [(batch, None, None) for batch in group]


def write_one_by_one(entries: Entries, group: Sequence[Batch], owner: str | None) -> list[Outcome]:
    """Write a group of which a batch fails: each may fail alone, and the others are committed together."""
    outcomes: list[Outcome] = []
    try:
        for batch in group:
            entries.get_ready(batch.entries)
        with transaction(entries.connection):
            for batch in group:
                outcomes.append((batch, None, failure(entries, batch, owner)))
    except Exception as error:
        failures: list[Outcome] = [(batch, None, failed or error) for batch, _, failed in outcomes]
        return failures + [(batch, None, error) for batch in group[len(outcomes) :]]
    return outcomes


def failure(entries: Entries, batch: Batch, owner: str | None) -> Exception | None:
    """Write one batch; what it raised, where nothing of it is written. Raises it where the transaction is lost too."""
    try:
        entries.write(batch.entries, owner)
    except Exception as error:
        if not entries.connection.in_transaction:
            raise
        return error
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
