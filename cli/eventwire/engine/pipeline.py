"""The pipeline: accept, journal, match, render, deliver in parallel, journal, report.

The same code serves every way in. A dry run is the same pipeline stopped before deliver, and a run that was left over by
a process that died goes on where it had come to.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import Future
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from eventwire.accounts.lookup import find_credentials
from eventwire.engine.batching import Ticket
from eventwire.engine.connections import Connections
from eventwire.engine.delivery import Delivery, ends_within
from eventwire.engine.gate import Gate
from eventwire.engine.observer import SILENCE, Observer
from eventwire.engine.passage import Ended, NotRecorded, Passage, Wanted
from eventwire.engine.plan import EventPlan, plan_event
from eventwire.engine.record import Raised, RunRecord, RunStatus
from eventwire.engine.run import IncomingEvent, NewRun, Run
from eventwire.engine.selection import EVERYTHING, Selection
from eventwire.engine.stored import left_over, record_of
from eventwire.errors import EventwireError, PayloadError, UsageError
from eventwire.journal.rows import AcceptedRun, AccountState, EndedRun
from eventwire.journal.store import Journal, KeyTaken
from eventwire.journal.writer import settle
from eventwire.language.models import read_model
from eventwire.language.payloads import encode_json
from eventwire.project.model import Event, Project
from eventwire.services.catalog import find_service
from eventwire.services.declare import Credentials, Service

MOST_GENERATIONS = 10
"""So many events may raise each other, one after the other. Loops are refused when the project is read."""
# How long a second run with the same key waits for the first, and how often it looks.
WAIT_SECONDS = 600.0
LOOK_SECONDS = 0.05


LOG_EVENT = "log"
"""Entries of the log are events of this name; the project need not have it."""
LOG = Event(LOG_EVENT, None, None, {}, read_model({}), {}, {})
"""What it is where the project says nothing of it: any payload, and nothing that happens."""


AcceptedBy = Callable[[str | None, Exception | None], None]
"""Called once a run is in the journal: with the id of the first run with its key, where there is one, or with what was raised."""


class KeyReused(UsageError):
    """An idempotency key came again with another payload."""

    code = "key-reused"


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
        self.leaving = asyncio.Event()
        """Set where further attempts are another process's."""
        if detach:
            self.leaving.set()
        self.is_cut_off = False
        """Whether nothing is sent any more."""
        self.running: set[Ticket | asyncio.Task[Any]] = set()
        """Deliveries that are under way, so that they can be stopped."""
        self._ending: set[asyncio.Task[None]] = set()
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
        future: Future[RunRecord | str] = asyncio.get_running_loop().create_future()

        def accepted(first: str | None, error: Exception | None) -> None:
            if first is not None and not future.done():
                future.set_result(first)
                return
            if first is None and error is None:
                Passage(self, run, self._journal, partial(_tell, future)).start()
            else:
                settle(future, None, error)
                self.leave()

        self.enter()
        try:
            if self._unprepared(run.deliveries):
                run.started += await self.prepare(run.deliveries)
            self._begin(run, accepted)
        except BaseException:
            self.leave()
            raise
        outcome = await future
        if not isinstance(outcome, str):
            return outcome
        try:
            return await self.await_first(run, outcome)
        finally:
            self.leave()

    def make_run(self, incoming: IncomingEvent, *, only: Selection = EVERYTHING) -> NewRun:
        """Validate, match and render an event. Raises PayloadError."""
        plan = self.plan(incoming.name)
        if violations := plan.violations(incoming.payload):
            raise plan.misfit(violations)
        return NewRun(plan, incoming, self.environment, only=only, explain=self.explain)

    async def accept(self, run: NewRun) -> str | None:
        """Journal a run; nothing is sent yet. Returns the id of the first run with its key, where there is one.

        Raises JournalError, and UsageError where the first had another payload.
        """
        run.started += await self.prepare(run.deliveries)
        future: Future[str | None] = asyncio.get_running_loop().create_future()
        self._begin(run, partial(settle, future))
        return await future

    def accept_soon(self, run: NewRun, done: AcceptedBy) -> None:
        """Do what `accept` does, and call `done` with what it returns or raises."""
        if run.deliveries and self._unprepared(run.deliveries):
            self.keep(self._accept_prepared(run, done))
        else:
            self._begin(run, done)

    async def _accept_prepared(self, run: NewRun, done: AcceptedBy) -> None:
        try:
            run.started += await self.prepare(run.deliveries)
            self._begin(run, done)
        except Exception as error:
            done(None, error)

    def _begin(self, run: NewRun, done: AcceptedBy) -> None:
        """Hand a run to the journal."""
        row = run.accepted()

        def begun(_: None, error: Exception | None) -> None:
            first = None
            if error is None:
                run.is_ended = not run.deliveries
                self.observer.accepted(row)
            elif isinstance(error, KeyTaken):
                try:
                    first, error = self.first_run(row), None
                except EventwireError as failure:
                    error = failure
            done(first, error)

        planned = run.planned(self.connections.gate) if run.deliveries else ()
        self._journal.begin_soon(row, planned, begun)

    async def finish(self, run: Run) -> RunRecord:
        """Deliver what a run has accepted, and raise what follows from it; returns once every outcome is durable.

        Raises NotRecorded.
        """
        future: Future[RunRecord] = asyncio.get_running_loop().create_future()
        self.finish_soon(run, partial(_tell, future))
        return await future

    def finish_soon(self, run: Run, ended: Ended) -> None:
        """Do what `finish` does, and call `ended` once it is done."""
        self.enter()
        Passage(self, run, self._journal, ended).start()

    async def prepare(self, deliveries: Sequence[Delivery]) -> float:
        """Get ready what the first deliveries of a process need; returns the seconds it took.

        Client libraries and the keyring take some hundred milliseconds once: start-up, which is no action's time.
        """
        needed = self._unprepared(deliveries)
        if not needed:
            return 0.0
        begun = time.perf_counter()
        await self.connections.prepare(needed)
        return time.perf_counter() - begun

    def _unprepared(self, deliveries: Sequence[Delivery]) -> Mapping[str, Service]:
        """The accounts of deliveries that nothing is ready for yet, with their services."""
        prepared, found = self.connections.prepared, {}
        for each in deliveries:
            if each.record.service_account not in prepared and each.service and not each.is_final:
                found[each.record.service_account] = each.service
        return found

    # Events that outcomes raise

    async def raise_events(
        self, run: Run, status: RunStatus, duration_ms: float, wanted: Sequence[Wanted]
    ) -> Sequence[Raised]:
        """Raise the events that the outcomes of a run's actions trigger, now that the outcomes are durable, and end the run.

        It ends once all of them are in the journal, so that a crash before loses none; each has a key of its own, so that
        it is raised once.
        """
        accepted = [await self.accept_raised(run, each) for each in wanted]
        told = [{"event": each.event, "by": each.by, "error": each.error} for each in accepted if each.error]
        await self._journal.finish([], EndedRun(run.id, status, duration_ms, encode_json(told) if told else None))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.finish_raised(each), name=f"raised by {run.id}") for each in accepted]
        return [task.result() for task in tasks]

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
        if not self._runs:
            self._idle.clear()
        self._runs += 1

    def leave(self) -> None:
        """What `enter` said of a run is over."""
        self._runs -= 1
        if not self._runs:
            self._idle.set()

    async def is_idle_within(self, seconds: float) -> bool:
        """Whether every run that is under way ends within a time."""
        return await ends_within(self._idle, seconds)

    def keep(self, steps: Coroutine[Any, Any, None]) -> None:
        """Let a run's end go on by itself."""
        task = asyncio.create_task(steps, name="end of a run")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

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
        self.leaving.set()

    def cut_off(self) -> None:
        """Cut off every running delivery at once; each still records its outcome. What is accepted from now on, an event
        that an outcome raises for one, is recorded and not sent.
        """
        self.is_cut_off = True
        for delivery in list(self.running):
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
        words = (gate.last_error or "").replace("\0", "") or None  # a server's, and the journal keeps no U+0000
        state = AccountState(gate.account, self.environment, gate.circuit, gate.failures, until, words, now)
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


def _tell(future: Future[Any], passage: Passage, error: Exception | None) -> None:
    """Give who waits for a run its record, or what was raised."""
    if not future.done():
        settle(future, None if error else passage.record, error)
