"""How many runs and deliveries there were in the last 24 hours, counted at most every few seconds for all pages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from eventwire.server.pages.site import Site

DAY_SECONDS = 86_400.0


class Count(Struct, frozen=True):
    """What came of deliveries or runs."""

    total: int = 0
    failed: int = 0
    unknown: int = 0
    running: int = 0


class Counts(Struct, frozen=True):
    """The counts of one environment."""

    events: dict[str, Count]
    actions: dict[tuple[str, str, str], Count]
    """By event, filter and action."""
    accounts: dict[str, Count]
    counted_at: float
    took_seconds: float

    @property
    def good_until(self) -> float:
        """Until when it is not counted anew."""
        return self.counted_at + 2.0 + self.took_seconds * 50

    def again_seconds(self, asked_at: float) -> float:
        """When a page that shows these counts is to look again: they may be older than what it was told of. 0: they are not."""
        return 0.0 if self.counted_at >= asked_at else max(0.0, self.good_until - time.time()) + 0.1


async def counts_of(site: Site, environment: str) -> Counts:
    """The counts of the last 24 hours; counting takes longer the more there were, and is done the more rarely then."""
    cache: dict[str, Counts] = site.counts
    known = cache.get(environment)
    if known is None or time.time() > known.good_until:
        known = cache[environment] = await asyncio.to_thread(count, site, environment)
    return known


def count(site: Site, environment: str) -> Counts:
    """Count in the journal."""
    began = time.time()
    runs, deliveries = site.timeline.counts(environment, began - DAY_SECONDS)
    actions: dict[tuple[str, str, str], Count] = {}
    accounts: dict[str, Count] = {}
    for event, filter_name, name, account, *numbers in deliveries:
        key = (event, filter_name, name)
        actions[key] = add(actions.get(key), numbers)
        accounts[account] = add(accounts.get(account), numbers)
    return Counts(
        {event: add(None, numbers) for event, *numbers in runs}, actions, accounts, time.time(), time.time() - began
    )


def add(before: Count | None, numbers: Sequence[Any]) -> Count:
    """A count with more counted."""
    known = before or Count()
    total, failed, unknown, running = (int(each or 0) for each in numbers)
    return Count(known.total + total, known.failed + failed, known.unknown + unknown, known.running + running)
