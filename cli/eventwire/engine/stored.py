"""Runs read back from the journal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from eventwire.engine.record import ActionRecord, DeliveryStatus, FilterRecord, RunRecord
from eventwire.errors import UsageError
from eventwire.journal.store import AcceptedRun, Journal

# How long a second run with the same key waits for the first, and how often it looks.
WAIT_SECONDS = 60.0
LOOK_SECONDS = 0.05


async def await_first_run(journal: Journal, repeated: AcceptedRun) -> RunRecord:
    """The record of the first run with the same idempotency key, once that has ended.

    Raises UsageError where the first came with another payload, or does not end.
    """
    key = repeated.idempotency_key or ""
    for _ in range(int(WAIT_SECONDS / LOOK_SECONDS)):
        first = journal.find_by_key(repeated.event, repeated.environment, key)
        assert first is not None, "a key that is taken has a run"
        if first["payload_hash"] != repeated.payload_hash:
            raise UsageError(
                f'The idempotency key "{key}" was used before, with another payload (run {first["id"]}).',
                next_step="Use a key of its own for each event.",
            )
        if first["status"] != "running":
            return record_of(first, journal.deliveries(first["id"]))
        await asyncio.sleep(LOOK_SECONDS)
    raise UsageError(
        f'The first run with the idempotency key "{key}" has not ended within {WAIT_SECONDS:.0f} seconds.',
        next_step="Try again later; if that run was interrupted, its outcome is not known.",
    )


def record_of(run: Mapping[str, Any], deliveries: Sequence[Mapping[str, Any]]) -> RunRecord:
    """A run's record from its rows in the journal."""
    actions: dict[str, list[ActionRecord]] = {}
    for row in deliveries:
        actions.setdefault(row["filter"], []).append(action_of(row))
    filters = tuple(
        FilterRecord(
            each["name"], each["where"], each["matched"], each["explanation"], tuple(actions.get(each["name"], ()))
        )
        for each in json.loads(run["filters"])
    )
    return RunRecord(
        run["id"],
        run["event"],
        run["environment"],
        run["duration_ms"] or 0.0,
        filters,
        run["filter_count"] or len(filters),
    )


def action_of(row: Mapping[str, Any]) -> ActionRecord:
    """A delivery's record from its row; one that was started and never ended is unknown."""
    open_ended = row["status"] in ("planned", "started")
    return ActionRecord(
        row["name"],
        row["service_account"],
        row["service"],
        row["action"],
        DeliveryStatus.UNKNOWN if open_ended else DeliveryStatus(row["status"]),
        row["attempts"],
        row["started_ms"],
        row["duration_ms"],
        decode(row["request"]),
        decode(row["response"]),
        decode(row["error"]),
    )


def decode(text: str | None) -> Any:
    """The data of a JSON column; numbers keep their digits."""
    from decimal import Decimal

    return None if text is None else json.loads(text, parse_float=Decimal)
