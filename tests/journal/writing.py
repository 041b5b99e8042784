"""Writing to a journal from a test."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from eventwire.journal.rows import AcceptedRun, PlannedDelivery
from eventwire.journal.store import Journal
from eventwire.journal.writer import settle


async def begin(journal: Journal, run: AcceptedRun, deliveries: Sequence[PlannedDelivery]) -> None:
    """Record a run and what it is about to send; returns once that is durable. Raises KeyTaken, JournalError."""
    future = asyncio.get_running_loop().create_future()
    journal.begin_soon(run, deliveries, partial(settle, future))
    await future
