"""Reading a project and everything that is wrong with it: one loader for `run` and for `check`."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eventwire.errors import EventwireError, PayloadError, Problem, did_you_mean
from eventwire.fields import Context, Field, FieldType
from eventwire.language.conditions import Condition, check_condition, for_model, parse_condition
from eventwire.language.findings import LanguageError
from eventwire.language.models import Model, compile_model, model_from_schema, read_model
from eventwire.language.wildcards import check_template, parse_template
from eventwire.project.buttons import (
    BUTTON_STYLES,
    LONGEST_BUTTON_TEXT,
    LONGEST_EXPIRY_MINUTES,
    SIGNING_NAME,
    address_problem,
)
from eventwire.project.field_values import check_fields, check_json, is_secret_name, report_secret
from eventwire.project.model import (
    DEFAULT_EXPIRY_MINUTES,
    DEFAULT_FILTER,
    DEFAULT_TIMEOUT_SECONDS,
    ENVIRONMENTS,
    NAME,
    Action,
    Button,
    Event,
    Filter,
    Project,
    Retry,
    ServiceAccount,
    Source,
)
from eventwire.project.names import LONGEST, cannot_be_named, proposal
from eventwire.project.report import Report
from eventwire.project.samples import read_sample, sample_path
from eventwire.project.sources import KINDS as SOURCE_KINDS
from eventwire.project.sources import check_source, find_kind
from eventwire.project.toml import PROJECT_FILE, Document, read_bytes
from eventwire.project.triggers import Placed, check_triggers, read_triggers
from eventwire.services.catalog import find_service
from eventwire.services.declare import Operation, Service
from eventwire.services.setting_up import set_up_command

if TYPE_CHECKING:
    from eventwire.project.scan import Keys

LONGEST_TIMEOUT_SECONDS = 86_400
MOST_ATTEMPTS = 100
LONGEST_RETENTION_DAYS = 36_500
# The numbers of an action's `retry`, each with the most that it may be.
RETRY_NUMBERS = {
    "first-delay-seconds": 86_400,
    "factor": 100,
    "max-delay-seconds": 86_400,
    "max-age-seconds": 31_536_000,
}
MOST_CONCURRENT = 10_000
MOST_PER_SECOND = 1_000_000
KINDS: Mapping[type, str] = {str: "text", int: "an integer", float: "a number", bool: "true or false", dict: "a table"}

Table = Mapping[str, Any]


def load(folder: Path) -> tuple[Project, Report]:
    """The project in a folder, as far as it can be read, and what is wrong with it. Raises ProjectError where its file
    is no TOML at all.
    """
    with uncollected():
        document = Document.read(folder / PROJECT_FILE)
    return load_document(folder, document)


def load_document(folder: Path, document: Document) -> tuple[Project, Report]:
    """The project that a text describes, and what is wrong with it."""
    with uncollected():
        return Loader(folder, document).load()


@contextmanager
def uncollected() -> Iterator[None]:
    """Make many objects without the garbage collector looking through them: a fifth to a third of the time that ten
    thousand filters take, and none of them is garbage.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def check_samples(project: Project) -> list[Problem]:
    """What is wrong with the samples: no payload, or one that contradicts its event's model."""
    return [problem for event in project.events.values() if (problem := check_sample(project, event)) is not None]


def check_sample(project: Project, event: Event) -> Problem | None:
    """What is wrong with one event's sample, or None."""
    shown = f"samples/{sample_path(project.folder, event.name).name}"
    try:
        payload = read_sample(project.folder, event.name)
    except PayloadError as error:
        return Problem("sample", f"The sample of {event.name} is wrong: {error.message}", error.place, error.next_step)
    violations = compile_model(event.model)(payload) if payload is not None else []
    if not violations:
        return None
    listed = "; ".join(f"{path}: {sentence}" for path, sentence in violations)
    place = project.document.place(("events", event.name), of="key")
    return Problem(
        "sample", f"The sample {shown} contradicts the model: {listed}.", place, f"Change {shown}, or the model."
    )


class Loader:
    """Reads one project file."""

    def __init__(self, folder: Path, document: Document) -> None:
        self.folder = folder
        self.document = document
        self.report = Report(document)
        self.accounts: dict[str, ServiceAccount] = {}
        self.services: dict[str, Service] = {}
        self.triggers: list[Placed] = []

    def load(self) -> tuple[Project, Report]:
        """The project and the report."""
        data = self.document.data
        self.unknown_keys(data, (), ("project", "service-accounts", "events", "sources"))
        name, retention_days = self.project_itself(data)
        for account, table, keys in self.named_tables(data, "service-accounts", ()):
            self.accounts[account] = self.account(account, table, keys)
        events = {event: self.event(event, table, keys) for event, table, keys in self.named_tables(data, "events", ())}
        self.unused_accounts(events)
        if self.triggers:
            check_triggers(self.report, events, self.triggers)
        sources = {
            source: self.source(source, table, keys, events)
            for source, table, keys in self.named_tables(data, "sources", ())
        }
        project = Project(name, self.folder, self.accounts, events, self.document, retention_days, sources)
        return project, self.report

    def project_itself(self, data: Table) -> tuple[str, int | None]:
        """The project's name, which also names its secrets in the keyring, and how long its journal keeps what is over."""
        table = self.table(data, "project", (), required=True)
        if "project" not in data:
            return "", None
        self.unknown_keys(table, ("project",), ("name", "retention-days"))
        name: str = self.value(table, "name", ("project",), str, required=True) or ""
        if name:
            self.check_name(name, "project", ("project", "name"), of="value")
        return name, self.whole_number(table, "retention-days", ("project",), LONGEST_RETENTION_DAYS)

    def account(self, name: str, table: Table, keys: Keys) -> ServiceAccount:
        """A service account with its settings of each environment."""
        secrets = [key for key in table if is_secret_name(key)]
        for key in secrets:
            report_secret(self.report, (*keys, key), key)
        self.unknown_keys(table, keys, ("service", *ENVIRONMENTS, "max-concurrent", "max-per-second", *secrets))
        service_name: str = self.value(table, "service", keys, str, required=True) or ""
        service = self.service(service_name, (*keys, "service")) if service_name else None
        sets = {each: table.get(each) for each in ENVIRONMENTS}
        for environment, settings in sets.items():
            if settings is None or self.value(table, environment, keys, dict) is None:
                continue
            if service is not None:
                self.services[name] = service
                check_fields(self.report, service.fields, settings, (*keys, environment), f"{service.label}'s accounts")
        if service is not None:
            self.services[name] = service
            if not any(each in table for each in ENVIRONMENTS):
                self.without_settings(name, service, keys)
        concurrent = self.whole_number(table, "max-concurrent", keys, MOST_CONCURRENT)
        per_second = self.positive(table, "max-per-second", keys, MOST_PER_SECOND)
        return ServiceAccount(name, service_name, sets["test"], sets["live"], concurrent, per_second)

    def without_settings(self, name: str, service: Service, keys: Keys) -> None:
        """Warn about an account that waits for its credentials: what uses it fails until they are given."""
        self.report.warning(
            "no-settings",
            f'The service account "{name}" waits for its credentials: it has settings neither for test nor for live.',
            keys,
            f"Give them with: {set_up_command(name, service)}",
        )

    def service(self, name: str, keys: Keys) -> Service | None:
        """The service of that name; an error where there is none."""
        try:
            return find_service(name)
        except EventwireError as error:
            self.report.error("unknown-service", error.message, keys, error.next_step)
            return None

    def event(self, name: str, table: Table, keys: Keys) -> Event:
        """An event with its model, filters and buttons."""
        known = ("description", "group", "display", "model", "schema", "filters", "buttons")
        self.unknown_keys(table, keys, known)
        model = self.model(table, keys)
        filters = self.filters(name, table, keys, model)
        if not any(each.actions for each in filters.values()):
            self.report.warning(
                "no-actions", f'The event "{name}" has no actions.', keys, f"Add one with: eventwire add:action {name}"
            )
        return Event(
            name,
            self.value(table, "description", keys, str),
            self.value(table, "group", keys, str),
            self.display(table, keys, model),
            model,
            filters,
            {
                each: self.button(each, inner, at, model)
                for each, inner, at in self.named_tables(table, "buttons", keys)
            },
        )

    def model(self, table: Table, keys: Keys) -> Model:
        """The event's model, from its table or from a file of JSON Schema."""
        if "model" in table and "schema" in table:
            self.report.error(
                "two-models",
                "The event has both a model and a schema.",
                (*keys, "schema"),
                "Keep one of them.",
                of="key",
            )
        if (file := self.value(table, "schema", keys, str)) is not None:
            return self.schema_file(file, (*keys, "schema"))
        if "schema" in table:
            return Model({}, {"type": "object"}, open=True)
        if "model" not in table:
            self.report.error(
                "no-model",
                "The event has no model: nothing is known of its payload.",
                keys,
                'Describe it, for example: model = { id = "integer", name = "string" }',
                of="key",
            )
            return Model({}, {"type": "object"}, open=True)
        try:
            return read_model(self.table(table, "model", keys))
        except LanguageError as error:
            self.report.findings(error.findings, (*keys, "model"))
            return Model({}, {"type": "object"}, open=True)

    def schema_file(self, name: str, keys: Keys) -> Model:
        """The model of a JSON Schema in a file."""
        import json

        try:
            return model_from_schema(json.loads(read_bytes(self.folder / name)))
        except LanguageError as error:
            message, step = error.message, error.next_step
        except EventwireError as error:
            message, step = error.message, error.next_step
        except (ValueError, RecursionError) as error:
            message, step = f"It is not JSON: {error}.", "Write a JSON Schema, version 2020-12."
        self.report.error("schema-file", f'The schema "{name}" cannot be used. {message}', keys, step)
        return Model({}, {"type": "object"}, open=True)

    def display(self, table: Table, keys: Keys, model: Model) -> Mapping[str, str]:
        """How the event looks in a timeline."""
        shown = self.table(table, "display", keys)
        self.unknown_keys(shown, (*keys, "display"), ("avatar", "title", "category"))
        for name in shown:
            text = self.value(shown, name, (*keys, "display"), str)
            if text is not None:
                self.template(text, model, (*keys, "display", name), Context.TEXT)
        return {name: text for name, text in shown.items() if isinstance(text, str)}

    def template(self, value: Any, model: Model, keys: Keys, context: Context) -> None:
        """Check the wildcards of a value that is no operation's field."""
        kind = FieldType.ANY if context is Context.JSON else FieldType.STRING
        field = Field(str(keys[-1]), str(keys[-1]), kind, context)
        try:
            self.report.findings(check_template(parse_template(value, context, kind), model, field), keys)
        except LanguageError as error:
            self.report.findings(error.findings, keys)

    def filters(self, event: str, table: Table, keys: Keys, model: Model) -> dict[str, Filter]:
        """The event's filters; the default one is there whether the file names it or not."""
        found = {
            name: self.filter(event, name, inner, at, model)
            for name, inner, at in self.named_tables(table, "filters", keys)
        }
        if DEFAULT_FILTER in found:
            return found
        return {DEFAULT_FILTER: Filter(DEFAULT_FILTER, event, None, None, {}), **found}

    def filter(self, event: str, name: str, table: Table, keys: Keys, model: Model) -> Filter:
        """A filter with its condition and actions."""
        self.unknown_keys(table, keys, ("where", "actions"))
        where = self.value(table, "where", keys, str, required=name != DEFAULT_FILTER)
        if name == DEFAULT_FILTER and where is not None:
            self.report.error(
                "default-filter",
                f'The filter "{DEFAULT_FILTER}" always matches and has no condition.',
                (*keys, "where"),
                "Remove the condition, or give the filter another name.",
                of="key",
            )
        condition = self.condition(where, (*keys, "where"), model) if where is not None else None
        actions = {
            each: self.action(event, name, each, inner, at, model)
            for each, inner, at in self.named_tables(table, "actions", keys)
        }
        return Filter(name, event, where, condition, {each: action for each, action in actions.items() if action})

    def condition(self, where: str, keys: Keys, model: Model) -> Condition | None:
        """A filter's condition, checked against the model."""
        try:
            condition = parse_condition(where)
        except LanguageError as error:
            self.report.findings(error.findings, keys)
            return None
        self.report.findings(check_condition(condition, model), keys)
        return for_model(condition, model)

    def action(self, event: str, filter_name: str, name: str, table: Table, keys: Keys, model: Model) -> Action | None:
        """An action; None where it cannot even be told which operation it is."""
        account: str = self.value(table, "service-account", keys, str, required=True) or ""
        operation_name: str = self.value(table, "action", keys, str, required=True) or ""
        operation = self.operation(account, operation_name, name, keys)
        own = ("service-account", "action", "retry", "timeout-seconds", "on-success", "on-failure")
        fields = {key: value for key, value in table.items() if key not in own}
        if operation is not None:
            check_fields(
                self.report, operation.fields, fields, keys, f"{operation.name}", model, operation.exclusive, own
            )
        retry, timeout = self.retry(table, keys), self.timeout(table, keys)
        triggers = (
            list(read_triggers(self.report, table, event, keys))
            if "on-success" in table or "on-failure" in table
            else []
        )
        if operation is None:
            return None
        self.triggers += triggers
        raised = tuple(each.trigger for each in triggers)
        return Action(name, event, filter_name, account, operation_name, fields, retry, timeout, raised)

    def operation(self, account: str, name: str, action: str, keys: Keys) -> Operation | None:
        """What an action does, found through its service account."""
        if account and account not in self.accounts:
            self.report.error(
                "unknown-account",
                f'The action "{action}" uses the service account "{account}", which does not exist.',
                (*keys, "service-account"),
                did_you_mean(account, self.accounts) or f"Add it with: eventwire add:service-account {account}",
            )
        service = self.services.get(account)
        if service is None or not name:
            return None
        operation = service.operation(name)
        if operation is None:
            names = [each.name for each in service.operations]
            self.report.error(
                "unknown-action",
                f'{service.label} has no action "{name}".',
                (*keys, "action"),
                did_you_mean(name, names) or f"It has: {', '.join(names)}.",
            )
        return operation

    def retry(self, table: Table, keys: Keys) -> Retry:
        """How often, how soon and for how long an action is attempted."""
        inner = self.table(table, "retry", keys)
        self.unknown_keys(inner, (*keys, "retry"), ("attempts", *RETRY_NUMBERS))
        given: dict[str, Any] = {"attempts": self.whole_number(inner, "attempts", (*keys, "retry"), MOST_ATTEMPTS)}
        for key, most in RETRY_NUMBERS.items():
            given[key.replace("-", "_")] = self.positive(inner, key, (*keys, "retry"), most)
        if given["factor"] is not None and given["factor"] < 1:
            self.out_of_range((*keys, "retry", "factor"), "at least 1: each delay is as long as the last, or longer")
        return Retry(**{name: value for name, value in given.items() if value is not None})

    def timeout(self, table: Table, keys: Keys) -> float:
        """How long an attempt may take."""
        seconds = self.positive(table, "timeout-seconds", keys, LONGEST_TIMEOUT_SECONDS)
        return DEFAULT_TIMEOUT_SECONDS if seconds is None else seconds

    def button(self, key: str, table: Table, keys: Keys, model: Model) -> Button:
        """A button of the event."""
        self.unknown_keys(table, keys, ("text", "url", "external", "expire-in-minutes", "meta", "style"))
        text: str = self.value(table, "text", keys, str, required=True) or ""
        if len(text) > LONGEST_BUTTON_TEXT:
            self.out_of_range((*keys, "text"), f"at most {LONGEST_BUTTON_TEXT} characters")
        url: str = self.value(table, "url", keys, str, required=True) or ""
        minutes = self.whole_number(table, "expire-in-minutes", keys, LONGEST_EXPIRY_MINUTES)
        style = self.value(table, "style", keys, str)
        if style is not None and style not in BUTTON_STYLES:
            self.out_of_range((*keys, "style"), f"one of {', '.join(BUTTON_STYLES)}")
        for name, context in (("text", Context.TEXT), ("url", Context.URL), ("meta", Context.JSON)):
            if name in table:
                check_json(self.report, table[name], (*keys, name))
                self.template(table[name], model, (*keys, name), context)
        external = bool(self.value(table, "external", keys, bool))
        problem = address_problem(url, external=external)
        # a wildcard in place of the scheme is an error of its own
        if problem and url and not (url.startswith("{") and url.partition("}")[2].startswith(":")):
            self.report.error("bad-url", problem[0], (*keys, "url"), problem[1])
        return Button(key, text, url, external, minutes or DEFAULT_EXPIRY_MINUTES, table.get("meta"), style)

    def source(self, name: str, table: Table, keys: Keys, events: Mapping[str, Event]) -> Source:
        """What raises an event from outside."""
        own = ("kind", "event", "environment", "values", "where")
        kind_name: str = self.value(table, "kind", keys, str, required=True) or ""
        event: str = self.value(table, "event", keys, str, required=True) or ""
        environment: str = self.value(table, "environment", keys, str) or "test"
        if environment not in ENVIRONMENTS:
            self.out_of_range((*keys, "environment"), "test or live")
        settings = {key: value for key, value in table.items() if key not in own}
        kind = find_kind(kind_name)
        if kind_name and kind is None:
            self.report.error(
                "unknown-kind",
                f'There is no kind of source called "{kind_name}".',
                (*keys, "kind"),
                did_you_mean(kind_name, SOURCE_KINDS) or f"There are: {', '.join(SOURCE_KINDS)}.",
            )
        if name in self.accounts or name == SIGNING_NAME:
            other = "a service account is" if name in self.accounts else "what signs the presses of buttons is"
            self.report.error(
                "name-taken",
                f'The source "{name}" is called as {other}, and would share its secrets.',
                keys,
                "Give the source another name.",
                of="key",
            )
        values: Table | None = self.value(table, "values", keys, dict)
        where: str | None = self.value(table, "where", keys, str)
        condition = self.condition(where, (*keys, "where"), kind.inbound) if where is not None and kind else None
        source = Source(name, kind_name, event, environment, values, where, condition, settings)
        return check_source(self.report, source, kind, events, keys, own)

    def unused_accounts(self, events: Mapping[str, Event]) -> None:
        """Warn about accounts that no action uses."""
        used = {
            action.account
            for event in events.values()
            for each in event.filters.values()
            for action in each.actions.values()
        }
        for name in self.accounts:
            if name not in used:
                self.report.warning(
                    "unused-account",
                    f'No action uses the service account "{name}".',
                    ("service-accounts", name),
                    f"Use it in an action, or remove it with: eventwire remove:service-account {name}",
                )

    def named_tables(self, table: Table, key: str, keys: Keys) -> Iterable[tuple[str, Table, Keys]]:
        """The tables below a key, each with its name and keys; what is no table, or badly named, is an error."""
        for name, inner in self.table(table, key, keys).items():
            at = (*keys, key, name)
            self.check_name(name, key.rstrip("s").replace("-", " "), at, of="key")
            if isinstance(inner, dict):
                yield name, inner, at
            else:
                self.wrong_type(at, "a table")

    def table(self, table: Table, key: str, keys: Keys, *, required: bool = False) -> Table:
        """The table below a key; empty where there is none."""
        return self.value(table, key, keys, dict, required=required) or {}

    def value(self, table: Table, key: str, keys: Keys, kind: type, *, required: bool = False) -> Any:
        """A key's value; None where it is missing or of another type, which is an error."""
        if key not in table:
            if required:
                self.missing(key, keys)
            return None
        value = table[key]
        fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
        if not fits or (isinstance(value, bool) and kind is not bool):
            self.wrong_type((*keys, key), KINDS[kind])
            return None
        if required and value == "":
            self.report.error("missing-key", f'"{key}" is empty.', (*keys, key), f'Give it: {key} = "…"')
            return None
        return value

    def whole_number(self, table: Table, key: str, keys: Keys, most: int) -> int | None:
        """A key's integer, from 1 on; None where it is missing or not allowed, which is an error."""
        given: int | None = self.value(table, key, keys, int)
        if given is not None and not 1 <= given <= most:
            self.out_of_range((*keys, key), f"from 1 to {most}")
            return None
        return given

    def positive(self, table: Table, key: str, keys: Keys, most: float) -> float | None:
        """A key's number above 0; None where it is missing or not allowed, which is an error."""
        given: float | None = self.value(table, key, keys, float)
        if given is not None and not 0 < given <= most:
            self.out_of_range((*keys, key), f"more than 0 and at most {most}")
            return None
        return None if given is None else float(given)

    def missing(self, key: str, keys: Keys) -> None:
        """An error for a key that has to be there."""
        where = f"[{'.'.join(map(str, keys))}]" if keys else "the project"
        if not keys:
            self.report.error("missing-key", f"[{key}] is missing.", keys, f'Begin the file with: [{key}] name = "…"')
            return
        self.report.error("missing-key", f'{where} has no "{key}".', keys, f"Give it: {key} = …", of="key")

    def wrong_type(self, keys: Keys, wanted: str) -> None:
        """An error for a value of the wrong type."""
        self.report.error("wrong-type", f'"{keys[-1]}" has to be {wanted}.', keys, f"Make it {wanted}.")

    def out_of_range(self, keys: Keys, allowed: str) -> None:
        """An error for a value that is not allowed."""
        self.report.error("out-of-range", f'"{keys[-1]}" has to be {allowed}.', keys, f"Make it {allowed}.")

    def unknown_keys(self, table: Table, keys: Keys, known: Iterable[str]) -> None:
        """An error for each key that means nothing here."""
        names = list(known)
        for key in table:
            if key not in names:
                self.report.error(
                    "unknown-key",
                    f'"{key}" means nothing here.',
                    (*keys, key),
                    did_you_mean(key, names) or f"Known here: {', '.join(names)}.",
                    of="key",
                )

    def check_name(self, name: str, kind: str, keys: Keys, *, of: str) -> None:
        """An error for a name that scripts and URLs could not hold."""
        if len(name) > LONGEST or not NAME.fullmatch(name):
            self.report.error("bad-name", *bad_name(name, kind, keys), of=of)


def bad_name(name: str, kind: str, keys: Keys) -> tuple[str, Keys, str]:
    """What to say of a name that is not allowed."""
    return (
        f"{cannot_be_named(name, kind)}: a name is lower-case letters, digits and -, a letter first, and "
        f"at most {LONGEST} characters.",
        keys,
        f"For example: {proposal(name)}",
    )
