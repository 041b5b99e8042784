"""One delivery: its attempts, each with an end, and what came of them."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from eventwire.engine.connections import Connections
from eventwire.engine.plan import ActionPlan
from eventwire.engine.record import ActionRecord, DeliveryStatus
from eventwire.engine.retry import delay_seconds, may_have_happened, may_repeat
from eventwire.errors import EventwireError, ServiceError, Unavailable
from eventwire.services.declare import Repetition, Request

MAY_HAVE_HAPPENED = "It was cut off while it ran; whether it had its effect cannot be told."
NOT_FINISHED = "It was cut off before it was done."


class Delivery(Struct, frozen=True):
    """An action with the request it is about to send."""

    plan: ActionPlan
    filter: str
    position: int
    key: str
    request: Request | None
    repetition: Repetition
    record: ActionRecord
    """What is known before anything is sent; its status is `planned`, or final where nothing will be sent."""

    @property
    def is_final(self) -> bool:
        """Whether there is nothing to send: left out by `--only`, or its request could not be made."""
        return self.record.status is not DeliveryStatus.PLANNED


async def deliver(delivery: Delivery, connections: Connections, started: float) -> ActionRecord:
    """Send a delivery, again where that may help and does no harm, until it has an outcome.

    `started` is the run's start on the performance counter, in seconds. Never raises: being cancelled is an outcome
    too, `failed` where the delivery had not reached its server or can safely be repeated, otherwise `unknown`.
    """
    begun = time.perf_counter()
    attempts = 0
    while True:
        attempts += 1
        outcome, error = await attempt(delivery, connections)
        if error is None or not is_repeated(delivery, attempts, error):
            break
        try:
            await asyncio.sleep(delay_seconds(delivery.plan.action.retry, attempts, error))
        except asyncio.CancelledError:
            break  # nothing is under way between two attempts: the last failure is the outcome
    return replace(
        delivery.record,
        attempts=attempts,
        started_ms=round((begun - started) * 1000, 3),
        duration_ms=round((time.perf_counter() - begun) * 1000, 3),
        **outcome,
    )


def is_repeated(delivery: Delivery, attempts: int, error: Exception) -> bool:
    """Whether another attempt follows."""
    return attempts < delivery.plan.action.retry.attempts and may_repeat(error, delivery.repetition)


async def attempt(delivery: Delivery, connections: Connections) -> tuple[dict[str, Any], Exception | None]:
    """One attempt, within the action's timeout: its outcome, and the error where it failed. Never raises."""
    plan = delivery.plan
    connected = False
    try:
        async with asyncio.timeout(plan.action.timeout_seconds):
            connection = await connections.get(plan.action.account, plan.work.service)
            connected = True
            return succeeded(await plan.work.operation.send(connection, delivery.request or {})), None
    except TimeoutError:
        error: Exception = timed_out(plan, connected)
    except asyncio.CancelledError:
        return cut_off(delivery, connected), None
    except Exception as raised:
        error = raised
    return failed(delivery, error), error


def timed_out(plan: ActionPlan, connected: bool) -> Unavailable:
    """The error for an attempt that took longer than the action allows."""
    doing = "answer" if connected else "connect"
    return Unavailable(
        f"{plan.work.service.label} took more than {plan.action.timeout_seconds:g} s to {doing}.",
        sent=connected,
        next_step="Allow it more with `timeout-seconds` in the action.",
    )


def succeeded(response: Any) -> dict[str, Any]:
    """The outcome of a delivery that was answered well."""
    return {"status": DeliveryStatus.SUCCEEDED, "response": response}


def failed(delivery: Delivery, error: Exception) -> dict[str, Any]:
    """The outcome of a delivery that raised: failed, or unknown where it may have had its effect all the same."""
    unknown = may_have_happened(error) and delivery.repetition is Repetition.UNSAFE
    status = DeliveryStatus.UNKNOWN if unknown else DeliveryStatus.FAILED
    response = error.response if isinstance(error, ServiceError) else None
    return {"status": status, "response": response, "error": describe_error(error)}


def cut_off(delivery: Delivery, connected: bool) -> dict[str, Any]:
    """The outcome of a delivery that was cancelled on its way."""
    unknown = connected and delivery.repetition is Repetition.UNSAFE
    return {
        "status": DeliveryStatus.UNKNOWN if unknown else DeliveryStatus.FAILED,
        "error": {"kind": "cut-off", "message": MAY_HAVE_HAPPENED if unknown else NOT_FINISHED, "next_step": None},
    }


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
