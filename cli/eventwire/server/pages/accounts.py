"""The service accounts' page: how each stands, and never a secret."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from starlette.responses import Response

from eventwire.engine.stored import decode
from eventwire.journal.rows import Row
from eventwire.project.model import ENVIRONMENTS, ServiceAccount
from eventwire.server.pages.counts import Count, counts_of
from eventwire.server.pages.site import Site, Visit
from eventwire.services.catalog import find_service

MOST_LETTERS = 50
"""So many dead letters are looked through for what last went wrong."""


class Failed(Struct, frozen=True):
    """What last went wrong through an account, and when."""

    at: float
    message: str


class Side(Struct, frozen=True):
    """An account in one environment."""

    environment: str
    settings: Mapping[str, Any] | None
    """Those that are no secret; None where there are none."""
    circuit: str
    """`closed`, `open`, `half-open`."""
    row: Row | None
    count: Count
    failed: Failed | None


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
    failed = {each: await asyncio.to_thread(failures, site, each) for each in ENVIRONMENTS}
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
                    latest(states.get((account.name, environment)), failed[environment].get(account.name)),
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


def failures(site: Site, environment: str) -> dict[str, Failed]:
    """The newest failure through each account, of the newest dead letters."""
    found: dict[str, Failed] = {}
    letters = site.timeline.dead_letters(
        environment=environment, event=None, status="failed", before=None, limit=MOST_LETTERS
    )
    for run, actions in letters:
        for each in actions:
            message = (decode(each["error"]) or {}).get("message")
            if message:
                found.setdefault(each["service_account"], Failed(run["received_at"], message))
    return found


def latest(row: Row | None, failed: Failed | None) -> Failed | None:
    """The later of what paused an account and of what failed through it."""
    paused = Failed(row["changed_at"], row["last_error"]) if row and row["last_error"] else None
    return max(filter(None, (paused, failed)), key=lambda each: each.at, default=None)


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
