"""What goes into the journal's tables, and what comes out of them.

What goes in is written many rows at a time as a JSON array of arrays: each struct's fields in their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

Row = Mapping[str, Any]
"""A row, by the names of its columns in journal/schema.py."""


class AcceptedRun(Struct, frozen=True, array_like=True):
    """A run as it came in: a row of `runs`. Times are seconds since 1970; `payload` and `filters` are JSON text."""

    id: str
    event: str
    environment: str
    source: str
    idempotency_key: str | None
    received_at: float
    payload: str
    payload_hash: str
    """Tells a repeated key with another payload; empty where there is no key."""
    filters: str
    filter_count: int = 0
    status: str = "running"
    duration_ms: float | None = None
    """How long it took, where it has ended already."""


class RelatedRun(AcceptedRun, frozen=True, array_like=True):
    """A run that belongs to another one, or whose event came with an envelope of its own. Most have none of these columns, which
    cost as much to write as all the others.
    """

    parent: str | None = None
    """The run whose action's outcome raised the event."""
    raised_by: str | None = None
    """Which outcome: `on-event/store on success`."""
    generation: int = 0
    replay_of: str | None = None
    """The run that it replays, or that the one it replays did."""
    event_id: str | None = None
    event_time: str | None = None
    extensions: str | None = None
    """What a CloudEvent had beside its payload, as JSON text."""


class PlannedDelivery(Struct, frozen=True, array_like=True):
    """A delivery before anything is sent: a row of `deliveries`. `request` and `error` are JSON text."""

    run: str
    position: int
    """Its place among the run's deliveries, from 0."""
    filter: str
    name: str
    service_account: str
    service: str
    action: str
    idempotency_key: str
    status: str
    request: str
    error: str | None = None
    repetition: str = "unsafe"


class StartedDelivery(Struct, frozen=True, array_like=True):
    """A delivery whose first byte is about to leave."""

    run: str
    position: int


class PostponedDelivery(Struct, frozen=True, array_like=True):
    """A delivery between two attempts, with the one that failed. `error` and `response` are JSON text."""

    run: str
    position: int
    attempts: int
    """How many have been made."""
    started_at: float
    """When the last began, seconds since 1970."""
    duration_ms: float
    started_ms: float
    """When the first began, milliseconds since the run came in."""
    due_at: float
    """When the next is due, seconds since 1970."""
    error: str
    response: str | None = None


class FinishedDelivery(Struct, frozen=True, array_like=True):
    """A delivery's outcome. Times are milliseconds; `response` and `error` are JSON text."""

    run: str
    position: int
    status: str
    attempts: int
    started_ms: float
    duration_ms: float
    response: str | None
    error: str | None


class EndedRun(Struct, frozen=True, array_like=True):
    """How a run ended; `not_raised` is JSON text, of events that its outcomes could not raise."""

    id: str
    status: str
    duration_ms: float
    not_raised: str | None = None


class LeftRun(Struct, frozen=True, array_like=True):
    """A run of which the rest is left to whoever takes it."""

    id: str
    duration_ms: float


class ResolvedDelivery(Struct, frozen=True, array_like=True):
    """What a person says became of a delivery that is unknown; `resolution` is JSON text."""

    run: str
    position: int
    status: str
    resolution: str
    run_status: str
    """What became of the run by it."""


class AccountState(Struct, frozen=True, array_like=True):
    """A service account's circuit: a row of `account_states`. Times are seconds since 1970."""

    name: str
    environment: str
    state: str
    failures: int
    paused_until: float | None
    last_error: str | None
    changed_at: float
