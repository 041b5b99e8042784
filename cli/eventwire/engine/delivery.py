"""One delivery: its attempts, each with an end, and what came of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from eventwire.engine.connections import Connections, Lane
from eventwire.engine.gate import Paused
from eventwire.engine.observer import Observer
from eventwire.engine.plan import TriggerPlan
from eventwire.engine.record import PLANNED, ActionRecord, DeliveryStatus
from eventwire.engine.retry import delay_seconds, longest_delay_seconds, may_have_happened, may_repeat, patience_seconds
from eventwire.errors import EventwireError, ServiceError, Unavailable
from eventwire.journal.rows import PostponedDelivery
from eventwire.journal.store import Journal
from eventwire.language.payloads import encode_json
from eventwire.project.model import DEFAULT_TIMEOUT_SECONDS, Retry
from eventwire.services.declare import Operation, Repetition, Request, Service

MAY_HAVE_HAPPENED = "It was cut off while it ran; whether it had its effect cannot be told."
NOT_FINISHED = "It was cut off before it was done."
CUT_OFF = "cut-off"
"""The kind of error of a delivery that was ended from outside."""


class Delivery(Struct):
    """An action with the request it is about to send."""

    run: str
    position: int
    filter: str
    service: Service | None
    operation: Operation | None
    """None where nothing will be sent."""
    key: str
    """The idempotency key: the same over attempts and replays of this delivery."""
    request: Request | None
    repetition: Repetition
    record: ActionRecord
    """What is known before anything is sent; its status is `planned`, or final where nothing will be sent."""
    retry: Retry = Retry()
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    triggers: Sequence[TriggerPlan] = ()
    attempts: int = 0
    """How many were made before."""
    is_started: bool = False
    """Whether the journal says already that it is about to be sent."""
    due_at: float | None = None
    """When its next attempt is due, seconds since 1970, where it was left over from before."""

    @property
    def is_final(self) -> bool:
        """Whether there is nothing to send: left out, or its request could not be made, or it is over."""
        return self.record.status is not PLANNED

    @property
    def label(self) -> str:
        """The filter and the action, as `--only` names them."""
        return f"{self.filter}/{self.record.name}"


class Course(Struct, frozen=True):
    """What deliveries of one run go by."""

    connections: Connections
    journal: Journal
    observer: Observer
    started: float
    """The run's start on the performance counter, seconds."""
    received_at: float
    """When the run came in, seconds since 1970."""
    leaving: asyncio.Event
    """Set where further attempts are another process's."""


class Attempt(Struct, frozen=True):
    """What came of one attempt."""

    outcome: dict[str, Any]
    """`status`, and `response` and `error` where there are any."""
    error: Exception | None = None
    """What was raised, where it failed."""
    seconds: float = 0.0


async def deliver(delivery: Delivery, course: Course, begun: float, tried: Attempt | None = None) -> ActionRecord:
    """Send a delivery, again where that may help and does no harm, until it has an outcome.

    `begun` is when its first attempt began, on the performance counter; `tried` is that attempt, where it was made
    already. Being cancelled is an outcome too: `failed` where the delivery had not reached its server or can safely be
    repeated, otherwise `unknown`. What is left to another process comes back as `planned`.
    Raises JournalError where an attempt cannot be recorded before it is made; nothing was sent then.
    """
    if delivery.due_at is not None and not await comes_due(delivery, delivery.due_at, course):
        return ended(delivery, course, begun, {"status": DeliveryStatus.PLANNED, "error": delivery.record.error})
    outcome = cut_off(NOT_FINISHED, DeliveryStatus.FAILED)
    try:
        while True:
            tried = tried or await attempt_in_turn(delivery, course)
            outcome = tried.outcome
            delay = repeat_delay(delivery, tried.error, course)
            if delay is None or tried.error is None:
                break
            await postpone(delivery, course, begun, delay, tried)
            if not course.leaving.is_set():
                course.observer.retrying(delivery, tried.error, delay)
            # nothing is under way between two attempts: cut off here, the last failure is the outcome
            if await ends_within(course.leaving, delay):
                outcome["status"] = DeliveryStatus.PLANNED
                break
            tried = None
    except asyncio.CancelledError:
        outcome = left_to_others(delivery, course, outcome)
    return ended(delivery, course, begun, outcome)


def left_to_others(delivery: Delivery, course: Course, outcome: dict[str, Any]) -> dict[str, Any]:
    """The outcome of a delivery that was cut off before an attempt: where others go on, it is left to them, as one that
    waits for its account's turn has done nothing yet.
    """
    if not course.leaving.is_set() or delivery.is_started:
        return outcome
    error = outcome.get("error") if delivery.attempts else None
    return outcome | {"status": DeliveryStatus.PLANNED, "error": error}


def ended(delivery: Delivery, course: Course, begun: float, outcome: dict[str, Any]) -> ActionRecord:
    """A delivery's record once it is over."""
    return record_with(
        delivery, course.started, begun, outcome["status"], outcome.get("response"), outcome.get("error")
    )


def record_with(
    delivery: Delivery, started: float, begun: float, status: DeliveryStatus, response: Any, error: Any = None
) -> ActionRecord:
    """A delivery's record with what came of it at this moment; its run started, and its first attempt began, at moments of
    the performance counter.
    """
    record = delivery.record
    return ActionRecord(
        record.name,
        record.service_account,
        record.service,
        record.action,
        status,
        delivery.attempts,
        milliseconds(begun - started),
        milliseconds(time.perf_counter() - begun),
        record.request,
        response,
        error,
    )


def milliseconds(seconds: float) -> float:
    """A duration in milliseconds, to the microsecond. `round` writes a number out and reads it again, at four times the price."""
    return int(seconds * 1_000_000 + 0.5) / 1000


def raised(delivery: Delivery, lane: Lane, error: BaseException, begun: float) -> Attempt:
    """What came of an attempt that was sent together with others, and was not answered well."""
    if isinstance(error, TimeoutError | asyncio.CancelledError):
        lane.batching.give_up()
    tried = attempt_that_raised(delivery, error, connected=True, seconds=time.perf_counter() - begun)
    if tried.error is not None:
        lane.gate.leave(tried.error)
    return tried


def seconds_until_due(due_at: float, delivery: Delivery) -> float:
    """How long until the next attempt of a delivery that was left over; a clock that jumped does not hold it for ever."""
    longest = max(3600.0, longest_delay_seconds(delivery.retry, max(1, delivery.attempts)))
    return max(0.0, min(longest, due_at - time.time()))


async def comes_due(delivery: Delivery, due_at: float, course: Course) -> bool:
    """Wait for the next attempt of a delivery that was left over; False where it is left to another process once more, as
    it stands in the journal.
    """
    seconds = seconds_until_due(due_at, delivery)
    if not seconds:
        return True
    if delivery.record.error and not course.leaving.is_set():
        course.observer.retrying(delivery, Unavailable(str(delivery.record.error["message"])), seconds)
    try:
        return not await ends_within(course.leaving, seconds)
    except asyncio.CancelledError:
        return False


async def ends_within(event: asyncio.Event, seconds: float) -> bool:
    """Whether an event is set within a time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def attempt_in_turn(delivery: Delivery, course: Course) -> Attempt:
    """One attempt, once the account's gate lets it through and the journal says that it is about to be made."""
    gate = course.connections.gate(delivery.record.service_account)
    if not gate.is_free:
        try:
            await gate.enter(patience_seconds(delivery.retry, delivery.attempts))
        except Paused as paused:
            return Attempt(failed(delivery, paused), paused)
    tried = None
    try:
        if not delivery.is_started:
            await course.journal.start(delivery.run, delivery.position)
            delivery.is_started = True
        delivery.attempts += 1
        tried = await attempt(delivery, course.connections)
    finally:
        if tried is None or tried.outcome.get("error", {}).get("kind") == CUT_OFF:
            gate.abandon()
        else:
            gate.leave(tried.error)
    return tried


def repeat_delay(delivery: Delivery, error: Exception | None, course: Course) -> float | None:
    """How many seconds after an attempt the next one follows; None where none does."""
    if error is None or delivery.attempts >= delivery.retry.attempts or isinstance(error, Paused):
        return None
    if not may_repeat(error, delivery.repetition):
        return None
    delay = delay_seconds(delivery.retry, delivery.attempts, error)
    age = max(0.0, time.time() - course.received_at)
    return delay if age + delay <= delivery.retry.max_age_seconds else None


async def postpone(delivery: Delivery, course: Course, begun: float, delay: float, tried: Attempt) -> None:
    """Record a failed attempt and when the next is due, so that the wait outlasts this process."""
    now = time.time()
    response = tried.outcome.get("response")
    await course.journal.postpone(
        PostponedDelivery(
            run=delivery.run,
            position=delivery.position,
            attempts=delivery.attempts,
            started_at=now - tried.seconds,
            duration_ms=round(tried.seconds * 1000, 3),
            started_ms=round((begun - course.started) * 1000, 3),
            due_at=now + delay,
            error=encode_json(tried.outcome["error"]),
            response=None if response is None else encode_json(response),
        )
    )
    delivery.is_started = False


async def attempt(delivery: Delivery, connections: Connections) -> Attempt:
    """One attempt, within the action's timeout: its outcome, and the error where it failed. Never raises."""
    service, operation = delivery.service, delivery.operation
    assert service is not None and operation is not None, "what is final is not attempted"
    begun = time.perf_counter()
    connected = False
    try:
        async with asyncio.timeout(delivery.timeout_seconds):
            batching = await connections.get(delivery.record.service_account, service)
            connected = True
            response = await batching.send(operation, delivery.request or {})
            return Attempt({"status": DeliveryStatus.SUCCEEDED, "response": response})
    except (Exception, asyncio.CancelledError) as error:
        return attempt_that_raised(delivery, error, connected=connected, seconds=time.perf_counter() - begun)


def attempt_that_raised(delivery: Delivery, error: BaseException, *, connected: bool, seconds: float) -> Attempt:
    """An attempt that was not answered well, or was cut off."""
    if isinstance(error, asyncio.CancelledError):
        if connected and delivery.repetition is Repetition.UNSAFE:
            return Attempt(cut_off(MAY_HAVE_HAPPENED, DeliveryStatus.UNKNOWN))
        return Attempt(cut_off(NOT_FINISHED, DeliveryStatus.FAILED))
    if isinstance(error, TimeoutError):
        label = delivery.service.label if delivery.service else delivery.record.service
        error = timed_out(label, delivery.timeout_seconds, connected)
    assert isinstance(error, Exception), "what is no Exception ends the process"
    return Attempt(failed(delivery, error), error, seconds)


def timed_out(label: str, seconds: float, connected: bool) -> Unavailable:
    """The error for an attempt that took longer than the action allows."""
    return Unavailable(
        f"{label} took more than {seconds:g} s to {'answer' if connected else 'connect'}.",
        sent=connected,
        next_step="Allow it more with `timeout-seconds` in the action.",
    )


def failed(delivery: Delivery, error: Exception) -> dict[str, Any]:
    """The outcome of a delivery that raised: failed, or unknown where it may have had its effect all the same."""
    unknown = may_have_happened(error) and delivery.repetition is Repetition.UNSAFE
    status = DeliveryStatus.UNKNOWN if unknown else DeliveryStatus.FAILED
    response = error.response if isinstance(error, ServiceError) else None
    return {"status": status, "response": response, "error": describe_error(error)}


def cut_off(message: str, status: DeliveryStatus) -> dict[str, Any]:
    """The outcome of a delivery that was ended from outside."""
    return {"status": status, "error": {"kind": CUT_OFF, "message": message, "next_step": None}}


def describe_error(error: Exception) -> dict[str, Any]:
    """An error as the record carries it: its kind, a sentence and a next step."""
    if isinstance(error, EventwireError):
        return {"kind": error.code, "message": error.message, "next_step": error.next_step}
    # what no service foresaw is our bug, but it must not take the other deliveries along
    return {
        "kind": "bug",
        "message": f"eventwire failed with {type(error).__name__}: {error}",
        "next_step": "Please report this.",
    }
