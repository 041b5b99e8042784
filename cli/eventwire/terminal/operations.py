"""An action on its way in: which operation, and its fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from eventwire.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from eventwire.services.declare import Operation, Service
    from eventwire.terminal.account_flow import NewAccount


class NewAction(NamedTuple):
    """An action that is not in the project yet."""

    event: str
    filter: str
    name: str
    account: str
    operation: Operation
    fields: Mapping[str, Any]
    new_account: NewAccount | None = None
    """The account it goes through, where that is not in the project yet either."""


def find_operation(service: Service, name: str) -> Operation:
    """The service's operation of that name. Raises UsageError."""
    operation = service.operation(name)
    if operation is None:
        names = [each.name for each in service.operations]
        raise UsageError(
            f'{service.label} has no action "{name}".',
            next_step=did_you_mean(name, names) or f"It has: {', '.join(names)}",
        )
    return operation


def missing_fields(operation: Operation, fields: Mapping[str, Any]) -> list[str]:
    """The required fields that are not given."""
    declared = {each.name: each for each in operation.fields}
    return [
        each.name
        for each in operation.fields
        if each.required and each.default is None and each.applies(fields, declared) and each.name not in fields
    ]
