"""What an import comes to, before it is written: events, filters, actions and accounts under their new names."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from eventwire.importing import reactivehub
from eventwire.importing.source import Attention
from eventwire.importing.templates import Translated
from eventwire.project.model import Trigger
from eventwire.services.catalog import find_service
from eventwire.services.setting_up import set_up_command


class Action(Struct, frozen=True):
    """An action with its new name."""

    name: str
    source: reactivehub.Action
    translated: Translated | None
    """None where its service or what it does has no counterpart at all."""
    account: str = ""
    """The new name of its service account."""
    left_out: str | None = None
    """Why it is kept as a comment only, where it is."""
    triggers: tuple[tuple[reactivehub.Trigger, Trigger], ...] = ()
    """The events that its outcome raises, as they were and as they are."""


class Filter(Struct, frozen=True):
    """A filter with its new name."""

    name: str
    source: reactivehub.Filter
    where: str | None
    """None for the one that always matches."""
    actions: tuple[Action, ...]
    left_out: bool = False
    """Its condition did not translate, and it is kept as a comment with all its actions."""


class Event(Struct, frozen=True):
    """An event with its new name."""

    name: str
    source: reactivehub.Event
    model: dict[str, Any]
    filters: tuple[Filter, ...]


class Account(Struct, frozen=True):
    """A service account that waits for its credentials."""

    name: str
    id: str
    service: str
    settings: dict[str, Any]
    """What the actions told of it: the database, for one."""

    @property
    def command(self) -> str:
        """The command that gives it its test credentials."""
        return set_up_command(self.name, find_service(self.service), ("test",), self.settings)


class Imported(Struct, frozen=True):
    """A whole project."""

    name: str
    origin: str
    """What the folder is called that it came from."""
    events: tuple[Event, ...]
    accounts: tuple[Account, ...]
    attention: tuple[Attention, ...]

    @property
    def filters(self) -> list[tuple[Event, Filter]]:
        """The filters that are written, each with its event."""
        return [(event, each) for event in self.events for each in event.filters if not each.left_out]

    @property
    def actions(self) -> list[tuple[Event, Filter, Action, Translated]]:
        """The actions that are written, each with its event and filter."""
        return [
            (event, each, action, action.translated)
            for event, each in self.filters
            for action in each.actions
            if action.translated is not None and action.left_out is None
        ]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "project": self.name,
            "events": [{"name": each.name, "id": each.source.id} for each in self.events],
            "filters": [{"event": event.name, "name": each.name, "id": each.source.id} for event, each in self.filters],
            "actions": [
                {
                    "event": event.name,
                    "filter": each.name,
                    "name": action.name,
                    "id": action.source.id,
                    "service_account": action.account,
                    "action": translated.operation,
                }
                for event, each, action, translated in self.actions
            ],
            "service_accounts": [
                {"name": each.name, "id": each.id, "service": each.service, "command": each.command}
                for each in self.accounts
            ],
            "attention": [each.as_dict() for each in self.attention],
        }
