"""A model given by flags: `--property NAME:TYPE`."""

from __future__ import annotations

from typing import Any

from eventwire.errors import UsageError


def model_of_flags(properties: tuple[str, ...]) -> dict[str, Any]:
    """The model of `--property NAME:TYPE` flags; a dotted name is a property of an object. Raises UsageError."""
    model: dict[str, Any] = {}
    for each in properties:
        path, separator, kind = each.rpartition(":")
        if not separator or not path or not kind:
            raise UsageError(f'--property "{each}" is not NAME:TYPE.', next_step="For example: --property id:integer")
        place = model
        *parents, name = path.split(".")
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise UsageError(f'--property "{each}" puts a property into one that is no object.')
        if name in place:
            raise UsageError(f'--property "{path}" is given twice.')
        place[name] = kind
    return model
