"""Connecting to every service account of a project: for `check --online` and `doctor`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from eventwire.accounts.lookup import find_credentials
from eventwire.errors import EventwireError, Problem
from eventwire.project.model import Project, ServiceAccount
from eventwire.services.catalog import find_service
from eventwire.terminal.account_flow import ENVIRONMENTS, ask_server
from eventwire.terminal.session import Session


class Answered(Struct, frozen=True):
    """What came of connecting to one account in one environment."""

    account: ServiceAccount
    environment: str
    answer: str | None
    error: EventwireError | None


def connect_to_all(session: Session, project: Project) -> list[Answered]:
    """Connect to every account in every environment it has, all at once."""
    pairs = [
        (account, environment)
        for account in project.accounts.values()
        for environment in ENVIRONMENTS
        if account.settings(environment) is not None
    ]

    async def connect_all() -> list[Answered]:
        return list(await asyncio.gather(*(connect(session, project, *pair) for pair in pairs)))

    with session.waiting("Connecting to the service accounts …"):
        return asyncio.run(connect_all())


async def connect(session: Session, project: Project, account: ServiceAccount, environment: str) -> Answered:
    """Connect to one account."""
    service = find_service(account.service)
    try:
        credentials = await asyncio.to_thread(
            find_credentials,
            service,
            account.settings(environment),
            project=project.name,
            account=account.name,
            environment=environment,
            environ=session.environ,
            base=project.folder,
        )
        return Answered(account, environment, await ask_server(service, credentials, service.verify), None)
    except EventwireError as error:
        return Answered(account, environment, None, error)


def check_online(session: Session, project: Project) -> Sequence[Problem]:
    """A problem for each account that does not connect."""
    return [
        Problem(
            "unreachable",
            f'The service account "{each.account.name}" does not connect in {each.environment}: {each.error.message}',
            project.document.place(("service-accounts", each.account.name)),
            each.error.next_step,
        )
        for each in connect_to_all(session, project)
        if each.error is not None
    ]
