"""`eventwire add:action`: a service's operation, configured, under a filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.errors import UsageError
from eventwire.fields import Context
from eventwire.services.catalog import find_service
from eventwire.terminal import completion
from eventwire.terminal.assignments import read_assignments, write_assignments
from eventwire.terminal.equivalent import say_equivalent
from eventwire.terminal.operations import NewAction, find_operation, missing_fields
from eventwire.terminal.options import command
from eventwire.terminal.project import find_account, find_event, find_filter, open_project

if TYPE_CHECKING:
    from eventwire.language.models import Model
    from eventwire.project.model import Project
    from eventwire.terminal.session import Session


@command
@click.argument("event", required=False, shell_complete=completion.events)
@click.argument("filter", required=False, shell_complete=completion.filters)
@click.argument("name", required=False)
@click.option(
    "--service-account", metavar="ACCOUNT", shell_complete=completion.accounts, help="Through which service account."
)
@click.option(
    "--action",
    metavar="ACTION",
    shell_complete=completion.operations,
    help="What it does there: insert, set, post-message …",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="FIELD=VALUE",
    shell_complete=completion.action_fields,
    help="A field; values.id={id} reaches into one.",
)
@click.option("--retry", type=click.IntRange(1, 100), metavar="N", help="How often it is attempted at the most.")
@click.option("--timeout", type=click.FloatRange(0.001, 86400), metavar="S", help="Seconds an attempt may take.")
def add_action(
    session: Session,
    event: str | None,
    filter: str | None,
    name: str | None,
    service_account: str | None,
    action: str | None,
    settings: tuple[str, ...],
    retry: int | None,
    timeout: float | None,
) -> None:
    """Fields take values of the payload as wildcards: {name}, {address.city}, {amount | default: 0}.

    Asked in a terminal, it offers the accounts there are or a new one, reads real tables and columns where the service
    has them, completes wildcards, and shows what would be sent for the sample before anything is written.
    """
    project = open_project(session)
    given = {"EVENT": event, "FILTER": filter, "NAME": name, "--service-account": service_account, "--action": action}
    chosen = action_of_flags(project, given, settings)
    asked = isinstance(chosen, Missing)
    if isinstance(chosen, Missing):
        if not session.interactive:
            raise chosen.error()
        from eventwire.terminal.action_flow import ask_action

        chosen = ask_action(session, project, given, settings)
    save(session, project, chosen, retry, timeout)
    if asked:
        if chosen.new_account:
            from eventwire.terminal.account_flow import account_arguments

            say_equivalent(session, "add:service-account", account_arguments(chosen.new_account))
        say_equivalent(session, "add:action", arguments(chosen, retry, timeout))
    doubts = doubts_about(project.events[chosen.event].model, chosen)
    for doubt in () if session.json else doubts:
        session.say(f"{session.style('Warning:', 'warn', stream='stderr')} {doubt}")
    session.done(
        {
            "event": chosen.event,
            "filter": chosen.filter,
            "action": chosen.name,
            "fields": dict(chosen.fields),
            "warnings": doubts,
        },
        f'Added the action "{chosen.name}" to {chosen.event}, filter {chosen.filter}.\n'
        f"Next: eventwire run {chosen.event} --dry-run",
    )


class Missing(list[str]):
    """The arguments that are not given."""

    def error(self) -> UsageError:
        """The error that lists them all."""
        return UsageError(
            f"Missing: {', '.join(self)}.",
            next_step="Give them on the command line, or run this in a terminal to be asked.",
        )


def action_of_flags(project: Project, given: dict[str, str | None], settings: tuple[str, ...]) -> NewAction | Missing:
    """The action that flags describe, or what of it is missing. Raises UsageError for what is not known."""
    missing = [flag for flag, value in given.items() if value is None]
    event, filter_name, name, account_name, operation_name = given.values()
    if event is not None:
        found = find_event(project, event)
        if filter_name is not None:
            find_filter(found, filter_name)
    account = find_account(project, account_name) if account_name is not None else None
    operation = find_operation(find_service(account.service), operation_name) if account and operation_name else None
    fields = read_assignments(settings, operation.fields, "--set") if operation else {}
    missing += [f"--set {each}=…" for each in missing_fields(operation, fields)] if operation else []
    if missing:
        return Missing(missing)
    assert event is not None and filter_name is not None and name is not None and account and operation
    return NewAction(event, filter_name, name, account.name, operation, fields)


def save(session: Session, project: Project, action: NewAction, retry: int | None, timeout: float | None) -> None:
    """Write the action, and before it the account that was made for it. Raises ProjectError, CredentialError."""
    from eventwire.project.edit import add_action as write_action

    if action.new_account:
        from eventwire.terminal.account_flow import save_account

        save_account(session, project, action.new_account)
    write_action(
        project.folder,
        action.event,
        action.filter,
        action.name,
        action.account,
        action.operation.name,
        dict(action.fields),
        retry,
        timeout,
    )


def doubts_about(model: Model, action: NewAction) -> list[str]:
    """What `check` warns of in the action's wildcards: that a property may be missing, for one."""
    from eventwire.language.wildcards import check_template, parse_template

    found = [
        finding
        for field in action.operation.fields
        if field.name in action.fields and field.context is not Context.LITERAL
        for finding in check_template(
            parse_template(action.fields[field.name], field.context, field.type), model, field
        )
    ]
    return [" ".join(filter(None, (each.message, each.next_step))) for each in found if each.severity == "warning"]


def arguments(action: NewAction, retry: int | None, timeout: float | None) -> list[str]:
    """The arguments that would add the same action."""
    line = [action.event, action.filter, action.name, "--service-account", action.account]
    line += ["--action", action.operation.name, *write_assignments(action.fields, action.operation.fields, "--set")]
    line += ["--retry", str(retry)] if retry is not None else []
    return line + (["--timeout", f"{timeout:g}"] if timeout is not None else [])
