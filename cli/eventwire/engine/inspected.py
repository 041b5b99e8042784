"""One run with all that the journal has of it: what `inspect` and the pages show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from eventwire.engine.record import DeliveryStatus, FilterRecord, RunRecord, status_of
from eventwire.engine.stored import decode, envelope_of
from eventwire.errors import UsageError, did_you_mean
from eventwire.journal.rows import Row
from eventwire.journal.store import Journal
from eventwire.language.payloads import encode_json

if TYPE_CHECKING:
    from eventwire.project.model import Project, ServiceAccount

VERDICTS = {"done": DeliveryStatus.SUCCEEDED, "failed": DeliveryStatus.FAILED}
"""What a person can say of an action that is unknown."""


class Inspected(Struct, frozen=True):
    """A run with all that the journal has of it: rows of its tables."""

    row: Row
    deliveries: Sequence[Row]
    attempts: Sequence[Row]
    children: Sequence[Row]
    replays: Sequence[Row]
    accounts: Sequence[Row]
    """The circuits of the accounts that it went through, where they are not closed."""


class Resolution(Struct, frozen=True):
    """What a person says became of actions that are unknown."""

    verdict: str
    """`done` or `failed`."""
    by: str
    at: str

    def as_dict(self) -> dict[str, str]:
        """The resolution as the journal keeps it."""
        return {"as": self.verdict, "by": self.by, "at": self.at}


def find_run(journal: Journal, run: str) -> Mapping[str, Any]:
    """The run whose id begins so. Raises UsageError for none, or several."""
    found = journal.runs_that_begin(run) if run else []
    if len(found) == 1 or (found and found[0]["id"] == run):
        return found[0]
    if found:
        listed = ", ".join(row["id"] for row in found[:5])
        raise UsageError(f'Several runs begin with "{run}".', next_step=f"Write more of it: {listed} …")
    recent = [row["id"] for row in journal.recent(200)]
    step = did_you_mean(run, recent) or "See the runs with: eventwire history"
    raise UsageError(f'There is no run "{run}".', next_step=step)


def look_at(journal: Journal, row: Row) -> Inspected:
    """All that the journal has of a run."""
    run = row["id"]
    deliveries = journal.deliveries(run)
    accounts = {(each["service_account"], row["environment"]) for each in deliveries}
    return Inspected(
        row,
        deliveries,
        journal.attempts(run),
        journal.children(run),
        journal.replays(row["replay_of"] or run),
        [
            each
            for each in journal.account_states()
            if (each["name"], each["environment"]) in accounts and each["state"] != "closed"
        ],
    )


def document_of(record: RunRecord, inspected: Inspected, payload: Any) -> dict[str, Any]:
    """A run in full, as data."""
    row = inspected.row
    return record.as_dict() | {
        "state": "running" if row["status"] == "running" else "ended",
        "payload": payload,
        "source": row["source"],
        "received_at": moment(row["received_at"]),
        "idempotency_key": row["idempotency_key"],
        "parent": row["parent"],
        "raised_by": row["raised_by"],
        "replay_of": row["replay_of"],
        "raised": [{"id": each["id"], "event": each["event"], "by": each["raised_by"]} for each in inspected.children],
        "not_raised": decode(row["not_raised"]) or [],
        "replays": [each["id"] for each in inspected.replays],
        "attempts": [
            {
                "filter": inspected.deliveries[each["position"]]["filter"],
                "action": inspected.deliveries[each["position"]]["name"],
                "number": each["number"],
                "started_at": moment(each["started_at"]),
                "duration_ms": each["duration_ms"],
                "error": decode(each["error"]),
                "response": decode(each["response"]),
            }
            for each in inspected.attempts
        ],
        "due": [
            {"filter": each["filter"], "action": each["name"], "at": moment(each["due_at"])}
            for each in inspected.deliveries
            if each["due_at"] is not None
        ],
        "resolutions": [
            {"filter": each["filter"], "action": each["name"]} | decode(each["resolution"])
            for each in inspected.deliveries
            if each["resolution"] is not None
        ],
        "accounts": [circuit_document(each) for each in inspected.accounts],
    }


def circuit_document(row: Row) -> dict[str, Any]:
    """The state of an account's circuit, as data."""
    return {
        "name": row["name"],
        "environment": row["environment"],
        "state": row["state"],
        "failures": row["failures"],
        "paused_until": None if row["paused_until"] is None else moment(row["paused_until"]),
        "last_error": row["last_error"],
    }


def limits_of(account: ServiceAccount) -> str:
    """How an account is limited, in words; nothing where it is not."""
    limits = [f"at most {account.max_concurrent} at once"] if account.max_concurrent else []
    limits += [f"at most {account.max_per_second:g} a second"] if account.max_per_second else []
    return ", ".join(limits)


def explained(record: RunRecord, row: Mapping[str, Any], payload: Mapping[str, Any], project: Project) -> RunRecord:
    """The record with each filter explained: as the journal has it, else worked out from what it has."""
    event = project.events.get(row["event"])
    envelope = envelope_of(row)
    filters = [explain(each, payload, envelope, event.model if event else None) for each in record.filters]
    return replace(record, filters=filters, matched=None)


def explain(each: FilterRecord, payload: Any, envelope: Mapping[str, Any], model: Any) -> FilterRecord:
    """A filter with its explanation, by the condition that it had then."""
    from eventwire.language.conditions import explain_condition, parse_condition

    if each.explanation is not None or each.where is None:
        return each
    return replace(each, explanation=explain_condition(parse_condition(each.where), payload, envelope, model))


async def resolve_unknown(journal: Journal, row: Row, resolution: Resolution, only: Sequence[str] = ()) -> list[str]:
    """Record what became of a run's unknown actions; returns them, as `filter/action`. Raises UsageError where none is
    unknown.
    """
    deliveries = journal.deliveries(row["id"])
    unknown = [
        each
        for each in deliveries
        if each["status"] == "unknown" and (not only or f"{each['filter']}/{each['name']}" in only)
    ]
    if not unknown or row["status"] == "running":
        raise UsageError(
            f"Run {row['id']} has {'not ended yet' if row['status'] == 'running' else 'no such unknown action'}.",
            next_step=f"See it with: eventwire inspect {row['id']}",
        )
    status = VERDICTS[resolution.verdict]
    statuses = [status if each in unknown else DeliveryStatus(each["status"]) for each in deliveries]
    positions = [each["position"] for each in unknown]
    said = encode_json(resolution.as_dict())
    await journal.resolve(row["id"], positions, status, said, status_of(statuses))
    return [f"{each['filter']}/{each['name']}" for each in unknown]


def moment(seconds: float) -> str:
    """A moment as ISO 8601, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
