"""A run under way: its deliveries set going at the same moment, their outcomes on their way to the journal, and its end.

A run is told of what happens by calls, not by waiting in a task of its own: most are over after three of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from eventwire.engine.batching import Ticket
from eventwire.engine.connections import Lane
from eventwire.engine.delivery import (
    NOT_FINISHED,
    Attempt,
    Course,
    Delivery,
    cut_off,
    deliver,
    describe_error,
    ended,
    left_to_others,
    raised,
    record_with,
    repeat_delay,
)
from eventwire.engine.plan import TriggerPlan
from eventwire.engine.record import (
    ALL_SUCCEEDED,
    PLANNED,
    SUCCEEDED,
    ActionRecord,
    DeliveryStatus,
    Raised,
    RunRecord,
    outcome_of,
)
from eventwire.engine.run import Run
from eventwire.journal.rows import EndedRun, FinishedDelivery
from eventwire.journal.store import Journal, JournalError

if TYPE_CHECKING:
    from eventwire.engine.pipeline import Pipeline


class NotRecorded(JournalError):
    """Actions were sent, and what came of them could not be recorded."""

    def __init__(self, record: RunRecord, error: JournalError) -> None:
        super().__init__(
            f"What came of run {record.id} could not be recorded: {error.message}", next_step=error.next_step
        )
        self.record = record
        """What came of it all the same."""


class Wanted:
    """An event that an outcome is to raise."""

    __slots__ = ("by", "plan", "says")

    def __init__(self, plan: TriggerPlan, by: str, says: Any) -> None:
        """`by` is which outcome, `on-event/store on success`; `says` its response, or its error."""
        self.plan = plan
        self.by = by
        self.says = says


class Sent(Ticket):
    """A delivery that goes with others of its account."""

    __slots__ = ("delivery", "lane", "passage")

    def __init__(self, passage: Passage, delivery: Delivery, lane: Lane, begun: float) -> None:
        self.is_settled = False  # and not by `super`: one is made for each delivery
        self.own = None
        self.passage = passage
        self.delivery = delivery
        self.lane = lane
        self.begun = begun

    def over(self, outcome: Any) -> None:
        passage, delivery, gate = self.passage, self.delivery, self.lane.gate
        passage.pipeline.running.discard(self)
        if isinstance(outcome, BaseException):
            passage.failed(self, outcome)
            return
        if gate.failures or not gate.is_free:  # a free one without failures notes nothing
            gate.leave(None)
        del self.passage, self.delivery  # its deadline may keep this for long
        passage.over(delivery, record_with(delivery, passage.run.started, self.begun, SUCCEEDED, outcome))


Ended = Callable[["Passage", Exception | None], None]
"""Called once a run is over and durable, or with NotRecorded, or with a bug of ours."""


class Passage:
    """One run's way from its deliveries to its end."""

    __slots__ = (
        "_done",
        "_duration_ms",
        "_error",
        "_is_plain",
        "_journal",
        "_last",
        "_raised",
        "_records",
        "_under_way",
        "_writing",
        "pipeline",
        "run",
        "status",
    )

    def __init__(self, pipeline: Pipeline, run: Run, journal: Journal, done: Ended) -> None:
        """`run` is in the journal, and this process's."""
        self.run = run
        self.pipeline = pipeline
        self._journal = journal
        self._done = done
        self._records: list[ActionRecord] = []
        self._last = [run.finished(each, each.record) for each in run.unwritten] if run.unwritten else []
        """Outcomes that are not handed to the journal yet, the last one among them."""
        self._under_way = 0
        self._writing = 0
        """Outcomes that are not durable yet."""
        self._error: Exception | None = None
        self._raised: Sequence[Raised] = ()
        self._duration_ms = 0.0
        self._is_plain = True
        """Whether every outcome so far is a success, and no outcome raises an event: then there is nothing to look for."""
        self.status = ALL_SUCCEEDED
        """What came of it; known once it is over."""

    def start(self) -> None:
        """Set every delivery going."""
        if self.run.is_ended:
            self._duration_ms = self.run.elapsed_ms()
            self._end(None)
            return
        waiting = []
        for delivery in self.run.deliveries:
            self._records.append(delivery.record)
            status = delivery.record.status
            if status is PLANNED:
                waiting.append(delivery)
            if delivery.triggers or (status is not PLANNED and status is not SUCCEEDED):
                self._is_plain = False
        self._under_way = len(waiting)
        if not waiting:
            self._conclude()
        for delivery in waiting:
            self._send(delivery)

    @property
    def course(self) -> Course:
        """What its deliveries go by that do not go with others."""
        run, pipeline = self.run, self.pipeline
        return Course(
            pipeline.connections, self._journal, pipeline.observer, run.started, run.received_at, pipeline.leaving
        )

    @property
    def record(self) -> RunRecord:
        """The run's record, once it is over."""
        record = self.run.report(self._records, self._duration_ms)
        return replace(record, raised=self._raised) if self._raised else record

    # Deliveries

    def _send(self, delivery: Delivery) -> None:
        """Send a delivery's first attempt with all that go to its account at this moment, unless it has to wait for anything
        or its service takes each by itself.

        It is what `deliver` does, without a task of its own: that is half of what a delivery costs.
        """
        begun = time.perf_counter()
        pipeline, operation = self.pipeline, delivery.operation
        lane = pipeline.connections.lanes.get(delivery.record.service_account)
        if lane is None or not lane.gate.is_free or not delivery.is_started or pipeline.is_cut_off or operation is None:
            self._send_alone(delivery, begun)
            return
        sent = Sent(self, delivery, lane, begun)
        delivery.attempts += 1
        pipeline.running.add(sent)
        lane.batching.submit(operation, delivery.request or {}, sent)
        pipeline.connections.deadlines.add(delivery.timeout_seconds, sent)

    def failed(self, sent: Sent, error: BaseException) -> None:
        """A delivery that went with others was not answered well: try again, where it may be."""
        delivery, course = sent.delivery, self.course
        tried = raised(delivery, sent.lane, error, sent.begun)
        if repeat_delay(delivery, tried.error, course) is None:
            self.over(delivery, ended(delivery, course, sent.begun, tried.outcome))
        else:
            self._send_alone(delivery, sent.begun, tried)

    def _send_alone(self, delivery: Delivery, begun: float, tried: Attempt | None = None) -> None:
        """Set a delivery going that waits for something: a connection, its turn, another attempt."""
        course = self.course
        if self.pipeline.is_cut_off:
            outcome = tried.outcome if tried else cut_off(NOT_FINISHED, DeliveryStatus.FAILED)
            self.over(delivery, ended(delivery, course, begun, outcome))
            return

        def ended_alone(task: asyncio.Task[ActionRecord]) -> None:
            self.pipeline.running.discard(task)
            try:
                record = task.result()
            except asyncio.CancelledError:  # before it began
                outcome = left_to_others(delivery, course, cut_off(NOT_FINISHED, DeliveryStatus.FAILED))
                record = ended(delivery, course, begun, outcome)
            except Exception as error:
                # the others go on; that nothing can be recorded is told at the end
                outcome = {"status": DeliveryStatus.FAILED, "error": describe_error(error)}
                record = ended(delivery, course, begun, outcome)
            self.over(delivery, record)

        task = asyncio.create_task(deliver(delivery, course, begun, tried), name=delivery.label)
        self.pipeline.running.add(task)
        task.add_done_callback(ended_alone)

    def over(self, delivery: Delivery, record: ActionRecord) -> None:
        """Note what came of a delivery. All outcomes but the last go to the journal at once, the last with the run's end."""
        try:
            outcome = self.run.finished(delivery, record)
        except Exception as error:  # a response that cannot be kept is our bug, and told
            record = replace(record, response=None, error=describe_error(error))
            outcome = self.run.finished(delivery, record)
        self._records[delivery.position] = record
        self._under_way -= 1
        if record.status is not SUCCEEDED:
            self._is_plain = False
        if record.status is PLANNED and record.is_waiting:
            pass  # as the journal has it already
        elif self._under_way:
            self._write([outcome])
        else:
            self._last.append(outcome)
        if not self._under_way:
            self._conclude()

    # The end

    def _conclude(self) -> None:
        """Write the last outcome, and the run's end once all that follows from it is in the journal."""
        run = self.run
        self._duration_ms = run.elapsed_ms()
        if not self._is_plain:
            self.status, is_waiting = outcome_of(self._records)
            wanted = [] if is_waiting else triggered(run, self._records)
            if is_waiting or wanted:
                self._writing += 1
                self.pipeline.keep(self._conclude_in_steps(wanted))
                return
        self._write(self._last, EndedRun(run.id, self.status, self._duration_ms))

    async def _conclude_in_steps(self, wanted: Sequence[Wanted]) -> None:
        """The end of a run that is left to another process, or that raises events: one step is durable before the next."""
        error: Exception | None = None
        try:
            await self._journal.finish(self._last)
            if wanted:
                self._raised = await self.pipeline.raise_events(self.run, self.status, self._duration_ms, wanted)
            else:
                await self._journal.let_go(self.run.id, self._duration_ms)
        except Exception as failure:
            error = failure
        self._written(None, error)

    def _write(self, outcomes: Sequence[FinishedDelivery], end: EndedRun | None = None) -> None:
        self._writing += 1
        self._journal.finish_soon(outcomes, end, self._written)

    def _written(self, _: None, error: Exception | None) -> None:
        """Something is durable, or cannot be; with the last of it the run is over."""
        self._error = self._error or error
        self._writing -= 1
        if self._writing or self._under_way:
            return
        error = self._error
        self._end(NotRecorded(self.record, error) if isinstance(error, JournalError) else error)

    def _end(self, error: Exception | None) -> None:
        if error is None:
            self.pipeline.observer.ended(self.run, self.status)
        self.pipeline.leave()
        self._done(self, error)


RAISED_BY = {DeliveryStatus.SUCCEEDED: "success", DeliveryStatus.FAILED: "failure"}


def triggered(run: Run, records: Sequence[ActionRecord]) -> list[Wanted]:
    """The events that the outcomes of a run raise; one that is unknown, or was left out, raises none."""
    return [
        Wanted(
            plan,
            f"{delivery.label} on {plan.trigger.outcome}",
            record.response if plan.trigger.outcome == "success" else record.error,
        )
        for delivery, record in zip(run.deliveries, records, strict=True)
        for plan in delivery.triggers
        if plan.trigger.outcome == RAISED_BY.get(record.status)
    ]
