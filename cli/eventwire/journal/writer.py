"""The journal's one writer: a thread that commits together what is waiting at the same moment."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import Any

Statement = tuple[str, Sequence[Any]]
"""SQL with its parameters."""

Done = Callable[[BaseException | None], None]
"""Called from the writer's thread when a batch is durable (None), or could not be written."""

# What waits is committed together up to this many batches, so that one commit cannot grow without end.
GROUP_SIZE = 1024


class Writer:
    """Writes batches of statements; each batch is whole in the journal, durably, or not in it at all."""

    def __init__(self, open_connection: Callable[[], sqlite3.Connection]) -> None:
        self._open = open_connection
        self._queue: SimpleQueue[tuple[Sequence[Statement], Done] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def write(self, statements: Sequence[Statement], done: Done) -> None:
        """Hand over a batch; `done` is called once it is durable or has failed."""
        self._queue.put((statements, done))

    def close(self) -> None:
        """Write what was handed over, and stop."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        connection = self._open()
        try:
            while (group := self._next_group()) is not None:
                commit(connection, group)
        finally:
            connection.close()

    def _next_group(self) -> list[tuple[Sequence[Statement], Done]] | None:
        """All batches that are waiting, at least one; None when the writer is to stop."""
        first = self._queue.get()
        if first is None:
            return None
        group = [first]
        while len(group) < GROUP_SIZE and not self._queue.empty():
            batch = self._queue.get()
            if batch is None:
                self._queue.put(None)
                break
            group.append(batch)
        return group


def commit(connection: sqlite3.Connection, group: Sequence[tuple[Sequence[Statement], Done]]) -> None:
    """Commit a group of batches in one transaction. A batch that fails alone does not take its neighbours along."""
    try:
        write_transaction(connection, [statement for statements, _ in group for statement in statements])
    except sqlite3.Error as error:
        if len(group) == 1:
            group[0][1](error)
            return
        for batch in group:
            commit(connection, [batch])
    else:
        for _, done in group:
            done(None)


def write_transaction(connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
    """Run statements in one transaction. Raises sqlite3.Error, with nothing written."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for sql, parameters in statements:
            connection.execute(sql, parameters)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
