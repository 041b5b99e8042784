"""Asking for an action: account, operation, fields with wildcards; shown on the sample before it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from eventwire.accounts.lookup import find_credentials
from eventwire.errors import EventwireError
from eventwire.fields import Field, FieldType, Suggestion
from eventwire.language.findings import LanguageError, first_error
from eventwire.language.models import Model
from eventwire.language.wildcards import check_template, parse_template, wildcards_for
from eventwire.project.model import Event, Project
from eventwire.project.names import new_name_problem
from eventwire.services.catalog import find_service
from eventwire.services.declare import Column, Credentials, Operation, Service
from eventwire.terminal.account_flow import NewAccount, ask_account, ask_server
from eventwire.terminal.assignments import read_any, read_assignments, read_value
from eventwire.terminal.operations import NewAction, find_operation
from eventwire.terminal.preview import preview
from eventwire.terminal.project import find_account, find_event, find_filter
from eventwire.terminal.prompts import Choice, WildcardCompleter, ask_text, confirm, select
from eventwire.terminal.questions import refuse_name
from eventwire.terminal.session import Session

NEW_ACCOUNT = "New service account…"
OTHER = "Other…"
Tables = Mapping[str, tuple[Column, ...]]


def ask_action(
    session: Session, project: Project, given: Mapping[str, str | None], settings: tuple[str, ...]
) -> NewAction:
    """Ask for what was not given; returns once the user has seen the outcome and wants it written."""
    event_name, filter_name, name, account_name, operation_name = given.values()
    event = find_event(project, event_name or pick(session, "Which event?", list(project.events)))
    filter_name = filter_name or pick(session, "Under which filter?", list(event.filters))
    taken = find_filter(event, filter_name).actions
    if name is not None:
        refuse_name(name, "action", taken)
    account, new_account = ask_for_account(session, project, account_name)
    service = new_account.service if new_account else find_service(project.accounts[account].service)
    operation = find_operation(service, operation_name) if operation_name else ask_operation(session, service)
    name = name or ask_text(
        session,
        "What is the action called?",
        default=operation.name if operation.name not in taken else "",
        check=lambda text: new_name_problem(text, "action", taken),
    )
    tables = read_tables(session, project, account, service, new_account) if wants_tables(operation) else {}
    given_fields = read_assignments(settings, operation.fields, "--set")
    fields = ask_fields(session, operation, event, tables, given_fields)
    action = NewAction(event.name, filter_name, name, account, operation, fields, new_account)
    preview(session, project, action)
    if not confirm(session, "Add this action?", default=True):
        raise click.Abort
    return action


def pick(session: Session, message: str, names: list[str]) -> str:
    """One of several; the only one there is needs no asking."""
    return names[0] if len(names) == 1 else select(session, message, [Choice(name) for name in names])


def ask_for_account(session: Session, project: Project, name: str | None) -> tuple[str, NewAccount | None]:
    """The account's name, and the account itself where it is made just now."""
    if name is not None:
        return find_account(project, name).name, None
    choices = [Choice(each.name, find_service(each.service).label) for each in project.accounts.values()]
    chosen = select(session, "Through which service account?", [*choices, Choice(NEW_ACCOUNT)])
    if chosen != NEW_ACCOUNT:
        return chosen, None
    account = ask_account(session, project, None, None)
    return account.name, account


def ask_operation(session: Session, service: Service) -> Operation:
    """What the action does."""
    choices = [Choice(each.name, each.summary) for each in service.operations]
    return find_operation(service, select(session, f"What should happen in {service.label}?", choices))


def wants_tables(operation: Operation) -> bool:
    """Whether a field of the operation names a table of the server."""
    return any(each.suggestion is Suggestion.TABLE for each in operation.fields)


def read_tables(session: Session, project: Project, account: str, service: Service, new: NewAccount | None) -> Tables:
    """The server's real tables; none where it cannot be asked, which is said."""
    from asyncio import run

    if service.tables is None:
        return {}
    try:
        credentials = new.credentials(session, project, "test") if new else known_credentials(session, project, account)
        with session.waiting("Reading the tables …"):
            tables: Tables = run(ask_server(service, credentials, service.tables))
    except EventwireError as error:
        session.say(f"The tables cannot be read: {error.message} Type the names instead.")
        return {}
    return tables


def known_credentials(session: Session, project: Project, account: str) -> Credentials:
    """The test credentials of an account of the project. Raises CredentialError."""
    declared = project.accounts[account]
    return find_credentials(
        find_service(declared.service),
        declared.settings("test"),
        project=project.name,
        account=account,
        environment="test",
        environ=session.environ,
        base=project.folder,
    )


def ask_fields(
    session: Session, operation: Operation, event: Event, tables: Tables, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Ask for the required fields that were not given, then for those optional ones that the user wants."""
    values = dict(given)
    declared = {each.name: each for each in operation.fields}
    for each in operation.fields:
        if each.required and each.name not in values and each.applies(values, declared):
            values[each.name] = ask_field(session, each, event, tables, values)
    while open_fields := optional_fields(operation, values):
        choices = [Choice("", label="No more fields"), *(Choice(each.name, each.label) for each in open_fields)]
        name = select(session, "Set another field?", choices)
        if not name:
            break
        values[name] = ask_field(session, declared[name], event, tables, values)
    return values


def optional_fields(operation: Operation, values: Mapping[str, Any]) -> list[Field]:
    """The fields that can still be set beside these."""
    declared = {each.name: each for each in operation.fields}
    excluded = {name for group in operation.exclusive if any(each in values for each in group) for name in group}
    return [
        each
        for each in operation.fields
        if each.name not in values and each.name not in excluded and each.applies(values, declared)
    ]


def ask_field(session: Session, field: Field, event: Event, tables: Tables, values: Mapping[str, Any]) -> Any:
    """One field's value, in the way that fits it."""
    if field.choices:
        return select(session, f"{field.label}:", [Choice(each) for each in field.choices], default=field.default)
    if field.suggestion is Suggestion.TABLE and tables:
        chosen = select(session, f"{field.label}:", [*(Choice(name) for name in tables), Choice(OTHER)])
        if chosen != OTHER:
            return chosen
    if field.type is FieldType.BOOLEAN:
        return confirm(session, f"{field.label}?", default=bool(field.default))
    if field.type is FieldType.TABLE:
        columns = tables.get(str(values.get("table")), ()) if field.suggestion is Suggestion.COLUMNS else ()
        return ask_columns(session, field, event, columns) if columns else ask_table(session, field, event)
    if field.type is FieldType.LIST:
        return ask_list(session, field, event)
    return ask_value(session, field, event, f"{field.label}:", default=field.default)


def ask_columns(session: Session, field: Field, event: Event, columns: tuple[Column, ...]) -> dict[str, Any]:
    """A value for each real column, proposing the property of the same name."""
    session.say(f"{field.label}; {{ completes properties, empty leaves a column out.")
    values = {}
    for column in columns:
        hint = column.type if column.required else f"{column.type}, optional"
        text = ask_template(
            session, field, event, f"  {column.name} =", default=proposal(event, column.name), hint=hint
        )
        if text:
            values[column.name] = read_any(text)
    return values


def proposal(event: Event, name: str) -> str:
    """The wildcard of the property whose name is a column's, `signed_up` and `signed-up` being one."""
    wanted = name.replace("_", "-").lower()
    for path, _ in event.model.paths():
        if wanted in (path.replace("_", "-").lower(), path.replace(".", "-").replace("_", "-").lower()):
            return f"{{{path}}}"
    return next((f"{{{path}}}" for path, _ in event.model.paths() if path.split(".")[-1].lower() == wanted), "")


def ask_table(session: Session, field: Field, event: Event) -> dict[str, Any]:
    """Names and values, one after the other; an empty name ends them."""
    values: dict[str, Any] = {}
    while True:
        name = ask_text(
            session,
            f"{field.label}, name:",
            hint="empty when done" if values else "",
            check=lambda text: "At least one." if field.required and not values and not text else None,
        )
        if not name:
            return values
        values[name] = read_any(ask_template(session, field, event, f"  {name} =", needed=True))


def ask_list(session: Session, field: Field, event: Event) -> list[Any]:
    """Values, one after the other; an empty one ends them."""
    values: list[Any] = []
    while True:
        hint = "another, empty when done" if values else ""
        text = ask_template(session, field, event, f"{field.label}:", hint=hint, needed=not values)
        if not text:
            return values
        values.append(read_any(text))


def ask_value(session: Session, field: Field, event: Event, message: str, *, default: Any = None) -> Any:
    """A single value, as the field's type."""
    text = ask_template(
        session,
        field,
        event,
        message,
        default="" if default is None else str(default),
        hint=f"for example {field.example}" if isinstance(field.example, str | int | float) else "",
        needed=True,
    )
    return read_value(field, text, field.name)


def ask_template(
    session: Session,
    field: Field,
    event: Event,
    message: str,
    *,
    default: str = "",
    hint: str = "",
    needed: bool = False,
) -> str:
    """A text with wildcards, asked for until it fits the model and the field."""

    def check(text: str) -> str | None:
        if not text:
            return "This one is needed." if needed else None
        return template_problem(text, field, event.model)

    completer = WildcardCompleter(wildcards_for(event.model))
    return ask_text(session, message, default=default, hint=hint, check=check, completer=completer)


def template_problem(text: str, field: Field, model: Model) -> str | None:
    """What is wrong with a text as (part of) a field's value, in a sentence, or None."""
    try:
        value = (
            read_any(text) if field.type in (FieldType.TABLE, FieldType.LIST) else read_value(field, text, field.name)
        )
        part = {"x": value} if field.type is FieldType.TABLE else [value] if field.type is FieldType.LIST else value
        findings = check_template(parse_template(part, field.context), model, field)
    except LanguageError as error:
        findings = list(error.findings)
    except EventwireError as error:
        return error.message
    return first_error(findings)
