"""ReactiveHub's onSuccess and onFailure as triggers, once every event has its new name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from eventwire.fields import Context
from eventwire.importing import reactivehub
from eventwire.importing.result import Action, Event
from eventwire.importing.source import Notes
from eventwire.language.findings import LanguageError, first_error
from eventwire.language.models import Model, read_model
from eventwire.language.paths import format_path
from eventwire.language.roots import ROOTS
from eventwire.language.wildcards import check_template, parse_template
from eventwire.project.model import Trigger
from eventwire.project.triggers import SAYS, Placed, field_for, roots_of, way_between

OUTCOMES = {"onSuccess": "success", "onFailure": "failure"}
KEPT = "A comment beside the action keeps it."


class Unconnected(Exception):
    """A trigger has no counterpart; says why."""


class Connector:
    """Connects actions with the events that they raise."""

    def __init__(self, events: tuple[Event, ...], notes: Notes) -> None:
        self.events = events
        self.notes = notes
        self.models = {event.name: read_model(event.model) for event in events}
        self.raised: dict[str, list[Placed]] = {}

    def connect(self) -> tuple[Event, ...]:
        """The events with the triggers of their actions; what has no counterpart is noted."""
        return tuple(
            replace(
                event,
                filters=tuple(
                    replace(each, actions=tuple(self.action(event, action, each.left_out) for action in each.actions))
                    for each in event.filters
                ),
            )
            for event in self.events
        )

    def action(self, event: Event, action: Action, left_out: bool) -> Action:
        """An action with its triggers."""
        is_written = not (left_out or action.left_out or action.translated is None)
        return replace(action, triggers=tuple(self.triggers(event, action, is_written)))

    def triggers(self, event: Event, action: Action, is_written: bool) -> Iterator[tuple[reactivehub.Trigger, Trigger]]:
        for each in action.source.triggers:
            try:
                if not is_written:
                    raise Unconnected("the action itself is left out.")
                yield each, self.trigger(event, each)
            except Unconnected as why:
                outcome = OUTCOMES[each.on]
                message = f'The action "{action.source.id}" raises {each.event} on {outcome}; it is left out: {why}'
                self.notes.note(each.place, message, KEPT)

    def trigger(self, event: Event, each: reactivehub.Trigger) -> Trigger:
        """One trigger. Raises Unconnected."""
        target = next((other for other in self.events if each.event in (other.source.id, other.source.name)), None)
        if target is None:
            raise Unconnected("there is no such event.")
        if way_between(self.raised, target.name, event.name) is not None:
            raise Unconnected("it closes a loop of events that raise each other.")
        outcome = OUTCOMES[each.on]
        values = dict(self.payload(event, target, each, outcome))
        trigger = Trigger(outcome, target.name, values)
        self.raised.setdefault(event.name, []).append(Placed(trigger, event.name, ()))
        return trigger

    def payload(
        self, event: Event, target: Event, each: reactivehub.Trigger, outcome: str
    ) -> Iterator[tuple[str, Any]]:
        """The payload of the event that is raised: as it was given, or else each property by its own name."""
        source, wanted = self.models[event.name], self.models[target.name]
        given = each.payload
        if given is not None and not isinstance(given, Mapping):
            raise Unconnected("its payload is no table.")
        for name, value in (given or {}).items():
            if problem := self.problem(source, wanted, str(name), value, outcome):
                raise Unconnected(problem)
            yield str(name), value
        if given is None:
            for name in wanted.properties:
                value = f"{{{format_path((name,))}}}"
                if name in source.properties and not self.problem(source, wanted, name, value, outcome):
                    yield name, value

    def problem(self, source: Model, wanted: Model, name: str, value: Any, outcome: str) -> str | None:
        """Why a value cannot be a property's, or None."""
        if name not in wanted.properties:
            return f'the event that it raises has no property "{name}".'
        field = field_for(wanted, name)
        root, says = SAYS[outcome]
        try:
            template = parse_template(value, Context.VALUE, field.type, roots=roots_of(outcome))
        except LanguageError as error:
            return error.message
        return first_error(check_template(template, source, field, {**ROOTS, root: says}))
