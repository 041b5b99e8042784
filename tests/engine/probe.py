"""A service of another package, for tests: it waits, fails and remembers as its fields say."""

from __future__ import annotations

import asyncio
from typing import Any

from eventwire.errors import Refused, Rejected, Unavailable
from eventwire.fields import Context, Field, FieldType
from eventwire.services.declare import Credentials, Operation, Repetition, Service, Target, Values

SENT: list[dict[str, Any]] = []
"""Every request that arrived, in order."""

ERRORS = {
    "down": lambda: Unavailable("Nobody answers.", sent=False),
    "lost": lambda: Unavailable("The connection was lost."),
    "busy": lambda: Unavailable("Too busy.", response={"status": 503}, retry_after_seconds=0.01),
    "rejected": lambda: Rejected("No such thing.", response={"status": 404}),
    "refused": lambda: Refused("Wrong password."),
    "bug": lambda: RuntimeError("nobody foresaw this"),
}


class Connected:
    open = 0

    async def close(self) -> None:
        Connected.open -= 1


async def connect(credentials: Credentials) -> Connected:
    await asyncio.sleep(float(credentials.settings.get("connect-seconds", 0)))
    if credentials.settings.get("refuses"):
        raise ERRORS["refused"]()
    Connected.open += 1
    return Connected()


async def verify(connection: Connected) -> str:
    return "probe"


def build(values: Values, target: Target) -> dict[str, Any]:
    return {**values, "key": target.idempotency_key, "environment": target.environment}


async def send(connection: Connected, request: Any) -> Any:
    SENT.append(dict(request))
    await asyncio.sleep(request["seconds"])
    attempts = sum(each["key"] == request["key"] for each in SENT)
    if request["fails"] and attempts <= request["times"]:
        raise ERRORS[request["fails"]]()
    return {"answer": attempts}


def operation(name: str, repetition: Repetition) -> Operation:
    return Operation(
        name=name,
        summary="Waits, and fails where it is told to.",
        fields=(
            Field("text", "Text", context=Context.TEXT, default=""),
            Field("seconds", "Seconds", type=FieldType.NUMBER, context=Context.VALUE, default=0),
            Field("fails", "How it fails", choices=tuple(ERRORS), default=""),
            Field("times", "How often it fails", type=FieldType.INTEGER, default=1000),
        ),
        build=build,
        send=send,
        repetition=repetition,
    )


SERVICE = Service(
    name="probe",
    label="Probe",
    summary="For tests.",
    fields=(Field("connect-seconds", "x", type=FieldType.NUMBER), Field("refuses", "x", type=FieldType.BOOLEAN)),
    operations=(
        operation("safe", Repetition.SAFE),
        operation("keyed", Repetition.KEYED),
        operation("unsafe", Repetition.UNSAFE),
    ),
    connect=connect,
    verify=verify,
)
