"""Runs read back from the journal: their records, and what is left of them to do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from eventwire.engine.delivery import MAY_HAVE_HAPPENED, Delivery, cut_off, describe_error
from eventwire.engine.plan import plan_trigger
from eventwire.engine.record import ActionRecord, DeliveryStatus, FilterRecord, RunRecord
from eventwire.engine.run import Run, iso_8601
from eventwire.errors import EventwireError
from eventwire.journal.rows import PostponedDelivery, Row
from eventwire.language.payloads import decode_json, encode_json
from eventwire.project.model import DEFAULT_TIMEOUT_SECONDS, Action, Project, Retry
from eventwire.services.catalog import find_service
from eventwire.services.declare import Operation, Repetition, Service

OPEN = ("planned", "started")
"""Statuses of deliveries that have no outcome yet."""


def record_of(run: Row, deliveries: Sequence[Row]) -> RunRecord:
    """A run's record from its rows in the journal."""
    actions: dict[str, list[ActionRecord]] = {}
    for row in deliveries:
        actions.setdefault(row["filter"], []).append(action_of(row))
    filters = tuple(
        FilterRecord(
            each["name"], each["where"], each["matched"], each["explanation"], tuple(actions.get(each["name"], ()))
        )
        for each in decode_json(run["filters"])
    )
    return RunRecord(
        run["id"],
        run["event"],
        run["environment"],
        run["duration_ms"] or 0.0,
        filters,
        run["filter_count"] or len(filters),
    )


def action_of(row: Row) -> ActionRecord:
    """A delivery's record from its row; one that was started and has not ended is unknown as yet."""
    return ActionRecord(
        row["name"],
        row["service_account"],
        row["service"],
        row["action"],
        DeliveryStatus.UNKNOWN if row["status"] == "started" else DeliveryStatus(row["status"]),
        row["attempts"],
        row["started_ms"],
        row["duration_ms"],
        decode(row["request"]),
        decode(row["response"]),
        decode(row["error"]),
    )


def decode(text: str | None) -> Any:
    """The data of a JSON column; numbers keep their digits."""
    return None if text is None else decode_json(text)


def envelope_of(run: Row) -> dict[str, Any]:
    """The envelope that a run's conditions and wildcards saw."""
    return {
        "id": run["event_id"] or run["id"],
        "name": run["event"],
        "time": run["event_time"] or iso_8601(run["received_at"]),
        "source": run["source"],
        "environment": run["environment"],
    }


def left_over(project: Project, run: Row, deliveries: Sequence[Row]) -> Run:
    """A run that was left over, as far as it had come: what is open is to be delivered, by today's project.

    A delivery that had started and must not happen twice is unknown.
    """
    record = record_of(run, [])
    left = Run(
        id=run["id"],
        event=run["event"],
        environment=run["environment"],
        payload=decode(run["payload"]),
        envelope=envelope_of(run),
        received_at=run["received_at"],
        generation=run["generation"],
        filters=record.filters,
        filter_count=record.filter_count,
        matched=[position for position, each in enumerate(record.filters) if each.matched],
        deliveries=[left_over_delivery(project, row, run) for row in deliveries],
    )
    left.started -= max(0.0, time.time() - run["received_at"])
    open_ones = [
        (row["status"], delivery)
        for row, delivery in zip(deliveries, left.deliveries, strict=True)
        if row["status"] in OPEN
    ]
    left.unwritten = [each for _, each in open_ones if each.is_final]
    left.interrupted = [
        cut_off_by_a_crash(run, each) for status, each in open_ones if status == "started" and not each.is_final
    ]
    return left


def cut_off_by_a_crash(run: Row, delivery: Delivery) -> PostponedDelivery:
    """The attempt that was under way when its process died, and that is made again at once."""
    error = cut_off(MAY_HAVE_HAPPENED, DeliveryStatus.FAILED)["error"]
    began_ms = delivery.record.started_ms or 0.0
    return PostponedDelivery(
        run=run["id"],
        position=delivery.position,
        attempts=delivery.attempts,
        started_at=run["received_at"] + began_ms / 1000,
        duration_ms=0.0,
        started_ms=began_ms,
        due_at=time.time(),
        error=encode_json(error),
    )


def left_over_delivery(project: Project, row: Row, run: Row) -> Delivery:
    """A delivery as far as it had come."""
    action = action_named(project, run["event"], row["filter"], row["name"])
    was_started = row["status"] == "started"
    repetition = Repetition(row["repetition"])
    record = action_of(row)
    service, operation = None, None
    if row["status"] in OPEN:
        try:
            service, operation = find_operation(project, row)
            # one that waits keeps the error of its last attempt
            error = record.error if row["due_at"] is not None else None
            record = replace(record, status=DeliveryStatus.PLANNED, error=error)
        except EventwireError as error:
            record = replace(record, status=DeliveryStatus.FAILED, error=describe_error(error))
        if was_started and repetition is Repetition.UNSAFE:
            record = replace(record, **cut_off(MAY_HAVE_HAPPENED, DeliveryStatus.UNKNOWN))
    return Delivery(
        run=run["id"],
        position=row["position"],
        filter=row["filter"],
        service=service,
        operation=operation,
        key=row["idempotency_key"],
        request=record.request,
        repetition=repetition,
        record=record,
        retry=action.retry if action else Retry(),
        timeout_seconds=action.timeout_seconds if action else DEFAULT_TIMEOUT_SECONDS,
        triggers=[plan_trigger(project, each) for each in action.triggers] if action else (),
        attempts=row["attempts"] + was_started,
        due_at=row["due_at"],
    )


def action_named(project: Project, event: str, filter_name: str, name: str) -> Action | None:
    """An action of today's project, or None."""
    found = project.events.get(event)
    each = found.filters.get(filter_name) if found else None
    return each.actions.get(name) if each else None


def find_operation(project: Project, row: Row) -> tuple[Service, Operation]:
    """What a delivery goes through. Raises EventwireError where today's project cannot send it any more."""
    name = row["service_account"]
    account = project.accounts.get(name)
    if account is None or account.service != row["service"]:
        raise EventwireError(
            f'The service account "{name}" of {row["service"]}, through which it was to be sent, is not in the project.',
            next_step=f"Add it again with: eventwire add:service-account {name} --service {row['service']}",
        )
    service = find_service(account.service)
    operation = service.operation(row["action"])
    if operation is None:
        raise EventwireError(f'{service.label} has no action "{row["action"]}" any more.')
    return service, operation
