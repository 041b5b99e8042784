"""The journal's one writer: a thread that commits together what is waiting at the same moment."""

from __future__ import annotations

import sqlite3
from asyncio import AbstractEventLoop, Future, get_running_loop
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from msgspec import Struct

from eventwire.journal.writes import Entries, Rows, as_json

Change = Callable[[sqlite3.Connection], Any]
"""What is done within a transaction that is not known beforehand."""
Done = Callable[[Any, Exception | None], None]
"""Called in the event loop once a batch is durable, with what a change has returned; or with what was raised."""

# What waits is committed together up to about this many batches, so that one commit cannot grow without end.
GROUP_SIZE = 1024
# And up to so many characters of JSON, where it is more than one batch.
GROUP_CHARACTERS = 64_000_000
# The event loop passes on what is durable in portions of so many batches, and hands over what follows from them before the
# next: the journal's thread would wait for all of it otherwise, and then the event loop for the thread.
PORTION = 64


class Batch(Struct):
    """Rows (journal/rows.py) that are written together or not at all, or a change; who is to be told; and what came of it."""

    entries: Sequence[Struct]
    done: Done
    change: Change | None = None
    result: Any = None
    """What the change has returned."""
    error: Exception | None = None
    """What was raised: nothing of it is written then."""


class Portion(Struct):
    """What was written in one turn of an event loop: batches of rows, or one change, which stands alone."""

    loop: AbstractEventLoop
    batches: list[Batch]
    rows: Rows | None = None
    """The rows of all batches, ready to be written; None where one of them cannot be."""

    @property
    def is_change(self) -> bool:
        """Whether it is a change."""
        return self.batches[0].change is not None


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
        self._queue: SimpleQueue[Portion | None] = SimpleQueue()
        self._pending: Portion | None = None
        """What was written in this turn of the event loop: waking the thread costs more than a batch itself."""
        self._next: deque[Portion] = deque()
        """What was taken from the queue and belongs to no group yet."""
        self._is_closing = False
        self._worker = Thread(target=self._work, name="journal", daemon=True)
        self._worker.start()

    def write(self, entries: Sequence[Struct], done: Done) -> None:
        """Hand over rows; `done` is called once they are durable, or have failed."""
        pending = self._pending
        if pending is None:
            loop = get_running_loop()
            loop.call_soon(self._hand_over)
            self._pending = Portion(loop, [Batch(entries, done)])
            return
        pending.batches.append(Batch(entries, done))
        if len(pending.batches) >= PORTION:
            self._hand_over()

    def change(self, change: Change, done: Done) -> None:
        """Hand over a change, after what was written before it."""
        self._hand_over()
        self._queue.put(Portion(get_running_loop(), [Batch((), done, change)]))

    def close(self) -> None:
        """Write what was handed over, and stop."""
        self._hand_over()
        self._queue.put(None)
        self._worker.join()

    def _hand_over(self) -> None:
        """Pass on what is pending, as JSON: made here from rows that were just made it takes a quarter of the time that it
        takes the thread, whose processor has none of them at hand, and which keeps the interpreter from the event loop.
        """
        pending = self._pending
        if pending is None:
            return
        self._pending = None
        with suppress(Exception):  # which the batch that is to blame is told when it is written alone
            pending.rows = as_json([entry for batch in pending.batches for entry in batch.entries])
        self._queue.put(pending)

    def _work(self) -> None:
        entries: Entries | None = None
        try:
            while group := self._next_group():
                batches = [batch for portion in group for batch in portion.batches]
                try:
                    entries = entries or Entries(self._open())
                    if group[0].is_change:
                        make_change(entries.connection, batches[0])
                    else:
                        commit(entries, group, self._owner())
                except Exception as error:
                    fail(batches, error)
                self._tell(group)
        finally:
            if entries is not None:
                entries.connection.close()

    def _next_group(self) -> list[Portion]:
        """What is waiting, at least one portion, and not much more than GROUP_SIZE batches; nothing when the writer is to
        stop. A change stands alone: what it reads must not depend on its neighbours.
        """
        group: list[Portion] = []
        batches = 0
        while batches < GROUP_SIZE and (portion := self._take(wait=not group)) is not None:
            if portion.is_change and group:
                self._next.appendleft(portion)
                break
            group.append(portion)
            batches += len(portion.batches)
            if portion.is_change:
                break
        return group

    def _take(self, *, wait: bool) -> Portion | None:
        """The next portion; None where there is none now, or none any more."""
        if self._next:
            return self._next.popleft()
        if self._is_closing:
            return None
        try:
            portion = self._queue.get(wait)
        except Empty:
            return None
        self._is_closing = portion is None
        return portion

    def _tell(self, group: Sequence[Portion]) -> None:
        """Pass on what came of a group to the event loops of those who wait, one call a loop."""
        loops = {portion.loop for portion in group}
        for loop in loops:
            mine = group if len(loops) == 1 else [each for each in group if each.loop is loop]
            # a loop that was closed in the meantime has nobody left who waits
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._pass_on, mine)

    def _pass_on(self, group: Sequence[Portion]) -> None:
        """Give each who waits the writer's word, about a portion of them now. In the event loop."""
        told = 0
        for position, portion in enumerate(group):
            if told >= PORTION:
                portion.loop.call_soon(self._pass_on, group[position:])
                return
            told += len(portion.batches)
            for batch in portion.batches:
                try:
                    batch.done(batch.result, None if batch.error is None else self._translate(batch.error))
                except Exception as bug:  # which must not keep the others waiting
                    told_to = {"message": "What was written could not be told.", "exception": bug}
                    portion.loop.call_exception_handler(told_to)


def settle(future: Future[Any], result: Any, error: Exception | None) -> None:
    """Give a future its outcome, unless nobody waits for it any more."""
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def commit(entries: Entries, group: Sequence[Portion], owner: str | None) -> None:
    """Commit a group in one transaction. A batch that fails has its error, and does not take its neighbours along. Raises
    nothing.
    """
    rows = [portion.rows for portion in group if portion.rows is not None]
    batches = [batch for portion in group for batch in portion.batches]
    try:
        if len(rows) == len(group):
            entries.write(rows, owner, most_characters=GROUP_CHARACTERS if len(batches) > 1 else None)
            return
    except Exception as error:  # TooMuch as well
        if len(batches) == 1:
            batches[0].error = error
            return
    write_one_by_one(entries, batches, owner)


def write_one_by_one(entries: Entries, group: Sequence[Batch], owner: str | None) -> None:
    """Write a group of which a batch fails, or that is too much at once: each may fail alone, and the others are committed
    together.
    """
    try:
        for batch in group:
            entries.get_ready(batch.entries)
        with transaction(entries.connection):
            for batch in group:
                batch.error = failure(entries, batch, owner)
    except Exception as error:
        fail(group, error)


def fail(group: Sequence[Batch], error: Exception) -> None:
    """Nothing of a group is written: each has its own error, or this one."""
    for batch in group:
        batch.error = batch.error or error


def failure(entries: Entries, batch: Batch, owner: str | None) -> Exception | None:
    """Write one batch; what it raised, also what Python says of a value that cannot be written, where nothing of it is
    written. Raises it where the transaction is lost too.
    """
    try:
        entries.write([as_json(batch.entries)], owner)
    except Exception as error:
        if not entries.connection.in_transaction:
            raise
        return error
    return None


def make_change(connection: sqlite3.Connection, batch: Batch) -> None:
    """Make a change in a transaction of its own. Raises what it does."""
    assert batch.change is not None
    with transaction(connection):
        batch.result = batch.change(connection)


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
