"""Triggers: what an action's outcome raises. Read with the action, checked once every event is known.

[events.order-paid.filters.on-event.actions.store.on-success.order-stored]
id = "{id}"
rows = "{response.rows}"
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from eventwire.errors import did_you_mean
from eventwire.fields import Context, Field, FieldType
from eventwire.language.findings import LanguageError
from eventwire.language.models import Kind, Model, Property
from eventwire.language.properties import ANYTHING
from eventwire.language.roots import ROOTS
from eventwire.language.wildcards import check_template, parse_template
from eventwire.project.field_values import check_json
from eventwire.project.model import OUTCOMES, Event, Trigger
from eventwire.project.report import Report

if TYPE_CHECKING:
    from eventwire.language.wildcards import Wildcard

Keys = tuple[str | int, ...]

FIELD_TYPES: Mapping[Kind, FieldType] = {
    Kind.STRING: FieldType.STRING,
    Kind.DATE: FieldType.STRING,
    Kind.DATE_TIME: FieldType.STRING,
    Kind.INTEGER: FieldType.INTEGER,
    Kind.NUMBER: FieldType.NUMBER,
    Kind.BOOLEAN: FieldType.BOOLEAN,
    Kind.OBJECT: FieldType.TABLE,
    Kind.ARRAY: FieldType.LIST,
}
OPEN = Property(Kind.OBJECT, open=True)
"""What is known of a response before there is one."""
ERROR = Property(
    Kind.OBJECT,
    properties={
        "kind": Property(Kind.STRING),
        "message": Property(Kind.STRING),
        "next_step": Property(Kind.STRING, True),
    },
)
SAYS: Mapping[str, tuple[str, Property]] = {"success": ("response", OPEN), "failure": ("error", ERROR)}
"""The root that an outcome adds to payload and envelope, and what it holds."""


class Placed(NamedTuple):
    """A trigger and where it stands."""

    trigger: Trigger
    source: str
    """The event whose action it belongs to."""
    keys: Keys


class Raised(NamedTuple):
    """An event that something raises, with its payload's values and where they stand."""

    event: str
    values: Mapping[str, Any]
    keys: Keys


def roots_of(outcome: str) -> tuple[str, ...]:
    """The first names of wildcards in a trigger's payload that lead out of the payload."""
    return (*ROOTS, SAYS[outcome][0])


def field_for(model: Model, name: str) -> Field:
    """A property of the other event as a field, which its values are checked and rendered as."""
    declared = model.properties.get(name, ANYTHING)
    return Field(name, name, FIELD_TYPES.get(declared.kind, FieldType.ANY), Context.VALUE)


def read_triggers(report: Report, table: Mapping[str, Any], event: str, keys: Keys) -> Iterator[Placed]:
    """An action's triggers; what is no table is an error."""
    for outcome in OUTCOMES:
        key = f"on-{outcome}"
        raised = table.get(key, {})
        if not isinstance(raised, dict):
            report.error("wrong-type", f'"{key}" has to be a table.', (*keys, key), f"Write: {key}.OTHER = {{ … }}")
            continue
        for other, values in raised.items():
            at = (*keys, key, other)
            if isinstance(values, dict):
                yield Placed(Trigger(outcome, other, values), event, at)
            else:
                report.error("wrong-type", f'"{other}" has to be a table.', at, "Give it the event's properties.")


def check_triggers(report: Report, events: Mapping[str, Event], triggers: list[Placed]) -> None:
    """Report what is wrong with triggers, now that every event is known."""
    for each in triggers:
        target = events.get(each.trigger.event)
        if target is None:
            step = did_you_mean(each.trigger.event, events) or f"Add it with: eventwire add:event {each.trigger.event}"
            message = f'The trigger raises "{each.trigger.event}", and there is no such event.'
            report.error("unknown-event", message, each.keys, step, of="key")
        else:
            check_payload(report, each, events[each.source].model, target.model)
    for way, each in loops(triggers):
        report.error(
            "trigger-loop",
            f"The trigger closes a loop: {' → '.join(way)}.",
            each.keys,
            "Remove one of the triggers: an event may not raise itself, by whatever way.",
            of="key",
        )


def check_payload(report: Report, each: Placed, source: Model, target: Model) -> None:
    """Report what does not fit the model of the event that is raised."""
    root, known = SAYS[each.trigger.outcome]
    raised = Raised(each.trigger.event, each.trigger.values, each.keys)
    # nobody knows yet what a response will hold
    check_values(report, raised, source, target, {**ROOTS, root: known}, lambda wildcard: wildcard.root == "response")


def check_values(
    report: Report,
    raised: Raised,
    source: Model,
    target: Model,
    roots: Mapping[str, Property],
    unforeseen: Callable[[Wildcard], bool],
) -> None:
    """Report what of a payload does not fit the model of the event that it is for. `source` is what its wildcards can
    name; of the `unforeseen` ones nobody can say before whether they will be there.
    """
    for name, value in raised.values.items():
        at = (*raised.keys, name)
        if name not in target.properties and target.closed:
            step = did_you_mean(name, target.properties) or f"It has: {', '.join(target.properties)}."
            message = f'The event "{raised.event}" has no property "{name}".'
            report.error("unknown-property", message, at, step, of="key")
            continue
        check_json(report, value, at)
        field = field_for(target, name)
        try:
            template = parse_template(value, Context.VALUE, field.type, roots=tuple(roots))
        except LanguageError as error:
            report.findings(error.findings, at)
            continue
        unknown = {(each.start, each.end, each.keys) for each in template.wildcards if unforeseen(each)}
        found = check_template(template, source, field, roots)
        report.findings(
            [each for each in found if each.rule != "no-default" or (each.start, each.end, each.keys) not in unknown],
            at,
        )
    missing = [
        name for name, declared in target.properties.items() if not declared.optional and name not in raised.values
    ]
    if missing:
        message = f'The event "{raised.event}" needs {", ".join(missing)}.'
        report.error("missing-property", message, raised.keys, f'Give it: {missing[0]} = "{{…}}"', of="key")


def loops(triggers: list[Placed]) -> Iterator[tuple[list[str], Placed]]:
    """Each way of events that comes back to where it began, with the trigger that closes it."""
    raised: dict[str, list[Placed]] = {}
    for each in triggers:
        way = way_between(raised, each.trigger.event, each.source)
        if way is not None:
            yield [each.source, *way], each
        else:
            raised.setdefault(each.source, []).append(each)


def way_between(raised: Mapping[str, list[Placed]], begin: str, end: str) -> list[str] | None:
    """The events from one to another by triggers; None where no way leads there."""
    before: dict[str, str | None] = {begin: None}
    pending = [begin]
    while pending:
        here = pending.pop()
        if here == end:
            way: list[str] = []
            step: str | None = here
            while step is not None:
                way.append(step)
                step = before[step]
            return way[::-1]
        for each in raised.get(here, ()):
            if each.trigger.event not in before:
                before[each.trigger.event] = here
                pending.append(each.trigger.event)
    return None
