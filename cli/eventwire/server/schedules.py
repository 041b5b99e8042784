"""Sources that are schedules: when they are due, which times were missed, and running them.

A time is run before it is noted as run. Its id is the time itself, so that one that was run and not noted, because the
process ended in between, is run once only; and so is one that two processes run.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cronsim import CronSim
from msgspec import Struct

from eventwire.errors import EventwireError, PayloadError

if TYPE_CHECKING:
    from eventwire.project.model import Source
    from eventwire.server.sources import RaisedEvent, SourcePlan
    from eventwire.server.store import Store

LATE_SECONDS = 60.0
"""A time that is later than that is missed, rather than run."""
MOST_MISSED = 10_000
"""So many are counted at the most: a schedule of every minute misses half a million a year."""
RETRY_SECONDS = 15.0  # four times before a time is missed
LONGEST_SLEEP_SECONDS = 60.0  # a clock that is set, or a machine that slept, is noticed by then

Raise = Callable[["RaisedEvent"], Awaitable[None]]
"""Takes an event; returns once it is durable."""
Tell = Callable[[str], None]
"""Says something to whoever runs the server."""


class Due(Struct, frozen=True):
    """What a schedule comes to at a moment. Times are seconds since 1970."""

    run_at: float | None
    """The time that is to be run; None where there is none."""
    missed: int
    """How many times before it, or in all, were missed."""
    first_missed: float | None
    last_missed: float | None
    upto: float
    """Up to then everything is run or passed over once this is noted."""

    def sentence(self, source: Source) -> str | None:
        """What was missed, for whoever runs the server; None where nothing was."""
        if not self.missed or self.first_missed is None or self.last_missed is None:
            return None
        many = f"{'more than ' if self.missed >= MOST_MISSED else ''}{self.missed:,} times"
        count = "a time" if self.missed == 1 else many
        span = iso(self.first_missed)
        span += f" to {iso(self.last_missed)}" if self.last_missed != self.first_missed else ""
        after = "" if self.run_at is None else f"; that of {iso(self.run_at)} is run now"
        return f"The schedule {source.name} missed {count}: {span}{after}."


def times_after(source: Source, after: float) -> Iterator[float]:
    """The times of a schedule after a moment, in seconds since 1970."""
    zone = ZoneInfo(source.settings["time-zone"])
    for each in CronSim(source.settings["schedule"], datetime.fromtimestamp(after, zone)):
        # from within the hour that there is twice, it begins with a time that is over
        if (found := each.timestamp()) > after:
            yield found


def next_time(source: Source, after: float) -> float | None:
    """The next time of a schedule, in seconds since 1970; None where none ever comes."""
    return next(times_after(source, after), None)


def look(store: Store, source: Source, now: float) -> Due:
    """What is due of a schedule, and what was missed since it was last noted. At the first look nothing was missed."""
    row = store.first("SELECT due_at FROM ticks WHERE source = ?", (source.name,))
    if row is None:
        note(store, source, now)
        return Due(None, 0, None, None, now)
    return due_between(source, row[0], now)


def due_between(source: Source, noted: float, now: float) -> Due:
    """What is due of a schedule that was noted up to a moment."""
    times: list[float] = []
    for each in times_after(source, noted):
        if each > now or len(times) > MOST_MISSED:
            break
        times.append(each)
    if len(times) > MOST_MISSED:
        times = [*times[:MOST_MISSED], *last_times(source, noted, now)]
    punctual = bool(times) and (now - times[-1] <= LATE_SECONDS or source.settings["catch-up"])
    run_at = times.pop() if punctual else None
    missed = min(len(times), MOST_MISSED)
    return Due(run_at, missed, times[0] if times else None, times[-1] if times else None, max(now, noted))


def last_times(source: Source, noted: float, now: float) -> list[float]:
    """The last time up to a moment, found backwards without going through all of them."""
    zone = ZoneInfo(source.settings["time-zone"])
    begin = datetime.fromtimestamp(now, zone)
    for each in CronSim(source.settings["schedule"], begin, reverse=True):
        found = each.timestamp()
        if noted < found <= now:
            return [found]
        break
    return []


def note(store: Store, source: Source, upto: float) -> None:
    """Keep that everything up to a moment is run or passed over."""
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO ticks (source, due_at) VALUES (?, ?)"
            " ON CONFLICT (source) DO UPDATE SET due_at = max(due_at, excluded.due_at)",
            (source.name, upto),
        )


def event_of(plan: SourcePlan, due: Due) -> RaisedEvent | None:
    """The event of a time that is due; None where there is none. Raises PayloadError."""
    if due.run_at is None:
        return None
    at = iso(due.run_at)
    return plan.raise_event({"body": {"time": at, "missed": due.missed}}, now=due.run_at, id=at)


async def run_schedule(
    store: Store,
    plan: SourcePlan,
    raise_event: Raise,
    tell: Tell,
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Run a schedule until it is cancelled, or until no time of it ever comes again. An event that cannot be taken, because
    `raise_event` raises EventwireError, is tried again; one whose payload is wrong is told.
    """
    source = plan.source
    while True:
        due = look(store, source, clock())
        if sentence := due.sentence(source):
            tell(sentence)
        try:
            if (event := event_of(plan, due)) is not None:
                await raise_event(event)
        except PayloadError as error:
            # it would be the same again
            tell(f"The schedule {source.name} raised nothing. {error}")
        except EventwireError as error:
            tell(f"The schedule {source.name} could not be run, and is tried again. {error}")
            await sleep(RETRY_SECONDS)
            continue
        note(store, source, due.upto)
        following = next_time(source, due.upto)
        if following is None:
            tell(f"The schedule {source.name} has no time left.")
            return
        while (left := following - clock()) > 0:
            await sleep(min(left, LONGEST_SLEEP_SECONDS))


def iso(seconds: float) -> str:
    """A time as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
