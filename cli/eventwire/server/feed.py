"""What has changed, for everyone who watches: gathered for a moment, written once, and handed to all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from msgspec import Struct

FLUSH_SECONDS = 0.4
MOST_UNREAD = 64
"""Somebody who has not read so many messages has gone, or is too slow: the oldest are dropped, and the page looks again."""


class Change(Struct, frozen=True):
    """Something that happened to a run."""

    kind: str
    """`accepted`, `retrying` or `ended`; `reloaded` where the project was."""
    run: str
    event: str
    environment: str
    status: str | None


class Feed:
    """Changes on their way to those who watch. Publishing costs the same whether nobody or a thousand watch."""

    def __init__(self) -> None:
        self._watchers: set[asyncio.Queue[list[Change]]] = set()
        self._changes: list[Change] = []
        self._timer: asyncio.TimerHandle | None = None

    def publish(
        self, kind: str, run: str = "", event: str = "", environment: str = "", status: str | None = None
    ) -> None:
        """Tell everyone who watches, in a moment; `kind` and the others as a Change has them."""
        if not self._watchers:
            return
        self._changes.append(Change(kind, run, event, environment, status))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush)

    @contextmanager
    def watched(self) -> Iterator[AsyncIterator[list[Change]]]:
        """The changes from now on, some at a time; the list is everyone's, and not to be changed."""
        queue: asyncio.Queue[list[Change]] = asyncio.Queue()
        self._watchers.add(queue)
        try:
            yield read(queue)
        finally:
            self._watchers.discard(queue)

    def _flush(self) -> None:
        self._timer = None
        changes, self._changes = self._changes, []
        for queue in self._watchers:
            if queue.qsize() >= MOST_UNREAD:
                queue.get_nowait()
            queue.put_nowait(changes)


async def read(queue: asyncio.Queue[list[Change]]) -> AsyncIterator[list[Change]]:
    """What comes, for as long as somebody asks."""
    while True:
        yield await queue.get()
