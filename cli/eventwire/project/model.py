"""What a project is, once its file has been read: accounts, events, filters, actions, buttons."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from eventwire.language.lazy_pattern import lazy_pattern

if TYPE_CHECKING:
    from eventwire.language.conditions import Condition
    from eventwire.language.models import Model
    from eventwire.project.toml import Document

NAME = lazy_pattern(r"[a-z][a-z0-9-]*")
DEFAULT_FILTER = "on-event"
"""The filter that every event can have without a condition: it always matches."""
DEFAULT_TIMEOUT_SECONDS = 30.0
DEFAULT_ATTEMPTS = 3
DEFAULT_EXPIRY_MINUTES = 10080
DEFAULT_MAX_AGE_SECONDS = 86_400.0
ENVIRONMENTS = ("test", "live")
OUTCOMES = ("success", "failure")
"""What of an action can raise another event."""


class Retry(Struct, frozen=True):
    """What happens after an attempt that may work later."""

    attempts: int = DEFAULT_ATTEMPTS
    """How often it is tried in all; 1 never retries."""
    first_delay_seconds: float = 0.5
    factor: float = 2.0
    max_delay_seconds: float = 60.0
    max_age_seconds: float = DEFAULT_MAX_AGE_SECONDS
    """How long after its run was accepted it may still be tried."""


class ServiceAccount(Struct, frozen=True):
    """One's own account with a service: settings for test and for live. Its secrets are kept elsewhere."""

    name: str
    service: str
    test: Mapping[str, Any] | None = None
    """The settings as they stand in the file; None where the account has none for this environment."""
    live: Mapping[str, Any] | None = None
    max_concurrent: int | None = None
    """How many deliveries may be on their way to it at once, in each environment; None does not bound it."""
    max_per_second: float | None = None
    """How many deliveries may begin in a second, in each environment; None does not bound it."""

    def settings(self, environment: str) -> Mapping[str, Any] | None:
        """The settings of an environment as they stand in the file, or None; neither stands in for the other."""
        return self.live if environment == "live" else self.test

    @property
    def waits(self) -> bool:
        """Whether it has settings for no environment yet, so that nothing can be sent through it."""
        return self.test is None and self.live is None


class Trigger(Struct, frozen=True):
    """An event that an action's outcome raises."""

    outcome: str
    """`success` or `failure`."""
    event: str
    values: Mapping[str, Any]
    """Its payload as it stands in the file, wildcards included."""


class Action(Struct, frozen=True):
    """A service's operation, configured, under a filter."""

    name: str
    event: str
    filter: str
    account: str
    operation: str
    fields: Mapping[str, Any]
    """The operation's fields as they stand in the file, wildcards included."""
    retry: Retry = Retry()
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    """How long one attempt may take."""
    triggers: tuple[Trigger, ...] = ()


class Filter(Struct, frozen=True):
    """A condition, and the actions that run where it holds."""

    name: str
    event: str
    where: str | None
    condition: Condition | None
    """The condition as it was read and checked; None for the default filter, which always matches."""
    actions: Mapping[str, Action]


class Button(Struct, frozen=True):
    """A button on an event: a webhook that a human sets off, or a link."""

    key: str
    text: str
    url: str
    external: bool = False
    """It is a link to follow, and nothing is sent."""
    expire_in_minutes: int = DEFAULT_EXPIRY_MINUTES
    meta: Any = None
    style: str | None = None


class Event(Struct, frozen=True):
    """Something that happens: the model of its payload, and the filters that decide what to do."""

    name: str
    description: str | None
    group: str | None
    display: Mapping[str, str]
    model: Model
    filters: Mapping[str, Filter]
    buttons: Mapping[str, Button]


class Source(Struct, frozen=True):
    """Something outside that raises an event: an inbound webhook, a schedule, a watched folder."""

    name: str
    kind: str
    """How it works: `stripe`, `schedule` … (`project/sources.py`)"""
    event: str
    environment: str
    """`test` or `live`: where the event runs."""
    values: Mapping[str, Any] | None
    """The event's payload as it stands in the file, wildcards included; None where what came in is the payload."""
    where: str | None
    condition: Condition | None
    """Which of what comes in raises the event; None where all of it does."""
    settings: Mapping[str, Any]
    """Its kind's settings, with the defaults filled in. Its secrets are kept elsewhere."""


class Project(Struct, frozen=True):
    """A project as its file describes it."""

    name: str
    folder: Path
    accounts: Mapping[str, ServiceAccount]
    events: Mapping[str, Event]
    document: Document
    retention_days: int | None = None
    """For how many days the journal keeps a run that is over; None keeps it for ever."""
    sources: Mapping[str, Source] = {}

    def files(self) -> list[Path]:
        """What the project is read from: its own file, and the JSON Schemas that it names."""
        schemas = [each.get("schema") for each in self.document.data.get("events", {}).values()]
        return [self.document.path, *(self.folder / each for each in schemas if isinstance(each, str))]

    def actions(self) -> list[Action]:
        """Every action of every event, in the order of the file."""
        filters = [each for event in self.events.values() for each in event.filters.values()]
        return [action for each in filters for action in each.actions.values()]
