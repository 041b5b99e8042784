"""The pipeline: accept, journal, match, render, deliver in parallel, journal, report.

The same code serves every way in. A dry run is the same pipeline stopped before deliver.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from eventwire.accounts.lookup import find_credentials
from eventwire.engine.connections import Connections
from eventwire.engine.delivery import Delivery, deliver, describe_error
from eventwire.engine.identifiers import delivery_key, new_run_id
from eventwire.engine.plan import ActionPlan, EventPlan, TriggerPlan, plan_event
from eventwire.engine.record import ActionRecord, DeliveryStatus, FilterRecord, Raised, RunRecord, status_of
from eventwire.engine.selection import EVERYTHING, Selection
from eventwire.engine.stored import await_first_run
from eventwire.errors import CredentialError, EventwireError, PayloadError, ServiceError
from eventwire.journal.store import AcceptedRun, EndedRun, FinishedDelivery, Journal, KeyTaken, PlannedDelivery
from eventwire.language.payloads import encode_json
from eventwire.project.model import Project
from eventwire.services.catalog import find_service
from eventwire.services.declare import Credentials, Repetition

# Outcomes that come this close to each other are committed together: a commit costs a millisecond, and the last outcome
# of a run must not wait for those of the others. A crash in between leaves deliveries *started*, as a moment earlier would.
TOGETHER_SECONDS = 0.005
# Of an event with more filters, the journal keeps the verdicts of those that matched: an event costs what matches it.
KEPT_VERDICTS = 100
MOST_GENERATIONS = 10
"""So many events may raise each other, one after the other. Loops are refused when the project is read."""


class IncomingEvent(Struct, frozen=True):
    """An event as it comes in: a CloudEvent's `data` with what its envelope is made of."""

    name: str
    payload: Mapping[str, Any]
    source: str = "cli"
    """Where it came from: `cli`, `http` …"""
    idempotency_key: str | None = None
    id: str | None = None
    """Its own id; one is made where it has none."""
    time: str | None = None
    """When it happened, ISO 8601; now where nothing is said."""
    parent: str | None = None
    """The run whose action's outcome raised it."""
    generation: int = 0
    """How many events raised each other before it."""


class Pipeline:
    """Runs a project's events in one environment. Close it when done."""

    def __init__(
        self,
        project: Project,
        environment: str,
        *,
        environ: Mapping[str, str],
        journal: Journal | None,
        explain: bool = False,
    ) -> None:
        """`journal` may be None for dry runs only; `explain` asks for each filter's explanation in the records."""
        self.project = project
        self.environment = environment
        self._environ = environ
        self.journal = journal
        self.explain = explain
        self._plans: dict[str, EventPlan] = {}
        self.connections = Connections(self._find_credentials)
        self._runs = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._running: set[asyncio.Task[None]] = set()

    def plan(self, event: str) -> EventPlan:
        """The event's plan, made at its first run."""
        plan = self._plans.get(event)
        if plan is None:
            plan = self._plans[event] = plan_event(self.project, self.project.events[event], self.environment)
        return plan

    async def run(self, incoming: IncomingEvent, *, only: Selection = EVERYTHING, dry_run: bool = False) -> RunRecord:
        """One event through the pipeline; returns once every outcome is durable.

        Raises PayloadError where the payload does not fit the model, before anything is journaled or sent, and
        JournalError where the run cannot be recorded, before anything is sent.
        """
        plan = self.plan(incoming.name)
        plan.validate(incoming.payload)
        self._runs += 1
        self._idle.clear()
        try:
            run = Run(self, plan, incoming, only)
            record = await run.pass_through(None if dry_run else self.journal)
            return replace(record, raised=await self.raise_events(run, record)) if run.outcomes else record
        finally:
            self._runs -= 1
            if not self._runs:
                self._idle.set()

    async def raise_events(self, run: Run, record: RunRecord) -> list[Raised]:
        """Raise the events that the outcomes of a run's actions trigger, now that the outcomes are durable."""
        wanted = [
            (delivery, outcome, each) for delivery, outcome in run.outcomes for each in triggers_of(delivery, outcome)
        ]
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self.raise_event(run, record, *each), name=f"raised by {run.id}") for each in wanted
            ]
        return [task.result() for task in tasks]

    async def raise_event(
        self, run: Run, record: RunRecord, delivery: Delivery, outcome: ActionRecord, each: TriggerPlan
    ) -> Raised:
        """Run one event that an outcome raises. What keeps it from being raised is told, never dropped."""
        event = each.trigger.event
        by = f"{delivery.filter}/{outcome.name} on {each.trigger.outcome}"
        generation = run.incoming.generation + 1
        if generation > MOST_GENERATIONS:
            return Raised(event, by, None, f"More than {MOST_GENERATIONS} events would have raised each other.")
        says = outcome.response if each.trigger.outcome == "success" else outcome.error
        try:
            payload = each.render(run.incoming.payload, run.envelope, says)
            raised = IncomingEvent(event, payload, "trigger", parent=record.id, generation=generation)
            return Raised(event, by, await self.run(raised))
        except PayloadError as error:
            wrong = "; ".join(f"{path}: {sentence}" for path, sentence in error.violations)
            return Raised(event, by, None, f"{error.message} {wrong}".strip())
        except EventwireError as error:
            return Raised(event, by, None, error.message)

    def track(self, task: asyncio.Task[None]) -> None:
        """Remember a running delivery until it ends, so that it can be stopped."""
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def stop(self, grace_seconds: float) -> None:
        """Give the runs under way their grace time, then cut off what still runs; each still records its outcome."""
        # runs and not deliveries: one that is being journaled has none yet
        await ends_within(self._idle, grace_seconds)
        self.cut_off()

    def cut_off(self) -> None:
        """Cut off every running delivery at once; each still records its outcome."""
        for task in self._running:
            task.cancel()

    async def close(self) -> None:
        """Close the connections."""
        await self.connections.close()

    def _find_credentials(self, account: str) -> Credentials:
        declared = self.project.accounts[account]
        return find_credentials(
            find_service(declared.service),
            declared.settings(self.environment),
            project=self.project.name,
            account=account,
            environment=self.environment,
            environ=self._environ,
            base=self.project.folder,
        )


class Run:
    """One event on its way through a pipeline."""

    def __init__(self, pipeline: Pipeline, plan: EventPlan, incoming: IncomingEvent, only: Selection) -> None:
        self.pipeline = pipeline
        self.plan = plan
        self.incoming = incoming
        self.only = only
        self.id = incoming.id or new_run_id()
        self.received_at = time.time()
        self.started = time.perf_counter()
        self.outcomes: list[tuple[Delivery, ActionRecord]] = []
        """Deliveries that are over, where their outcome may raise an event."""
        self.envelope = {
            "id": self.id,
            "name": incoming.name,
            "time": incoming.time or datetime.fromtimestamp(self.received_at, UTC).isoformat(timespec="milliseconds"),
            "source": incoming.source,
            "environment": pipeline.environment,
        }

    async def pass_through(self, journal: Journal | None) -> RunRecord:
        """Match and render; then, unless there is no journal because it is a dry run, journal and deliver."""
        matched = self.plan.matcher.matching(self.incoming.payload, self.envelope)
        verdicts = self.verdicts(matched)
        deliveries = self.render(matched)
        if journal is None:
            return self.report(verdicts, matched, deliveries, [delivery.record for delivery in deliveries])
        self.started += await self.prepare(deliveries)
        accepted = self.accepted(verdicts, matched)
        try:
            await journal.begin(accepted, [self.planned(delivery) for delivery in deliveries])
        except KeyTaken:
            return await await_first_run(journal, accepted)
        records = await self.deliver_all(deliveries, journal)
        self.outcomes = [(each, record) for each, record in zip(deliveries, records, strict=True) if each.plan.triggers]
        return self.report(verdicts, matched, deliveries, records)

    async def prepare(self, deliveries: Sequence[Delivery]) -> float:
        """Get ready what the first deliveries of a process need; returns the seconds it took.

        Client libraries and the keyring take some hundred milliseconds once: start-up, which is no action's time.
        """
        begun = time.perf_counter()
        waiting = (delivery.plan for delivery in deliveries if not delivery.is_final)
        await self.pipeline.connections.prepare({plan.action.account: plan.work.service for plan in waiting})
        return time.perf_counter() - begun

    def verdicts(self, matched: Sequence[int]) -> list[FilterRecord]:
        """Every filter's verdict, explained where that was asked for."""
        records = list(self.plan.unmatched)
        for position in matched:
            records[position] = replace(records[position], matched=True)
        if not self.pipeline.explain:
            return records
        explanations = [each.explain(self.incoming.payload, self.envelope) for each in self.plan.filters]
        return [replace(each, explanation=why) for each, why in zip(records, explanations, strict=True)]

    def render(self, matched: Sequence[int]) -> list[Delivery]:
        """What the filters that matched are about to send, in the order of the project file."""
        filters = [self.plan.filters[position] for position in matched]
        plans = [(each.filter.name, action) for each in filters for action in each.actions]
        return [self.render_action(position, *plan) for position, plan in enumerate(plans)]

    def render_action(self, position: int, filter_name: str, plan: ActionPlan) -> Delivery:
        """One delivery; where its request cannot be made, one that has failed already and sends nothing."""
        action = plan.action
        key = delivery_key(self.id, filter_name, action.name)
        record = ActionRecord(
            action.name, action.account, plan.work.service.name, plan.work.operation.name, DeliveryStatus.PLANNED
        )
        request, repetition = None, Repetition.SAFE
        is_wanted = self.only.includes(filter_name, action.name)
        try:
            values = plan.work.render(self.incoming.payload, self.envelope)
            request, repetition = (
                plan.work.request(values, self.pipeline.environment, key),
                plan.work.repetition(values),
            )
            status = DeliveryStatus.PLANNED if is_wanted else DeliveryStatus.SKIPPED
            record = replace(record, status=status, request=request)
        except (ServiceError, CredentialError) as error:
            status = DeliveryStatus.FAILED if is_wanted else DeliveryStatus.SKIPPED
            record = replace(record, status=status, error=describe_error(error))
        return Delivery(plan, filter_name, position, key, request, repetition, record)

    async def deliver_all(self, deliveries: Sequence[Delivery], journal: Journal) -> list[ActionRecord]:
        """Deliver in parallel; each outcome is durable when this returns, and soon after its delivery ends."""
        waiting = [delivery for delivery in deliveries if not delivery.is_final]
        records = [delivery.record for delivery in deliveries]
        outcomes: list[FinishedDelivery] = []
        left = len(waiting)
        all_ended = asyncio.Event()
        if not left:
            await journal.finish([], self.ended(records))

        async def deliver_one(delivery: Delivery) -> None:
            nonlocal left
            record = records[delivery.position] = await deliver(delivery, self.pipeline.connections, self.started)
            outcomes.append(self.finished(delivery, record))
            left -= 1
            if not left:
                all_ended.set()
                await journal.finish(taken(outcomes), self.ended(records))
            elif not await ends_within(all_ended, TOGETHER_SECONDS) and outcomes:
                await journal.finish(taken(outcomes))

        async with asyncio.TaskGroup() as group:
            for delivery in waiting:
                task = group.create_task(deliver_one(delivery), name=f"{delivery.filter}/{delivery.record.name}")
                self.pipeline.track(task)
        return records

    def report(
        self,
        verdicts: list[FilterRecord],
        matched: Sequence[int],
        deliveries: Sequence[Delivery],
        records: Sequence[ActionRecord],
    ) -> RunRecord:
        """The run's record: each filter with the outcomes of its actions."""
        actions: dict[str, list[ActionRecord]] = {}
        for delivery, record in zip(deliveries, records, strict=True):
            actions.setdefault(delivery.filter, []).append(record)
        for position in matched:
            verdict = verdicts[position]
            verdicts[position] = replace(verdict, actions=tuple(actions.get(verdict.name, ())))
        return RunRecord(
            self.id,
            self.incoming.name,
            self.pipeline.environment,
            self.elapsed_ms(),
            verdicts,
            len(verdicts),
            [verdicts[position] for position in matched],
        )

    def elapsed_ms(self) -> float:
        """Milliseconds since the event came in."""
        return (time.perf_counter() - self.started) * 1000

    def accepted(self, verdicts: Sequence[FilterRecord], matched: Sequence[int]) -> AcceptedRun:
        """The run as the journal keeps it from the start."""
        payload = encode_json(self.incoming.payload)
        are_many = len(verdicts) > KEPT_VERDICTS and not self.pipeline.explain
        kept = [verdicts[position] for position in matched] if are_many else verdicts
        return AcceptedRun(
            self.id,
            self.incoming.name,
            self.pipeline.environment,
            self.incoming.source,
            self.incoming.idempotency_key,
            self.received_at,
            payload,
            sha256(payload.encode()).hexdigest(),
            encode_json([verdict.verdict() for verdict in kept]),
            len(verdicts),
            self.incoming.parent,
        )

    def planned(self, delivery: Delivery) -> PlannedDelivery:
        """A delivery as the journal keeps it before anything is sent."""
        record = delivery.record
        return PlannedDelivery(
            self.id,
            delivery.position,
            delivery.filter,
            record.name,
            record.service_account,
            record.service,
            record.action,
            delivery.key,
            record.status if delivery.is_final else "started",
            encode_json(record.request),
            encode_or_none(record.error),
        )

    def finished(self, delivery: Delivery, record: ActionRecord) -> FinishedDelivery:
        """A delivery's outcome as the journal keeps it."""
        return FinishedDelivery(
            self.id,
            delivery.position,
            record.status,
            record.attempts,
            record.started_ms or 0.0,
            record.duration_ms or 0.0,
            encode_or_none(record.response),
            encode_or_none(record.error),
        )

    def ended(self, records: Sequence[ActionRecord]) -> EndedRun:
        """The run's end as the journal keeps it."""
        return EndedRun(self.id, status_of([record.status for record in records]), self.elapsed_ms())


def triggers_of(delivery: Delivery, outcome: ActionRecord) -> list[TriggerPlan]:
    """The triggers that an outcome sets off; one that is unknown, or was left out, sets off none."""
    of = {DeliveryStatus.SUCCEEDED: "success", DeliveryStatus.FAILED: "failure"}.get(outcome.status)
    return [each for each in delivery.plan.triggers if each.trigger.outcome == of]


def taken(outcomes: list[FinishedDelivery]) -> list[FinishedDelivery]:
    """The outcomes that wait to be written, which then wait no more."""
    waiting = outcomes.copy()
    outcomes.clear()
    return waiting


async def ends_within(event: asyncio.Event, seconds: float) -> bool:
    """Whether an event is set within a time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


def encode_or_none(value: Any) -> str | None:
    """JSON text, or None for nothing."""
    return None if value is None else encode_json(value)
