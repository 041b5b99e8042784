"""One event on its way through a pipeline: what it is, what it is about to send, and the rows that the journal keeps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, overload

from msgspec import Struct
from msgspec.structs import replace

from eventwire.engine.delivery import Delivery, describe_error
from eventwire.engine.gate import Gate
from eventwire.engine.plan import ActionPlan, EventPlan
from eventwire.engine.record import PLANNED, ActionRecord, DeliveryStatus, FilterRecord, RunRecord
from eventwire.engine.selection import EVERYTHING, Selection
from eventwire.errors import CredentialError, ServiceError
from eventwire.journal.identifiers import delivery_key, new_run_id
from eventwire.journal.rows import AcceptedRun, FinishedDelivery, PlannedDelivery, PostponedDelivery, RelatedRun
from eventwire.language.payloads import encode_json
from eventwire.services.declare import Repetition, Request

SAFE = Repetition.SAFE
# Of an event with more filters, the journal keeps the verdicts of those that matched: an event costs what matches it.
KEPT_VERDICTS = 100


class Replay(Struct, frozen=True):
    """What a run replays."""

    original: str
    """The run that came in first, also where this replays a replay."""
    left_out: Mapping[str, Mapping[str, Any]] = {}
    """Actions that are not sent again, as `filter/action`, each with why: an error as the record carries it."""
    is_anew: bool = False
    """Whether it is sent under keys of its own, so that servers take it for another."""


class IncomingEvent(Struct, frozen=True):
    """An event as it comes in: a CloudEvent's `data` with what its envelope is made of."""

    name: str
    payload: Mapping[str, Any]
    source: str = "cli"
    """Where it came from: `cli`, `http` …"""
    idempotency_key: str | None = None
    id: str | None = None
    """Its own id, as `{event.id}` gives it; the run's where it has none."""
    time: str | None = None
    """When it happened, ISO 8601; now where nothing is said."""
    parent: str | None = None
    """The run whose action's outcome raised it."""
    raised_by: str | None = None
    """Which outcome: `on-event/store on success`."""
    generation: int = 0
    """How many events raised each other before it."""
    replay: Replay | None = None
    extensions: Mapping[str, Any] | None = None
    """What a CloudEvent had beside its payload."""
    run: str | None = None
    """The run's id, where it is known beforehand; a new one is made otherwise."""
    payload_text: str | None = None
    """The payload as JSON text, where it is known beforehand."""

    @property
    def stands_alone(self) -> bool:
        """Whether it belongs to no other run, and came without an envelope of its own."""
        return not (self.parent or self.replay or self.id or self.time or self.extensions)


class Verdicts(Sequence[FilterRecord]):
    """Every filter's record, without a copy of those that did not match: there may be thousands."""

    __slots__ = ("_matched", "_unmatched")

    def __init__(self, unmatched: Sequence[FilterRecord], matched: Mapping[int, FilterRecord]) -> None:
        """`unmatched` is each filter's record as it is where it does not match; `matched` are by position."""
        self._unmatched = unmatched
        self._matched = matched

    @overload
    def __getitem__(self, position: int) -> FilterRecord: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[FilterRecord]: ...
    def __getitem__(self, position: int | slice) -> FilterRecord | Sequence[FilterRecord]:
        if isinstance(position, slice):
            return list(self)[position]
        return self._matched.get(range(len(self))[position]) or self._unmatched[position]

    def __iter__(self) -> Iterator[FilterRecord]:
        matched = self._matched
        return (matched.get(position) or each for position, each in enumerate(self._unmatched))

    def __len__(self) -> int:
        return len(self._unmatched)


class Run:
    """One event, with its deliveries."""

    __slots__ = (
        "deliveries",
        "envelope",
        "environment",
        "event",
        "filter_count",
        "filters",
        "generation",
        "id",
        "interrupted",
        "is_ended",
        "matched",
        "payload",
        "received_at",
        "started",
        "unwritten",
    )

    def __init__(
        self,
        id: str,
        event: str,
        environment: str,
        payload: Mapping[str, Any],
        envelope: Mapping[str, Any],
        received_at: float,
        generation: int,
        filters: Sequence[FilterRecord],
        filter_count: int,
        matched: Sequence[int],
        deliveries: list[Delivery],
    ) -> None:
        """`filters` have no actions yet, and `matched` are the positions of those that matched. Times are seconds since 1970."""
        self.id = id
        self.event = event
        self.environment = environment
        self.payload = payload
        self.envelope = envelope
        self.received_at = received_at
        self.generation = generation
        self.filters = filters
        self.filter_count = filter_count
        self.matched = matched
        self.deliveries = deliveries
        self.started = time.perf_counter()
        self.is_ended = False
        """Whether the journal has its end already."""
        self.unwritten: Sequence[Delivery] = ()
        """Deliveries whose outcome is known and not in the journal yet."""
        self.interrupted: Sequence[PostponedDelivery] = ()
        """Attempts that a crash cut off, where another follows."""

    def elapsed_ms(self) -> float:
        """Milliseconds since the event came in."""
        return (time.perf_counter() - self.started) * 1000

    def report(self, records: Sequence[ActionRecord], duration_ms: float | None = None) -> RunRecord:
        """The run's record: each filter with the outcomes of its actions, which are in the order of the deliveries; it has
        taken until now where nothing is said.
        """
        actions: dict[str, list[ActionRecord]] = {}
        for delivery, record in zip(self.deliveries, records, strict=True):
            if delivery.filter in actions:
                actions[delivery.filter].append(record)
            else:
                actions[delivery.filter] = [record]
        matched = {}
        for position in self.matched:
            each = self.filters[position]
            matched[position] = each.as_matched(tuple(actions.get(each.name, ())))
        return RunRecord(
            self.id,
            self.event,
            self.environment,
            self.elapsed_ms() if duration_ms is None else duration_ms,
            Verdicts(self.filters, matched),
            self.filter_count,
            list(matched.values()),
        )

    def finished(self, delivery: Delivery, record: ActionRecord) -> FinishedDelivery:
        """A delivery's outcome as the journal keeps it."""
        response, error = record.response, record.error
        return FinishedDelivery(
            self.id,
            delivery.position,
            record.status,
            record.attempts,
            record.started_ms or 0.0,
            record.duration_ms or 0.0,
            None if response is None else encode_json(response),
            None if error is None else encode_json(error),
        )


class NewRun(Run):
    """An event that has just come in: matched and rendered, and not in the journal yet."""

    __slots__ = ("incoming", "is_explained", "only", "plan")

    def __init__(
        self,
        plan: EventPlan,
        incoming: IncomingEvent,
        environment: str,
        *,
        only: Selection = EVERYTHING,
        explain: bool = False,
    ) -> None:
        """Match and render; `explain` asks for each filter's explanation."""
        now = time.time()
        run_id = incoming.run or new_run_id()
        payload, name = incoming.payload, incoming.name
        envelope = {
            "id": incoming.id or run_id,
            "name": name,
            "time": incoming.time or iso_8601(now),
            "source": incoming.source,
            "environment": environment,
        }
        unmatched, generation = plan.unmatched, incoming.generation
        matched = plan.matcher.matching(payload, envelope)
        Run.__init__(  # and not by `super`: one is made for each event
            self, run_id, name, environment, payload, envelope, now, generation, unmatched, len(unmatched), matched, []
        )
        self.incoming = incoming
        self.plan = plan
        self.only = only
        self.is_explained = explain
        if matched:
            self.deliveries = self.render()
        if explain:
            self.filters = [
                replace(each, explanation=plan.filters[position].explain(payload, envelope))
                for position, each in enumerate(unmatched)
            ]

    def render(self) -> list[Delivery]:
        """What the filters that matched are about to send, in the order of the project file."""
        deliveries: list[Delivery] = []
        for position in self.matched:
            each = self.plan.filters[position]
            for action in each.actions:
                deliveries.append(self.render_action(len(deliveries), each.filter.name, action))
        return deliveries

    def render_action(self, position: int, filter_name: str, plan: ActionPlan) -> Delivery:
        """One delivery; where its request cannot be made, one that has failed already and sends nothing."""
        action, work = plan.action, plan.work
        service, operation = work.service, work.operation
        root, left_out = self.id, None
        if replay := self.incoming.replay:
            root = self.id if replay.is_anew else replay.original
            left_out = replay.left_out.get(f"{filter_name}/{action.name}")
        key = delivery_key(root, plan.digest)
        request: Request | None = None
        repetition = SAFE
        error: Mapping[str, Any] | None = None
        status = PLANNED
        if left_out or (self.only is not EVERYTHING and not self.only.includes(filter_name, action.name)):
            status = DeliveryStatus.SKIPPED
        try:
            values = work.fields.render(self.payload, self.envelope)
            request = work.request(values, self.environment, key)
            repetition = operation.repetition_of(values)
        except (ServiceError, CredentialError) as failure:
            error = describe_error(failure)
            if status is PLANNED:
                status = DeliveryStatus.FAILED
        record = ActionRecord(
            action.name,
            action.account,
            service.name,
            operation.name,
            status,
            0,
            None,
            None,
            request,
            None,
            left_out or error,
        )
        return Delivery(
            self.id,
            position,
            filter_name,
            service,
            operation,
            key,
            request,
            repetition,
            record,
            action.retry,
            action.timeout_seconds,
            plan.triggers,
        )

    def accepted(self) -> AcceptedRun:
        """The run as the journal keeps it from the start."""
        incoming = self.incoming
        payload = incoming.payload_text or encode_json(incoming.payload)
        common = (
            self.id,
            self.event,
            self.environment,
            incoming.source,
            incoming.idempotency_key,
            self.received_at,
            payload,
            sha256(payload.encode()).hexdigest() if incoming.idempotency_key else "",
            self.kept_verdicts(),
            self.filter_count,
            # where nothing is to be done, it has ended as soon as it is in the journal
            "running" if self.deliveries else "succeeded",
            None if self.deliveries else self.elapsed_ms(),
        )
        if incoming.stands_alone:
            return AcceptedRun(*common)
        return RelatedRun(
            *common,
            incoming.parent,
            incoming.raised_by,
            incoming.generation,
            incoming.replay.original if incoming.replay else None,
            incoming.id,
            incoming.time,
            encode_json(incoming.extensions) if incoming.extensions else None,
        )

    def kept_verdicts(self) -> str:
        """The filters' verdicts as the journal keeps them, as JSON text."""
        key = tuple(self.matched)
        kept = None if self.is_explained else self.plan.kept_verdicts.get(key)
        if kept is None:
            matched = {position: self.filters[position].as_matched() for position in key}
            leaves_out = self.filter_count > KEPT_VERDICTS and not self.is_explained
            verdicts = matched.values() if leaves_out else Verdicts(self.filters, matched)
            kept = encode_json([each.verdict() for each in verdicts])
            if not self.is_explained and len(self.plan.kept_verdicts) < KEPT_VERDICTS:
                self.plan.kept_verdicts[key] = kept
        return kept

    def planned(self, gate: Callable[[str], Gate]) -> list[PlannedDelivery]:
        """The deliveries as the journal keeps them before anything is sent.

        Those whose account's gate is free start at once, and are kept as started.
        """
        rows = []
        for delivery in self.deliveries:
            record = delivery.record
            status: str = record.status
            if status is PLANNED and gate(record.service_account).is_free:
                delivery.is_started = True
                status = "started"
            rows.append(
                PlannedDelivery(
                    self.id,
                    delivery.position,
                    delivery.filter,
                    record.name,
                    record.service_account,
                    record.service,
                    record.action,
                    delivery.key,
                    status,
                    encode_json(record.request),
                    None if record.error is None else encode_json(record.error),
                    delivery.repetition,
                )
            )
        return rows


def iso_8601(seconds: float) -> str:
    """A moment as `{event.time}` gives it: UTC, to the millisecond."""
    return iso_8601_of(int(seconds * 1000 // 1))


@lru_cache(maxsize=4)
def iso_8601_of(milliseconds: int) -> str:
    """The same of whole milliseconds, which events that come together share."""
    seconds, fraction = divmod(milliseconds, 1000)
    return f"{whole_second(seconds)}.{fraction:03}+00:00"


@lru_cache(maxsize=4)
def whole_second(seconds: int) -> str:
    """The moment without its fraction and zone: writing a date out takes longer than all the rest."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
