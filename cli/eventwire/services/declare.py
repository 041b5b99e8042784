"""What a service is: its accounts' fields, its operations, and how to reach it.

A service's file holds one `SERVICE = Service(...)`, and everything else about that service. From the declaration
derive the prompts, the flags, validation, `check`, the JSON Schema of the project file, `eventwire services`, the docs
page and the contract tests. Client libraries are imported inside `connect` and the functions it leads to, so that a
declaration can be read without them.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from types import ModuleType
from typing import Any, NamedTuple, Protocol

from msgspec import Struct

from eventwire.errors import MissingExtra
from eventwire.fields import Field

Values = Mapping[str, Any]
"""An operation's fields, rendered: name to value. A field that was not set is absent, or has its default."""

Request = Mapping[str, Any]
"""What is sent, in the service's own terms (`statement` and `parameters`, `method` and `url` …): JSON data, but that
numbers may be Decimal. It never holds a secret: those are added by the connection."""


class Repetition(StrEnum):
    """What happens where the same delivery is sent twice."""

    SAFE = "safe"
    """The second changes nothing: a SET, a DELETE, a GET."""
    KEYED = "keyed"
    """The request carries an idempotency key, and the server keeps the second from happening."""
    UNSAFE = "unsafe"
    """It happens twice."""


class Target(Struct, frozen=True):
    """What a delivery is part of, for building its request."""

    settings: Mapping[str, Any]
    """The service account's settings that are not secret, in the run's environment, with defaults filled in."""
    environment: str
    """`test` or `live`."""
    idempotency_key: str
    """The delivery's key: the same over attempts and replays of that delivery."""


class Credentials(NamedTuple):
    """What a connection is made with. Its `repr` shows no secret."""

    settings: Mapping[str, Any]
    secrets: Mapping[str, str]
    environment: str = "test"
    base: str = "."
    """The project's folder, which relative paths in settings start from."""

    def __repr__(self) -> str:
        return f"Credentials({self.settings!r}, {len(self.secrets)} secrets, {self.environment})"

    def get(self, name: str, default: Any = None) -> Any:
        """A setting or a secret, whichever the field is."""
        value = self.secrets.get(name)
        return value if value is not None else self.settings.get(name, default)


class Connection(Protocol):
    """A live connection or pool of a service account; used by many deliveries at once."""

    async def close(self) -> None:
        """Let go of every socket and file. Never raises."""


class Column(NamedTuple):
    """A column of a real table, for prompts."""

    name: str
    type: str
    required: bool
    """True where an insert has to give a value."""


Build = Callable[[Values, Target], Request]
"""Makes the request; pure. Raises Rejected where the values cannot make one."""

Send = Callable[[Any, Request], Awaitable[Any]]
"""Sends a request over a connection and returns the response as JSON data. Raises Unavailable or Rejected."""


class Operation(NamedTuple):
    """One thing a service can do: what an action's `action` key names."""

    name: str
    summary: str
    """What it does, as a sentence."""
    fields: tuple[Field, ...]
    build: Build
    send: Send
    repetition: Repetition | Callable[[Values], Repetition] = Repetition.UNSAFE
    exclusive: tuple[tuple[str, ...], ...] = ()
    """Groups of fields of which at most one may be set."""
    example: Mapping[str, Any] = {}
    """A whole configuration, as it would stand in the project file, for docs and contract tests."""

    def repetition_of(self, values: Values) -> Repetition:
        """What happens where a delivery of these values is sent twice."""
        return self.repetition(values) if callable(self.repetition) else self.repetition


RunMany = Callable[[Any, Sequence[tuple[Operation, Request]]], Awaitable[Sequence[Any]]]
"""Sends several requests of one connection together, those that were waiting for it at the same moment, and returns the
outcome of each, in order.

An outcome is what the operation's own `send` would have given for that request alone: the response, or the exception as a
value. Where a request goes its own way, because it might keep the others waiting (for a lock), it is an
`asyncio.Future` of that; cancelling it ends the request as cancelling `send` does. One bad request never fails or delays its
neighbours, which are repeated without it only where it is certain that they had no effect. Raises nothing but
CancelledError."""


class Service(NamedTuple):
    """A service, declared once."""

    name: str
    label: str
    """How its makers write it: PostgreSQL."""
    summary: str
    fields: tuple[Field, ...]
    """What an account holds, secret or not; the same for test and live."""
    operations: tuple[Operation, ...]
    connect: Callable[[Credentials], Awaitable[Any]]
    """Makes a Connection and proves that the credentials work where that costs one round trip at most.
    Raises Unavailable, Rejected, Refused or MissingExtra."""
    verify: Callable[[Any], Awaitable[str]]
    """Asks the server something harmless over a connection; returns a few words on what answered:
    `PostgreSQL 15.20, database shop_test`. Raises as `connect` does."""
    run_many: RunMany | None = None
    """Where the service gains by it: several requests in one round trip, transaction or pipeline."""
    tables: Callable[[Any], Awaitable[Mapping[str, tuple[Column, ...]]]] | None = None
    """Where the service has tables: each table's columns, for prompts."""
    check_credentials: Callable[[Credentials], str | None] | None = None
    """A sentence on what is wrong with credentials that can be seen without connecting: a live key as test key."""
    modules: tuple[str, ...] = ()
    """The client library's modules, as `import` names them."""
    extra: str | None = None
    """The extra that brings the client library: `pip install 'eventwire[EXTRA]'`."""
    documentation: str = ""
    """The service's own documentation, a URL."""

    def operation(self, name: str) -> Operation | None:
        """The operation of that name, or None."""
        return next((each for each in self.operations if each.name == name), None)

    @property
    def secrets(self) -> tuple[Field, ...]:
        """The account's secret fields."""
        return tuple(each for each in self.fields if each.secret)


def give_up(outcomes: Sequence[Any]) -> None:
    """End the requests that went their own way, where `run_many` is cancelled before it could hand them out."""
    from asyncio import Future

    for each in outcomes:
        if isinstance(each, Future):
            each.cancel()


def import_client(module: str, service: str, extra: str) -> ModuleType:
    """Import a client library where it is used first. Raises MissingExtra."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(service, extra) from error
