"""How long the journal keeps runs: `retention-days` of the project."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from eventwire.journal.store import Journal

SECONDS_A_DAY = 86_400
# So few at once that a commit of the hot path waits for milliseconds at most, and then a breath.
AT_ONCE = 100
BREATH_SECONDS = 0.02
LOOK_SECONDS = 3600.0


async def forget_old_runs(journal: Journal, retention_days: int | None) -> int:
    """Remove the runs that are older than the project keeps them; returns how many. Raises JournalError.

    Runs that have not ended are kept. Without `retention-days` all are.
    """
    if retention_days is None:
        return 0
    before = time.time() - retention_days * SECONDS_A_DAY
    removed = 0
    while gone := await journal.forget(before, AT_ONCE):
        removed += gone
        await asyncio.sleep(BREATH_SECONDS)
    return removed


async def keep_forgetting(journal: Journal, retention_days: Callable[[], int | None]) -> None:
    """Remove what has become too old, now and every hour."""
    while True:
        await forget_old_runs(journal, retention_days())
        await asyncio.sleep(LOOK_SECONDS)
