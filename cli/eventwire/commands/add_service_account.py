"""`eventwire add:service-account`: how to reach a service, for test and live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from eventwire.errors import ServiceError, UsageError
from eventwire.services.catalog import find_service
from eventwire.terminal import completion
from eventwire.terminal.account_flow import (
    ENVIRONMENTS,
    CredentialSet,
    NewAccount,
    account_arguments,
    ask_account,
    ask_name,
    ask_service,
    ask_setting,
    other_service,
    save_account,
    verify,
)
from eventwire.terminal.assignments import read_assignments
from eventwire.terminal.equivalent import say_equivalent
from eventwire.terminal.options import command
from eventwire.terminal.project import open_project
from eventwire.terminal.secrets_input import read_secret_flags

if TYPE_CHECKING:
    from eventwire.project.model import Project
    from eventwire.services.declare import Service
    from eventwire.terminal.session import Session


@command
@click.argument("name", required=False, shell_complete=completion.accounts)
@click.option(
    "--service",
    metavar="SERVICE",
    shell_complete=completion.services,
    help="Which service: postgresql, redis, stripe …",
)
@click.option(
    "--test",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=completion.account_settings,
    help="A setting of the test credentials.",
)
@click.option(
    "--live",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=completion.account_settings,
    help="A setting of the live credentials.",
)
@click.option(
    "--test-secret",
    multiple=True,
    metavar="KEY=SOURCE",
    shell_complete=completion.account_settings,
    help="Where to read a test secret from.",
)
@click.option(
    "--live-secret",
    multiple=True,
    metavar="KEY=SOURCE",
    shell_complete=completion.account_settings,
    help="Where to read a live secret from.",
)
@click.option("--no-verify", is_flag=True, help="Do not connect.")
def add_service_account(
    session: Session,
    name: str | None,
    service: str | None,
    test: tuple[str, ...],
    live: tuple[str, ...],
    test_secret: tuple[str, ...],
    live_secret: tuple[str, ...],
    no_verify: bool,
) -> None:
    """One account holds both sets; test is used unless `run` is told --live. Each set given is verified by connecting.

    A SOURCE is env:VARIABLE, file:PATH or - (standard input). Secrets are kept in the OS keyring, never in the
    project. Where the account exists, the sets given are added to it or replace those it has.
    """
    project = open_project(session)
    existing = project.accounts.get(name) if name else None
    service_name = service or (existing.service if existing else None)
    given = {"test": (test, test_secret), "live": (live, live_secret)}
    if not any(settings or secrets for settings, secrets in given.values()) and session.interactive:
        account = ask_account(session, project, name, service_name)
        save_account(session, project, account)
        say_equivalent(session, "add:service-account", account_arguments(account))
    else:
        if session.interactive:
            service_name = service_name or ask_service(session)
            name = name or ask_name(session, project, find_service(service_name))
        account = account_of_flags(session, project, name, service_name, given)
        if not no_verify:
            verify_all(session, project, account)
        save_account(session, project, account)
    session.done(
        {"service_account": account.name, "service": account.service.name, "environments": list(account.sets)},
        f'{"Changed" if existing else "Added"} the service account "{account.name}" '
        f"({account.service.label}, {' and '.join(account.sets)}).",
    )


def verify_all(session: Session, project: Project, account: NewAccount) -> None:
    """Connect with each set. Raises what the service raises, with the way to keep the account all the same."""
    for environment in account.sets:
        try:
            verify(session, project, account, environment)
        except ServiceError as error:
            steps = [error.next_step, "To keep it without connecting, add: --no-verify"]
            error.next_step = "\n".join(step for step in steps if step)
            raise


def account_of_flags(
    session: Session,
    project: Project,
    name: str | None,
    service_name: str | None,
    given: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]],
) -> NewAccount:
    """The account that flags describe. Raises UsageError listing all that is missing."""
    missing = [flag for flag, value in (("NAME", name), ("--service", service_name)) if value is None]
    if name is None or service_name is None:
        raise UsageError(f"Missing: {', '.join(missing)}.", next_step="See the services with: eventwire services")
    existing = project.accounts.get(name)
    if existing and existing.service != service_name:
        raise other_service(existing)
    service = find_service(service_name)
    sets = {
        environment: set_of_flags(session, service, *given[environment], environment)
        for environment in ENVIRONMENTS
        if any(given[environment])
    }
    if not sets:
        # a service whose settings all have defaults, or whose secrets are all in the environment
        sets = {"test": set_of_flags(session, service, (), (), "test")}
    return NewAccount(name, service, sets)


def set_of_flags(
    session: Session, service: Service, settings: tuple[str, ...], secrets: tuple[str, ...], environment: str
) -> CredentialSet:
    """One environment's settings and secrets. Raises UsageError where a required setting is missing."""
    fields = {each.name: each for each in service.fields}
    values = read_assignments(settings, service.fields, f"--{environment}")
    missing = [
        each
        for each in service.fields
        if each.required and not each.secret and each.default is None and each.applies(values, fields)
        if each.name not in values
    ]
    if missing and not session.interactive:
        raise UsageError(
            f"Missing: {', '.join(f'--{environment} {each.name}=…' for each in missing)}.",
            next_step=f"See the fields with: eventwire services {service.name}",
        )
    for each in missing:
        values[each.name] = ask_setting(session, each, None)
    return CredentialSet(values, read_secret_flags(session, service, secrets, f"--{environment}-secret"))
