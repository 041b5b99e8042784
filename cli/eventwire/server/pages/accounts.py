"""The service accounts' page: how each stands, and never a secret."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from starlette.responses import Response

from eventwire.journal.rows import Row
from eventwire.project.model import ENVIRONMENTS, ServiceAccount
from eventwire.server.pages.counts import Count, counts_of
from eventwire.server.pages.site import Site, Visit
from eventwire.services.catalog import find_service


class Side(Struct, frozen=True):
    """An account in one environment."""

    environment: str
    settings: Mapping[str, Any] | None
    """Those that are no secret; None where there are none."""
    circuit: str
    """`closed`, `open`, `half-open`."""
    row: Row | None
    count: Count


class Shown(Struct, frozen=True):
    """An account with both its sides."""

    account: ServiceAccount
    label: str
    sides: list[Side]
    used_by: list[str]


async def show(site: Site, visit: Visit) -> Response:
    """`GET /accounts`."""
    project = site.runner.project
    states = {(row["name"], row["environment"]): row for row in site.runner.journal.account_states()}
    began = time.time()
    counts = {each: await counts_of(site, each) for each in ENVIRONMENTS}
    shown = [
        Shown(
            account,
            find_service(account.service).label,
            [
                Side(
                    environment,
                    plain_settings(account, environment),
                    circuit_of(states.get((account.name, environment))),
                    states.get((account.name, environment)),
                    counts[environment].accounts.get(account.name, Count()),
                )
                for environment in ENVIRONMENTS
            ],
            [
                f"{each.event} / {each.filter} / {each.name}"
                for each in project.actions()
                if each.account == account.name
            ],
        )
        for account in project.accounts.values()
    ]
    return site.page(visit, "accounts.html", accounts=shown, again=counts[visit.environment].again_seconds(began))


def plain_settings(account: ServiceAccount, environment: str) -> dict[str, Any] | None:
    """The settings that the service declares as no secret: anything else is not shown."""
    settings = account.settings(environment)
    if settings is None:
        return None
    known = {field.name for field in find_service(account.service).fields if not field.secret}
    return {name: value for name, value in settings.items() if name in known}


def circuit_of(row: Row | None) -> str:
    """How an account's circuit stands: one that was never open is closed."""
    return str(row["state"]) if row else "closed"
