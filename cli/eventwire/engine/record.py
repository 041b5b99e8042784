"""The record of a run: what `run --json` prints, the terminal draws, and the journal keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict


class DeliveryStatus(StrEnum):
    """What came of an action."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Left out by `--only`, or done already by the run that is replayed."""
    UNKNOWN = "unknown"
    """It was sent, and whether it had its effect cannot be told."""
    PLANNED = "planned"
    """Not sent, or not sent again yet: of a dry run, what would have been."""


# a member by itself is twice as fast as one of its class
PLANNED = DeliveryStatus.PLANNED
SUCCEEDED = DeliveryStatus.SUCCEEDED
FAILED = DeliveryStatus.FAILED
UNKNOWN = DeliveryStatus.UNKNOWN


class RunStatus(StrEnum):
    """What came of a run's actions together."""

    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    """Some actions succeeded and some did not."""
    FAILED = "failed"


ALL_SUCCEEDED = RunStatus.SUCCEEDED


class ActionRecord(Struct, frozen=True):
    """One delivery."""

    name: str
    service_account: str
    service: str
    action: str
    status: DeliveryStatus
    attempts: int = 0
    started_ms: float | None = None
    """Milliseconds from the run's start to the first attempt's."""
    duration_ms: float | None = None
    request: Mapping[str, Any] | None = None
    """What was sent, or would have been; it holds no secret."""
    response: Any = None
    error: Mapping[str, Any] | None = None
    """`kind`, `message` and `next_step` of what went wrong."""

    @property
    def is_waiting(self) -> bool:
        """Whether an attempt has failed and another follows, or it was left to another process before the first."""
        return self.status is PLANNED and (self.attempts > 0 or self.started_ms is not None)

    @property
    def status_so_far(self) -> DeliveryStatus:
        """What it counts for in its run: one that is still to be tried again has not succeeded."""
        return FAILED if self.is_waiting else self.status

    def as_dict(self) -> dict[str, Any]:
        """The delivery as data."""
        return asdict(self)


class FilterRecord(Struct, frozen=True):
    """One filter's verdict, and its actions where it matched."""

    name: str
    where: str | None
    matched: bool
    explanation: Mapping[str, Any] | None = None
    actions: tuple[ActionRecord, ...] = ()

    def as_matched(self, actions: tuple[ActionRecord, ...] = ()) -> FilterRecord:
        """The same where the filter has matched, with what came of its actions."""
        return FilterRecord(self.name, self.where, True, self.explanation, actions)

    def verdict(self) -> dict[str, Any]:
        """The filter without its actions, as the journal keeps it."""
        return {"name": self.name, "where": self.where, "matched": self.matched, "explanation": self.explanation}

    def as_dict(self) -> dict[str, Any]:
        """The filter as data."""
        return self.verdict() | {"actions": [action.as_dict() for action in self.actions]}


class Raised(Struct, frozen=True):
    """An event that an action's outcome raised."""

    event: str
    by: str
    """Which outcome of which action: `on-event/store on success`."""
    record: RunRecord | None
    """Its run; None where it could not be raised."""
    error: str | None = None
    """Why it could not be raised."""


class RunRecord(Struct, frozen=True):
    """One event's passage through the pipeline."""

    id: str
    event: str
    environment: str
    duration_ms: float
    filters: Sequence[FilterRecord]
    """Each filter of the event; of a journaled run with many filters, those that matched."""
    filter_count: int
    matched: Sequence[FilterRecord] | None = None
    """The filters that matched, where they were counted already."""
    raised: Sequence[Raised] = ()
    """The events that its actions' outcomes raised: runs of their own, of which `as_dict` says nothing."""

    @property
    def matching(self) -> Sequence[FilterRecord]:
        """The filters that matched, in the order of the project file."""
        return self.matched if self.matched is not None else [each for each in self.filters if each.matched]

    @property
    def actions(self) -> list[ActionRecord]:
        """The deliveries of all filters, in the order of the project file."""
        return actions_of(self.matching)

    @property
    def status(self) -> RunStatus:
        """What came of the actions together."""
        return outcome_of(self.actions)[0]

    @property
    def slowest_ms(self) -> float:
        """The longest action's duration: what the whole run cannot be faster than."""
        return slowest_of(self.actions)

    def as_dict(self) -> dict[str, Any]:
        """The record as data: exactly what `run --json` prints."""
        return self.document() | {"filters": [each.as_dict() for each in self.filters]}

    def document(self) -> dict[str, Any]:
        """What `as_dict` gives, for who only writes it as JSON: the filters are left as they are, which is written the same."""
        matching = self.matching
        actions = actions_of(matching)
        slowest_ms = slowest_of(actions)
        return {
            "id": self.id,
            "event": self.event,
            "environment": self.environment,
            "status": outcome_of(actions)[0],
            "match": {"filters": self.filter_count, "matched": len(matching)},
            "duration_ms": round(self.duration_ms, 3),
            "slowest_ms": round(slowest_ms, 3),
            "overhead_ms": round(self.duration_ms - slowest_ms, 3),
            "filters": list(self.filters),
        }


def actions_of(filters: Sequence[FilterRecord]) -> list[ActionRecord]:
    """The deliveries of filters, in their order."""
    return [action for each in filters for action in each.actions]


def slowest_of(actions: Sequence[ActionRecord]) -> float:
    """The longest action's duration, in milliseconds."""
    return max([action.duration_ms or 0.0 for action in actions], default=0.0)


def outcome_of(actions: Sequence[ActionRecord]) -> tuple[RunStatus, bool]:
    """What deliveries come to, and whether one of them waits for another attempt."""
    if [each.status for each in actions].count(SUCCEEDED) == len(actions):  # as nearly always
        return ALL_SUCCEEDED, False
    return status_of([each.status_so_far for each in actions]), any(each.is_waiting for each in actions)


def status_of(statuses: Sequence[DeliveryStatus]) -> RunStatus:
    """What deliveries' outcomes come to; a run with none has succeeded."""
    if FAILED not in statuses and UNKNOWN not in statuses:
        return RunStatus.SUCCEEDED
    return RunStatus.PARTIAL if SUCCEEDED in statuses else RunStatus.FAILED
