"""The pipeline: accept, journal, match, render, deliver in parallel, journal, report.

The same code serves every way in. A dry run is the same pipeline stopped before deliver, and a run that was left over by
a process that died goes on where it had come to.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import Future
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from eventwire.accounts.lookup import find_credentials
from eventwire.engine.connections import Connections
from eventwire.engine.delivery import (
    NOT_FINISHED,
    Attempt,
    Course,
    Delivery,
    cut_off,
    deliver,
    describe_error,
    ended,
    ends_within,
    landed,
    left_to_others,
    repeat_delay,
    send_together,
)
from eventwire.engine.gate import Gate
from eventwire.engine.observer import SILENCE, Observer
from eventwire.engine.plan import EventPlan, TriggerPlan, plan_event
from eventwire.engine.record import ActionRecord, DeliveryStatus, Raised, RunRecord
from eventwire.engine.run import IncomingEvent, NewRun, Run, encode_or_none
from eventwire.engine.selection import EVERYTHING, Selection
from eventwire.engine.stored import left_over, record_of
from eventwire.errors import EventwireError, PayloadError, UsageError
from eventwire.journal.rows import AcceptedRun, AccountState, EndedRun, FinishedDelivery
from eventwire.journal.store import Journal, JournalError, KeyTaken
from eventwire.language.models import read_model
from eventwire.project.model import Event, Project
from eventwire.services.catalog import find_service
from eventwire.services.declare import Credentials

MOST_GENERATIONS = 10
"""So many events may raise each other, one after the other. Loops are refused when the project is read."""
# How long a second run with the same key waits for the first, and how often it looks.
WAIT_SECONDS = 600.0
LOOK_SECONDS = 0.05


LOG_EVENT = "log"
"""Entries of the log are events of this name; the project need not have it."""
LOG = Event(LOG_EVENT, None, None, {}, read_model({}), {}, {})
"""What it is where the project says nothing of it: any payload, and nothing that happens."""


class NotRecorded(JournalError):
    """Actions were sent, and what came of them could not be recorded."""

    def __init__(self, record: RunRecord, error: JournalError) -> None:
        super().__init__(
            f"What came of run {record.id} could not be recorded: {error.message}", next_step=error.next_step
        )
        self.record = record
        """What came of it all the same."""


Over = Callable[[Delivery, ActionRecord], None]
"""Called once a delivery is over, with its record."""


class KeyReused(UsageError):
    """An idempotency key came again with another payload."""

    code = "key-reused"


class Delivered(Struct):
    """What came of a run's deliveries, as far as the journal has it or not."""

    records: list[ActionRecord]
    last: list[FinishedDelivery]
    """Outcomes that are not handed to the journal yet, the last one among them."""
    writing: list[Future[None]] = []
    """Outcomes on their way."""


class Wanted(Struct, frozen=True):
    """An event that an outcome is to raise."""

    plan: TriggerPlan
    by: str
    """Which outcome: `on-event/store on success`."""
    says: Any
    """The response, or the error."""


class Accepted(Struct, frozen=True):
    """An event that an outcome raises, in the journal; or why it is not."""

    event: str
    by: str
    run: NewRun | None = None
    first: str | None = None
    """The run that was raised by it before, where a crash came in between."""
    error: str | None = None


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
        detach: bool = False,
        observer: Observer = SILENCE,
    ) -> None:
        """`journal` may be None for dry runs only; `explain` asks for each filter's explanation in the records;
        `detach` leaves further attempts to another process.
        """
        self.project = project
        self.environment = environment
        self._environ = environ
        self.journal = journal
        self.explain = explain
        self.observer = observer
        self._plans: dict[str, EventPlan] = {}
        self.connections = Connections(self._find_credentials, self._make_gate)
        self._runs = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._leaving = asyncio.Event()
        """Set where further attempts are another process's."""
        if detach:
            self._leaving.set()
        self._is_cut_off = False
        """Whether nothing is sent any more."""
        self._running: set[Future[Any]] = set()
        self._notes: set[asyncio.Task[None]] = set()

    def plan(self, event: str) -> EventPlan:
        """The event's plan, made at its first run."""
        plan = self._plans.get(event)
        if plan is None:
            declared = LOG if event == LOG_EVENT and event not in self.project.events else self.project.events[event]
            plan = self._plans[event] = plan_event(self.project, declared, self.environment)
        return plan

    # A run's passage

    async def run(self, incoming: IncomingEvent, *, only: Selection = EVERYTHING, dry_run: bool = False) -> RunRecord:
        """One event through the pipeline; returns once every outcome is durable.

        Raises PayloadError where the payload does not fit the model, before anything is journaled or sent,
        JournalError where the run cannot be recorded, before anything is sent, and NotRecorded after.
        """
        run = self.make_run(incoming, only=only)
        if dry_run:
            return run.report([delivery.record for delivery in run.deliveries])
        with self.under_way():
            first = await self.accept(run)
            return await self.finish(run) if first is None else await self.await_first(run, first)

    def make_run(self, incoming: IncomingEvent, *, only: Selection = EVERYTHING) -> NewRun:
        """Validate, match and render an event. Raises PayloadError."""
        plan = self.plan(incoming.name)
        plan.validate(incoming.payload)
        return NewRun(plan, incoming, self.environment, only=only, explain=self.explain)

    async def accept(self, run: NewRun) -> str | None:
        """Journal a run; nothing is sent yet. Returns the id of the first run with its key, where there is one.

        Raises JournalError, and UsageError where the first had another payload.
        """
        journal = self._journal
        run.started += await self.prepare(run.deliveries)
        is_free = {
            name: self.connections.gate(name).is_free
            for name in {delivery.record.service_account for delivery in run.deliveries}
        }
        accepted = run.accepted()
        try:
            await journal.begin(accepted, run.planned(is_free=is_free))
        except KeyTaken:
            return self.first_run(accepted)
        run.is_ended = not run.deliveries
        self.observer.accepted(accepted)
        return None

    async def finish(self, run: Run) -> RunRecord:
        """Deliver what a run has accepted, and raise what follows from it; returns once every outcome is durable.

        Raises NotRecorded.
        """
        if isinstance(run, NewRun) and run.is_ended:
            record = run.report([])
            self.observer.ended(record)
            return record
        with self.under_way():
            delivered = await self.deliver_all(run)
            record = run.report(delivered.records)
            try:
                record = await self.conclude(run, record, delivered)
            except JournalError as error:
                raise NotRecorded(record, error) from error
            self.observer.ended(record)
            return record

    async def conclude(self, run: Run, record: RunRecord, delivered: Delivered) -> RunRecord:
        """Write the last outcome, and the run's end once all that follows from it is in the journal."""
        journal = self._journal
        if any(each.is_waiting for each in delivered.records):
            await journal.finish(delivered.last)
            await journal.let_go(run.id, record.duration_ms)
        elif wanted := triggered(run, delivered.records):
            await journal.finish(delivered.last)
            record = await self.raise_events(run, record, wanted)
        else:
            await journal.finish(delivered.last, EndedRun(run.id, record.status, record.duration_ms))
        await journal.settled(delivered.writing)
        return record

    async def prepare(self, deliveries: Sequence[Delivery]) -> float:
        """Get ready what the first deliveries of a process need; returns the seconds it took.

        Client libraries and the keyring take some hundred milliseconds once: start-up, which is no action's time.
        """
        needed = {
            each.record.service_account: each.service
            for each in deliveries
            if each.service and not each.is_final and not self.connections.is_prepared(each.record.service_account)
        }
        if not needed:
            return 0.0
        begun = time.perf_counter()
        await self.connections.prepare(needed)
        return time.perf_counter() - begun

    async def deliver_all(self, run: Run) -> Delivered:
        """Deliver in parallel; the outcome of all but the last is on its way to the journal when its delivery ends."""
        journal = self._journal
        course = Course(self.connections, journal, self.observer, run.started, run.received_at, self._leaving)
        records = [delivery.record for delivery in run.deliveries]
        delivered = Delivered(records, [run.finished(each, each.record) for each in run.unwritten])
        waiting = [delivery for delivery in run.deliveries if not delivery.is_final]
        remaining = len(waiting)
        if not remaining:
            return delivered
        all_over = asyncio.get_running_loop().create_future()

        def over(delivery: Delivery, record: ActionRecord) -> None:
            nonlocal remaining
            record, outcome = recordable(run, delivery, record)
            records[delivery.position] = record
            remaining -= 1
            if not remaining:
                all_over.set_result(None)
            if record.is_waiting:
                return
            if remaining:
                delivered.writing.append(journal.finish_soon(outcome))
            else:
                delivered.last.append(outcome)

        for delivery in waiting:
            self.deliver(delivery, course, over)
        await all_over
        return delivered

    def deliver(self, delivery: Delivery, course: Course, over: Over) -> None:
        """Set a delivery going; `over` is called once it is."""
        begun = time.perf_counter()
        sent = None if self._is_cut_off else send_together(delivery, course)
        if sent is None:
            self.deliver_alone(delivery, course, over, begun)
            return
        self.track(sent)

        def came_back(future: Future[Any]) -> None:
            tried = landed(delivery, course, future, begun)
            if repeat_delay(delivery, tried.error, course) is None:
                over(delivery, ended(delivery, course, begun, tried.outcome))
            else:
                self.deliver_alone(delivery, course, over, begun, tried)

        sent.add_done_callback(came_back)

    def deliver_alone(
        self, delivery: Delivery, course: Course, over: Over, begun: float, tried: Attempt | None = None
    ) -> None:
        """Set a delivery going that waits for something: a connection, its turn, another attempt."""
        if self._is_cut_off:
            outcome = tried.outcome if tried else cut_off(NOT_FINISHED, DeliveryStatus.FAILED)
            over(delivery, ended(delivery, course, begun, outcome))
            return

        def ended_alone(task: asyncio.Task[ActionRecord]) -> None:
            try:
                record = task.result()
            except asyncio.CancelledError:  # before it began
                outcome = left_to_others(delivery, course, cut_off(NOT_FINISHED, DeliveryStatus.FAILED))
                record = ended(delivery, course, begun, outcome)
            except Exception as error:
                # the others go on; that nothing can be recorded is told at the end
                outcome = {"status": DeliveryStatus.FAILED, "error": describe_error(error)}
                record = ended(delivery, course, begun, outcome)
            over(delivery, record)

        task = asyncio.create_task(deliver(delivery, course, begun, tried), name=delivery.label)
        self.track(task)
        task.add_done_callback(ended_alone)

    # Events that outcomes raise

    async def raise_events(self, run: Run, record: RunRecord, wanted: Sequence[Wanted]) -> RunRecord:
        """Raise the events that the outcomes of a run's actions trigger, now that the outcomes are durable.

        The run ends once all of them are in the journal, so that a crash before loses none; each has a key of its own,
        so that it is raised once.
        """
        accepted = [await self.accept_raised(run, each) for each in wanted]
        told = [{"event": each.event, "by": each.by, "error": each.error} for each in accepted if each.error]
        await self._journal.finish(
            [], EndedRun(run.id, record.status, record.duration_ms, encode_or_none(told or None))
        )
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.finish_raised(each), name=f"raised by {run.id}") for each in accepted]
        return replace(record, raised=[task.result() for task in tasks])

    async def accept_raised(self, run: Run, wanted: Wanted) -> Accepted:
        """Journal one event that an outcome raises. What keeps it from being raised is told, never dropped."""
        event = wanted.plan.trigger.event
        accepted = Accepted(event, wanted.by)
        if run.generation + 1 > MOST_GENERATIONS:
            return replace(accepted, error=f"More than {MOST_GENERATIONS} events would have raised each other.")
        try:
            payload = wanted.plan.render(run.payload, run.envelope, wanted.says)
            raised = self.make_run(
                IncomingEvent(
                    event,
                    payload,
                    "trigger",
                    idempotency_key=f"{run.id} {wanted.by} {event}",
                    parent=run.id,
                    raised_by=wanted.by,
                    generation=run.generation + 1,
                )
            )
            return replace(accepted, run=raised, first=await self.accept(raised))
        except PayloadError as error:
            wrong = "; ".join(f"{path}: {sentence}" for path, sentence in error.violations)
            return replace(accepted, error=f"{error.message} {wrong}".strip())
        except EventwireError as error:
            return replace(accepted, error=error.message)

    async def finish_raised(self, accepted: Accepted) -> Raised:
        """Bring a raised event's run to its end."""
        if accepted.run is None:
            return Raised(accepted.event, accepted.by, None, accepted.error)
        try:
            if accepted.first is not None:
                record = await self.await_first(accepted.run, accepted.first)
            else:
                record = await self.finish(accepted.run)
            return Raised(accepted.event, accepted.by, record)
        except NotRecorded as error:
            return Raised(accepted.event, accepted.by, error.record, error.message)

    # Runs with a key that was used before

    def first_run(self, repeated: AcceptedRun) -> str:
        """The id of the first run with the same idempotency key. Raises UsageError where it had another payload."""
        key = repeated.idempotency_key or ""
        first = self._journal.find_by_key(repeated.event, repeated.environment, key)
        assert first is not None, "a key that is taken has a run"
        if first["payload_hash"] != repeated.payload_hash:
            raise KeyReused(
                f'The idempotency key "{key}" was used before, with another payload (run {first["id"]}).',
                next_step="Use a key of its own for each event.",
            )
        return str(first["id"])

    async def await_first(self, repeated: NewRun, first: str) -> RunRecord:
        """The record of a run once it has ended, also where another process runs it; one that was left over is
        brought to its end. Raises UsageError where that takes too long.
        """
        journal = self._journal
        for _ in range(int(WAIT_SECONDS / LOOK_SECONDS)):
            row = journal.run(first)
            assert row is not None, "retention spares runs that are asked for"
            if row["status"] != "running":
                return record_of(row, journal.deliveries(first))
            if await journal.take(first):
                return await self.resume(first)
            await asyncio.sleep(LOOK_SECONDS)
        raise UsageError(
            f'The first run with the idempotency key "{repeated.incoming.idempotency_key}" has not ended within '
            f"{WAIT_SECONDS:.0f} seconds.",
            next_step=f"See how far it is with: eventwire inspect {first}",
        )

    # Runs that were left over

    async def recover(self, run: str) -> RunRecord | None:
        """Bring a run to its end that no living process runs; None where another was faster. Raises NotRecorded."""
        return await self.resume(run) if await self._journal.take(run) else None

    async def resume(self, run: str) -> RunRecord:
        """Go on with a run that is now this process's."""
        journal = self._journal
        row = journal.run(run)
        assert row is not None, "a run that was taken is there"
        left = left_over(self.project, row, journal.deliveries(run))
        for attempt in left.interrupted:
            await journal.postpone(attempt)
        await self.prepare(left.deliveries)
        return await self.finish(left)

    # Stopping

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """A run is under way: stopping waits for it."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def enter(self) -> None:
        """A run is under way, until `leave`: for one that is accepted here and finished elsewhere."""
        self._runs += 1
        self._idle.clear()

    def leave(self) -> None:
        """What `enter` said of a run is over."""
        self._runs -= 1
        if not self._runs:
            self._idle.set()

    async def is_idle_within(self, seconds: float) -> bool:
        """Whether every run that is under way ends within a time."""
        return await ends_within(self._idle, seconds)

    def track(self, delivery: Future[Any]) -> None:
        """Remember a running delivery until it ends, so that it can be stopped."""
        self._running.add(delivery)
        delivery.add_done_callback(self._running.discard)

    async def stop(self, grace_seconds: float, *, leave_retries: bool = False) -> None:
        """Give the runs under way their grace time, then cut off what still runs; each still records its outcome.

        Where retries are left, those that wait for one are left to another process at once.
        """
        if leave_retries:
            self.leave_retries()
        # runs and not deliveries: one that is being journaled has none yet
        await self.is_idle_within(grace_seconds)
        self.cut_off()

    def leave_retries(self) -> None:
        """Leave what waits for another attempt, now or later, to another process."""
        self._leaving.set()

    def cut_off(self) -> None:
        """Cut off every running delivery at once; each still records its outcome. What is accepted from now on, an event
        that an outcome raises for one, is recorded and not sent.
        """
        self._is_cut_off = True
        for delivery in list(self._running):
            delivery.cancel()

    async def close_when_idle(self) -> None:
        """Close the connections once every run that is under way has ended: nothing new comes."""
        await self._idle.wait()
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.gather(*self._notes, return_exceptions=True)
        await self.connections.close()

    # Accounts

    def _make_gate(self, account: str) -> Gate:
        declared = self.project.accounts.get(account)
        return Gate(
            account,
            max_concurrent=declared.max_concurrent if declared else None,
            max_per_second=declared.max_per_second if declared else None,
            on_change=self._note,
        )

    def _note(self, gate: Gate) -> None:
        """Record a change of an account's circuit, for `doctor` and others to see."""
        if self.journal is None:
            return
        now = time.time()
        until = now + gate.pause_seconds if gate.pause_seconds else None
        state = AccountState(gate.account, self.environment, gate.circuit, gate.failures, until, gate.last_error, now)
        note = asyncio.create_task(self.journal.note_account(state), name=f"note {gate.account}")
        self._notes.add(note)
        note.add_done_callback(self._notes.discard)

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

    @property
    def _journal(self) -> Journal:
        assert self.journal is not None, "only dry runs do without a journal"
        return self.journal


def recordable(run: Run, delivery: Delivery, record: ActionRecord) -> tuple[ActionRecord, FinishedDelivery]:
    """A delivery's record and what the journal keeps of it; a response that cannot be kept is our bug, and told."""
    try:
        return record, run.finished(delivery, record)
    except Exception as error:
        record = replace(record, response=None, error=describe_error(error))
        return record, run.finished(delivery, record)


def triggered(run: Run, records: Sequence[ActionRecord]) -> list[Wanted]:
    """The events that the outcomes of a run raise; one that is unknown, or was left out, raises none."""
    outcomes = {DeliveryStatus.SUCCEEDED: "success", DeliveryStatus.FAILED: "failure"}
    return [
        Wanted(
            plan,
            f"{delivery.label} on {plan.trigger.outcome}",
            record.response if plan.trigger.outcome == "success" else record.error,
        )
        for delivery, record in zip(run.deliveries, records, strict=True)
        for plan in delivery.triggers
        if plan.trigger.outcome == outcomes.get(record.status)
    ]
