"""Telling open pages what has changed: drawn once, and sent to everyone who watches."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from msgspec import Struct
from starlette.responses import Response, StreamingResponse

from eventwire.errors import EventwireError
from eventwire.server.feed import Change
from eventwire.server.pages.site import Site, Visit
from eventwire.server.sessions import hash_of, open_sessions

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST_SECONDS = 0.3
SECONDS_A_WATCHER = 0.003
"""With a thousand watching, each is told every three seconds: telling all of them takes what a few events take."""
MOST_ENTRIES = 20
"""Of more changes at once only the newest are sent, with how many more there were: nobody reads them as they fly past."""
MOST_UNREAD = 16
KEEP_ALIVE_SECONDS = 15.0
LONGEST_SECONDS = 300.0
"""After that a page connects again."""
SIGNED_IN_SECONDS = 1.0
"""So often it is looked whether those who watch are still signed in."""
TROUBLE_SECONDS = 30.0
MOST_WATCHERS = 5000
OTHERS_SECONDS = 1.0
"""So often the journal is looked at for what other processes have run: a command, or another server."""


class Watcher(Struct, frozen=True):
    """Somebody who watches."""

    what: str
    """An environment, or a run."""
    session: bytes


class Live:
    """Who watches, and what is to be told."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._watchers: dict[asyncio.Queue[bytes | None], Watcher] = {}
        self._runs: dict[str, dict[str, None]] = {}
        """By environment, the runs that have changed."""
        self._accepted: dict[str, int] = {}
        """By environment, how many are new."""
        self._changed: set[str] = set()
        """Runs, and environments whose pages are to look again."""
        self._is_reloaded = False
        self._last_change = 0.0
        self._told: set[str] = set()
        """The runs of this process that have changed since others' were looked for."""

    async def keep(self) -> None:
        """Tell everyone what changes, for ever."""
        with self._site.runner.feed.watched() as changes:
            others = [
                self._site.in_background(self._gather(changes), "gather changes"),
                self._site.in_background(self._end_signed_out(), "end what nobody is signed in for"),
                self._site.in_background(self._look_for_others(), "look for what other processes have run"),
            ]
            try:
                while True:
                    await asyncio.sleep(max(FIRST_SECONDS, len(self._watchers) * SECONDS_A_WATCHER))
                    await self._tell_or_say_why_not()
            finally:
                for each in others:
                    each.cancel()

    async def _gather(self, changes: AsyncIterator[list[Change]]) -> None:
        async for some in changes:
            self._notify(some)
            self._last_change = time.time()
            if not self._watchers:
                continue
            for each in some:
                if each.kind == "reloaded":
                    self._is_reloaded = True
                    continue
                self._changed.add(each.run)
                self._told.add(each.run)
                if each.environment:
                    runs = self._runs.setdefault(each.environment, {})
                    runs[each.run] = None
                    if each.kind == "accepted":
                        self._accepted[each.environment] = self._accepted.get(each.environment, 0) + 1
                    while len(runs) > MOST_ENTRIES:
                        del runs[next(iter(runs))]

    async def _end_signed_out(self) -> None:
        """Let go whoever was signed out, here or by a command: what comes in is not for them any more."""
        while True:
            await asyncio.sleep(SIGNED_IN_SECONDS)
            if not self._watchers:
                continue
            try:
                known = await asyncio.to_thread(open_sessions, self._site.runner.store)
            except EventwireError as error:
                self._site.runner.tell(f"It cannot be seen who is still signed in: {error}")
                await asyncio.sleep(TROUBLE_SECONDS)
                continue
            for queue in [each for each, watcher in self._watchers.items() if watcher.session not in known]:
                del self._watchers[queue]
                put(queue, message("signed-out", ""))
                queue.put_nowait(None)

    async def _look_for_others(self) -> None:
        """Have pages look again where the newest runs have changed, and not by this process."""
        known: dict[tuple[str, str], str] | None = None  # what is there before anybody watches
        doubtful: dict[tuple[str, str], str] = {}
        told_before: set[str] = set()
        while True:
            if known is not None:
                await asyncio.sleep(OTHERS_SECONDS)
            told, self._told = self._told, set()
            try:
                rows = await asyncio.to_thread(self._site.timeline.newest, MOST_ENTRIES)
            except EventwireError as error:
                self._site.runner.tell(f"It cannot be seen what other processes have run: {error}")
                await asyncio.sleep(TROUBLE_SECONDS)
                continue
            # what this process runs is in the journal a moment before it is told, or after
            for (run, _), environment in doubtful.items():
                if run not in told | told_before:
                    self._changed |= {run, environment}
                    self._last_change = time.time()
            told_before = told
            found = {(row["id"], row["status"]): row["environment"] for row in rows}
            doubtful = {} if known is None else {each: found[each] for each in found.keys() - known.keys()}
            known = found

    def _notify(self, changes: Sequence[Change]) -> None:
        """Push those log entries that ask for it to the devices that want them."""
        if not self._site.pusher.is_wanted:
            return
        runs = [each.run for each in changes if each.kind == "accepted" and each.event == "log"]
        if runs:
            self._site.in_background(self._site.pusher.push_all(self._site.timeline, runs), "notifications")

    async def _tell_or_say_why_not(self) -> None:
        try:
            await self._tell()
        except (EventwireError, sqlite3.Error) as error:
            self._site.runner.tell(f"Open pages cannot be told of what has changed: {error}")

    async def _tell(self) -> None:
        runs, self._runs = self._runs, {}
        accepted, self._accepted = self._accepted, {}
        changed, self._changed = self._changed, set()
        is_reloaded, self._is_reloaded = self._is_reloaded, False
        watched = {each.what for each in self._watchers.values()}
        messages = {run: message("changed", run) for run in changed & watched}
        for environment in runs.keys() & watched:
            text = await asyncio.to_thread(self._draw, list(runs[environment]), accepted.get(environment, 0))
            messages[environment] = messages.get(environment, b"") + message("entries", text)
        note = message("reloaded", "") if is_reloaded else b""
        for queue, watcher in list(self._watchers.items()):
            told = messages.get(watcher.what, b"") + note
            if told:
                put(queue, told)

    def _draw(self, runs: list[str], accepted: int) -> str:
        entries = self._site.timeline.entries(runs)
        left_out = max(0, accepted - len(entries))
        buttons = self._site.entry_buttons(entries)
        return self._site.render("entries.html", entries=entries, left_out=left_out, buttons=buttons)

    async def stream(self, site: Site, visit: Visit) -> Response:
        """`GET /live`: what changes in an environment, or of one run, as server-sent events."""
        if len(self._watchers) >= MOST_WATCHERS:
            return Response(status_code=503, headers={"retry-after": "60"})
        session = hash_of(visit.request.cookies[site.session_cookie])
        watcher = Watcher(visit.text("run") or visit.environment, session)
        return StreamingResponse(
            self._read(watcher, self._last_change > seconds_of(visit.text("since"))),
            media_type="text/event-stream",
            headers={"x-accel-buffering": "no"},
        )

    async def _read(self, watcher: Watcher, is_late: bool) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._watchers[queue] = watcher
        until = asyncio.get_running_loop().time() + LONGEST_SECONDS
        try:
            yield b"retry: 2000\n: watching\n\n"
            if is_late:  # something has changed since the page was drawn
                yield message("changed", "")
            while asyncio.get_running_loop().time() < until:
                try:
                    told = await asyncio.wait_for(queue.get(), KEEP_ALIVE_SECONDS)
                except TimeoutError:
                    told = b": still here\n\n"
                if told is None:
                    return
                yield told
        finally:
            self._watchers.pop(queue, None)

    def end(self) -> None:
        """Let everyone who watches go."""
        for queue in self._watchers:
            queue.put_nowait(None)


def seconds_of(text: str) -> float:
    """A moment of an address; of what is none, the present."""
    try:
        return float(text)
    except ValueError:
        return time.time()


def put(queue: asyncio.Queue[bytes | None], told: bytes) -> None:
    """Hand something over; whoever does not read is told the newest only."""
    if queue.qsize() >= MOST_UNREAD:
        queue.get_nowait()
    queue.put_nowait(told)


def message(kind: str, text: str) -> bytes:
    """A server-sent event."""
    lines = "".join(f"data: {line}\n" for line in text.splitlines() or [""])
    return f"event: {kind}\n{lines}\n".encode()
