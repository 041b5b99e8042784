"""Which actions of an event a run is limited to: `--only FILTER[/ACTION]`."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from eventwire.errors import UsageError, did_you_mean
from eventwire.project.model import Event


class Selection(Struct, frozen=True):
    """Filters and actions by name; empty means all."""

    names: frozenset[str] = frozenset()

    def includes(self, filter_name: str, action: str) -> bool:
        """Whether an action is among those chosen."""
        return not self.names or filter_name in self.names or f"{filter_name}/{action}" in self.names


EVERYTHING = Selection()


def select(event: Event, names: Iterable[str]) -> Selection:
    """The selection of these names. Raises UsageError for one that the event does not have."""
    known = [name for each in event.filters.values() for name in (each.name, *action_names(each.name, each.actions))]
    chosen = frozenset(names)
    for name in sorted(chosen):
        if name not in known:
            raise UsageError(
                f'The event "{event.name}" has no filter or action "{name}".',
                next_step=did_you_mean(name, known) or f"See them with: eventwire show {event.name}",
            )
    return Selection(chosen)


def action_names(filter_name: str, actions: Iterable[str]) -> list[str]:
    """The actions of a filter as `--only` names them."""
    return [f"{filter_name}/{action}" for action in actions]
