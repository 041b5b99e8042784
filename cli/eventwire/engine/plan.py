"""An event made ready to run: built once when the project is loaded, used for every event that comes in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec import field as msgspec_field
from msgspec.structs import replace

from eventwire.accounts.lookup import missing_settings, with_defaults
from eventwire.engine.matching import Matcher
from eventwire.engine.record import FilterRecord
from eventwire.errors import PayloadError, Rejected
from eventwire.fields import Context
from eventwire.journal.identifiers import action_digest
from eventwire.language.conditions import compile_condition, explain_condition
from eventwire.language.models import Model, compile_model
from eventwire.language.wildcards import Fields, Template, parse_template
from eventwire.project.load import uncollected
from eventwire.project.model import Action, Event, Filter, Project, Trigger
from eventwire.project.triggers import SAYS, field_for, roots_of
from eventwire.services.catalog import find_service
from eventwire.services.declare import Operation, Request, Service, Target, Values

Payload = Mapping[str, Any]
Envelope = Mapping[str, Any]


class OperationPlan(Struct, frozen=True):
    """An operation with its fields' wildcards compiled."""

    service: Service
    operation: Operation
    fields: Fields
    settings: Mapping[str, Any]
    """The account's settings that are not secret, in the plan's environment."""
    waiting_account: str | None = None
    """The account, where it has no settings in that environment: it can show a request, but send none."""

    def request(self, values: Values, environment: str, key: str) -> Request:
        """What is sent. Raises Rejected, and CredentialError where settings that there are not yet would be needed."""
        try:
            return self.operation.build(values, Target(self.settings, environment, key))
        except Rejected as error:
            if self.waiting_account is None:
                raise
            raise missing_settings(self.service, self.waiting_account, environment) from error


class TriggerPlan(Struct, frozen=True):
    """An event that an outcome raises, with the wildcards of its payload compiled."""

    trigger: Trigger
    templates: Mapping[str, Template]

    def render(self, payload: Payload, envelope: Envelope, says: Any) -> dict[str, Any]:
        """The payload of the event that is raised; `says` is the response, or the error. Raises Rejected."""
        root, _ = SAYS[self.trigger.outcome]
        return {name: each.render(payload, envelope, {root: says}) for name, each in self.templates.items()}


class ActionPlan(Struct, frozen=True):
    """One action, ready to send."""

    action: Action
    work: OperationPlan
    digest: str
    """What tells it from the other actions of its event (journal/identifiers.py)."""
    triggers: tuple[TriggerPlan, ...] = ()


class FilterPlan(Struct):
    """One filter, with its condition compiled."""

    filter: Filter
    model: Model
    matches: Callable[[Payload, Envelope], bool]
    plan_actions: Callable[[], tuple[ActionPlan, ...]]
    planned: tuple[ActionPlan, ...] | None = None

    @property
    def actions(self) -> tuple[ActionPlan, ...]:
        """The filter's actions, compiled when it matches for the first time: most of many filters never do."""
        if self.planned is None:
            self.planned = self.plan_actions()
        return self.planned

    def explain(self, payload: Payload, envelope: Envelope) -> Mapping[str, Any] | None:
        """Why the filter matches this payload or not; None for one without a condition."""
        if self.filter.condition is None:
            return None
        return explain_condition(self.filter.condition, payload, envelope, self.model)


class EventPlan(Struct, frozen=True):
    """One event, ready to run in one environment."""

    event: Event
    filters: tuple[FilterPlan, ...]
    violations: Callable[[Payload], list[tuple[str, str]]]
    matcher: Matcher
    unmatched: tuple[FilterRecord, ...]
    """Each filter's record as it is where it does not match."""
    kept_verdicts: dict[tuple[int, ...], str] = msgspec_field(default_factory=dict)
    """Which filters matched, by their positions: the verdicts as the journal keeps them, as JSON text."""

    def misfit(self, violations: list[tuple[str, str]]) -> PayloadError:
        """The error for a payload that does not fit the model."""
        return PayloadError(
            f'The payload does not fit the model of the event "{self.event.name}":',
            violations=violations,
            next_step=f"See the model with: eventwire show {self.event.name}",
        )


def plan_event(project: Project, event: Event, environment: str) -> EventPlan:
    """Compile an event's model, conditions and wildcards."""
    with uncollected():
        filters = tuple(plan_filter(project, each, event, environment) for each in event.filters.values())
    unmatched = tuple(FilterRecord(each.name, each.where, False) for each in event.filters.values())
    return EventPlan(event, filters, compile_model(event.model), matcher_of(filters), unmatched)


def matcher_of(filters: Sequence[FilterPlan]) -> Matcher:
    """What tells which of the filters match an event."""
    conditions = [each.filter.condition for each in filters]
    return Matcher(
        [each.matches for each in filters],
        [(each.expression, each.model) if each is not None else None for each in conditions],
    )


def plan_filter(project: Project, each: Filter, event: Event, environment: str) -> FilterPlan:
    """Compile a filter's condition and its actions."""
    matches = compile_condition(each.condition, event.model) if each.condition else always

    def plan_actions() -> tuple[ActionPlan, ...]:
        return tuple(plan_action(project, each.name, action, environment) for action in each.actions.values())

    return FilterPlan(each, event.model, matches, plan_actions)


def plan_action(project: Project, filter_name: str, action: Action, environment: str) -> ActionPlan:
    """Compile an action's wildcards, field by field."""
    account = project.accounts[action.account]
    service = find_service(account.service)
    operation = service.operation(action.operation)
    assert operation is not None, "the project was checked when it was read"
    settings = account.settings(environment)
    work = plan_operation(service, operation, action.fields, settings or {})
    if settings is None:
        work = replace(work, waiting_account=account.name)
    triggers = tuple(plan_trigger(project, each) for each in action.triggers)
    return ActionPlan(action, work, action_digest(filter_name, action.name), triggers)


def plan_trigger(project: Project, trigger: Trigger) -> TriggerPlan:
    """Compile the payload of a trigger's event."""
    model = project.events[trigger.event].model
    templates = {
        name: parse_template(value, Context.VALUE, field_for(model, name).type, roots=roots_of(trigger.outcome))
        for name, value in trigger.values.items()
    }
    return TriggerPlan(trigger, templates)


def plan_operation(
    service: Service, operation: Operation, fields: Mapping[str, Any], settings: Mapping[str, Any]
) -> OperationPlan:
    """Compile an operation's fields."""
    declared = {field.name: field for field in operation.fields}
    templates = {
        name: parse_template(value, declared[name].context, declared[name].type) for name, value in fields.items()
    }
    defaults = {field.name: field.default for field in operation.fields if field.default is not None}
    return OperationPlan(service, operation, Fields(templates, defaults), with_defaults(service, settings))


def always(payload: Payload, envelope: Envelope) -> bool:
    """The verdict of a filter without a condition."""
    return True
