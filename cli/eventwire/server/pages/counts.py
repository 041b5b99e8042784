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


async def counts_of(site: Site, environment: str) -> Counts:
    """The counts of the last 24 hours; counting takes longer the more there were, and is done the more rarely then."""
    cache: dict[str, Counts] = site.counts
    known = cache.get(environment)
    if known is None or time.time() - known.counted_at > 2.0 + known.took_seconds * 50:
        known = cache[environment] = await asyncio.to_thread(count, site, environment)
    return known


async def account_counts(site: Site, environment: str) -> dict[str, Count]:
    """The counts by service account."""
    return (await counts_of(site, environment)).accounts


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
