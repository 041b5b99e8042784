"""Which services there are, and how to find one by its name.

Built-in services are found by their file; others by the entry-point group `eventwire.services`, which is searched only
where a name is not built in or the whole catalogue is asked for.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING

from eventwire.errors import EventwireError, UsageError, did_you_mean

if TYPE_CHECKING:
    from eventwire.services.declare import Service

BUILT_IN = ("file", "http", "postgresql", "redis", "slack", "smtp", "sqlite", "stripe")
ENTRY_POINTS = "eventwire.services"


class UnknownService(UsageError):
    """No service of that name is installed."""

    code = "unknown-service"


@cache
def find_service(name: str) -> Service:
    """The service of that name. Raises UnknownService."""
    if name in BUILT_IN:
        service: Service = importlib.import_module(f"eventwire.services.{name}").SERVICE
        return service
    found = outside_services().get(name)
    if found is None:
        raise UnknownService(
            f'There is no service called "{name}".',
            next_step=did_you_mean(name, service_names()) or "See them all with: eventwire services",
        )
    return found


def service_names() -> list[str]:
    """The names of every service, built in and from outside, sorted."""
    return sorted({*BUILT_IN, *outside_services()})


@cache
def outside_services() -> dict[str, Service]:
    """Services of other packages, by name. A package whose service cannot be loaded is an error that names it."""
    # importlib.metadata takes 10 ms to import, and most commands name built-in services only
    from importlib.metadata import entry_points

    return {entry.name: load_service(entry) for entry in entry_points(group=ENTRY_POINTS)}


def load_service(entry: object) -> Service:
    """The service behind an entry point. Raises EventwireError."""
    from eventwire.services.declare import Service

    name = getattr(entry, "name", "?")
    try:
        service = entry.load()  # type: ignore[attr-defined]
    except Exception as error:
        raise EventwireError(
            f'The service "{name}" of an installed package cannot be loaded: {error}',
            next_step="Upgrade or uninstall that package.",
        ) from error
    if not isinstance(service, Service):
        raise EventwireError(
            f'The service "{name}" of an installed package is not a Service.',
            next_step="Upgrade or uninstall that package.",
        )
    return service
