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
from eventwire.engine.delivery import (
    NOT_FINISHED,
    Attempt,
    Course,
    Delivery,
    answered,
    cut_off,
    deliver,
    describe_error,
    ended,
    left_to_others,
    raised,
    repeat_delay,
    send_together,
)
from eventwire.engine.plan import TriggerPlan
from eventwire.engine.record import ActionRecord, DeliveryStatus, Raised, RunRecord, RunStatus, outcome_of
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

    __slots__ = ("_passage", "begun", "delivery")

    def __init__(self, passage: Passage, delivery: Delivery, begun: float) -> None:
        super().__init__()
        self._passage = passage
        self.delivery = delivery
        self.begun = begun

    def over(self, outcome: Any) -> None:
        self._passage.came_back(self, outcome)


Ended = Callable[["Passage", Exception | None], None]
"""Called once a run is over and durable, or with NotRecorded, or with a bug of ours."""


class Passage:
    """One run's way from its deliveries to its end."""

    __slots__ = (
        "_course",
        "_done",
        "_duration_ms",
        "_error",
        "_journal",
        "_last",
        "_pipeline",
        "_raised",
        "_records",
        "_under_way",
        "_writing",
        "run",
        "status",
    )

    def __init__(self, pipeline: Pipeline, run: Run, journal: Journal, done: Ended) -> None:
        """`run` is in the journal, and this process's."""
        self.run = run
        self._pipeline = pipeline
        self._journal = journal
        self._done = done
        self._course = Course(
            pipeline.connections, journal, pipeline.observer, run.started, run.received_at, pipeline.leaving
        )
        self._records = [delivery.record for delivery in run.deliveries]
        self._last = [run.finished(each, each.record) for each in run.unwritten] if run.unwritten else []
        """Outcomes that are not handed to the journal yet, the last one among them."""
        self._under_way = 0
        self._writing = 0
        """Outcomes that are not durable yet."""
        self._error: Exception | None = None
        self._raised: Sequence[Raised] = ()
        self._duration_ms = 0.0
        self.status = RunStatus.SUCCEEDED
        """What came of it; known once it is over."""

    def start(self) -> None:
        """Set every delivery going."""
        if self.run.is_ended:
            self._duration_ms = self.run.elapsed_ms()
            self._end(None)
            return
        waiting = [delivery for delivery in self.run.deliveries if not delivery.is_final]
        self._under_way = len(waiting)
        if not waiting:
            self._conclude()
        for delivery in waiting:
            self._send(delivery)

    @property
    def record(self) -> RunRecord:
        """The run's record, once it is over."""
        record = self.run.report(self._records, self._duration_ms)
        return replace(record, raised=self._raised) if self._raised else record

    # Deliveries

    def _send(self, delivery: Delivery) -> None:
        begun = time.perf_counter()
        if not self._pipeline.is_cut_off:
            sent = Sent(self, delivery, begun)
            if send_together(delivery, self._course, sent):
                self._pipeline.running.add(sent)
                return
        self._send_alone(delivery, begun)

    def came_back(self, sent: Sent, outcome: Any) -> None:
        """What came of a delivery that went with others."""
        self._pipeline.running.discard(sent)
        delivery, course = sent.delivery, self._course
        if not isinstance(outcome, BaseException):
            self._over(delivery, answered(delivery, course, outcome, sent.begun))
            return
        tried = raised(delivery, course, outcome, sent.begun)
        if repeat_delay(delivery, tried.error, course) is None:
            self._over(delivery, ended(delivery, course, sent.begun, tried.outcome))
        else:
            self._send_alone(delivery, sent.begun, tried)

    def _send_alone(self, delivery: Delivery, begun: float, tried: Attempt | None = None) -> None:
        """Set a delivery going that waits for something: a connection, its turn, another attempt."""
        course = self._course
        if self._pipeline.is_cut_off:
            outcome = tried.outcome if tried else cut_off(NOT_FINISHED, DeliveryStatus.FAILED)
            self._over(delivery, ended(delivery, course, begun, outcome))
            return

        def ended_alone(task: asyncio.Task[ActionRecord]) -> None:
            self._pipeline.running.discard(task)
            try:
                record = task.result()
            except asyncio.CancelledError:  # before it began
                outcome = left_to_others(delivery, course, cut_off(NOT_FINISHED, DeliveryStatus.FAILED))
                record = ended(delivery, course, begun, outcome)
            except Exception as error:
                # the others go on; that nothing can be recorded is told at the end
                outcome = {"status": DeliveryStatus.FAILED, "error": describe_error(error)}
                record = ended(delivery, course, begun, outcome)
            self._over(delivery, record)

        task = asyncio.create_task(deliver(delivery, course, begun, tried), name=delivery.label)
        self._pipeline.running.add(task)
        task.add_done_callback(ended_alone)

    def _over(self, delivery: Delivery, record: ActionRecord) -> None:
        """Note what came of a delivery. All outcomes but the last go to the journal at once, the last with the run's end."""
        record, outcome = recordable(self.run, delivery, record)
        self._records[delivery.position] = record
        self._under_way -= 1
        if not record.is_waiting:
            if self._under_way:
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
        self.status, is_waiting = outcome_of(self._records)
        wanted = [] if is_waiting else triggered(run, self._records)
        if not is_waiting and not wanted:
            self._write(self._last, EndedRun(run.id, self.status, self._duration_ms))
            return
        self._writing += 1
        self._pipeline.keep(self._conclude_in_steps(wanted))

    async def _conclude_in_steps(self, wanted: Sequence[Wanted]) -> None:
        """The end of a run that is left to another process, or that raises events: one step is durable before the next."""
        error: Exception | None = None
        try:
            await self._journal.finish(self._last)
            if wanted:
                self._raised = await self._pipeline.raise_events(self.run, self.status, self._duration_ms, wanted)
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
            self._pipeline.observer.ended(self.run, self.status)
        self._pipeline.leave()
        self._done(self, error)


def recordable(run: Run, delivery: Delivery, record: ActionRecord) -> tuple[ActionRecord, FinishedDelivery]:
    """A delivery's record and what the journal keeps of it; a response that cannot be kept is our bug, and told."""
    try:
        return record, run.finished(delivery, record)
    except Exception as error:
        record = replace(record, response=None, error=describe_error(error))
        return record, run.finished(delivery, record)


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
