"""Payload values as PostgreSQL's types: JSON has no dates, decimals or UUIDs, columns do.

The server says which type each parameter of a prepared statement has; a value is converted to that, and one that cannot
be is an error that says why, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from eventwire.errors import Rejected
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.language.payloads import encode_json

Converter = Callable[[Any], Any]

SHOWN_ROWS = 100  # of what a statement returns

ZERO = lazy_pattern(r"(?<!\\)(?:\\\\)*\\u0000")  # and not an escaped backslash before u0000
TRUE_AND_FALSE = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


class Parameters(NamedTuple):
    """A statement's parameters, in order: their types' names, and what makes a value one of each type."""

    kinds: Sequence[str]
    converters: Sequence[Converter]


def parameters_of(types: Sequence[Any]) -> Parameters:
    """A statement's parameters, from the types that the server says they have; types unknown here get text, which the driver
    may take.
    """
    kinds = [each.name for each in types]
    return Parameters(kinds, [converter_of(kind) for kind in kinds])


def converter_of(kind: str) -> Converter:
    """What makes a value one of a type."""
    if kind.endswith("[]"):
        return partial(to_array, converter=converter_of(kind[:-2]))
    return CONVERTERS.get(kind, to_text)


def convert(values: Sequence[Any], parameters: Parameters) -> list[Any]:
    """The values as the types that the server expects. Raises Rejected for one that does not fit."""
    kinds, converters = parameters
    if len(values) != len(kinds):
        raise Rejected(
            f"The statement has {len(kinds)} parameters, but {len(values)} wildcards.",
            next_step="Write wildcards where values belong, and no $1 of your own.",
        )
    converted, at = [], 0
    try:
        for at, value in enumerate(values):
            converted.append(None if value is None else converters[at](value))
    except (ValueError, ArithmeticError, TypeError) as error:
        reason = f": {error}" if isinstance(error, Unfit) else ""
        raise Rejected(f"Parameter {at + 1}, {shown(values[at])}, is no {kinds[at]}{reason}.") from None
    return converted


class Unfit(ValueError):
    """Says why a value does not fit."""


def to_array(value: Any, converter: Converter) -> list[Any]:
    """A list as an array; a single value is no array."""
    if not isinstance(value, list | tuple):
        raise Unfit("an array is needed")
    return [
        None if each is None else to_array(each, converter) if isinstance(each, list) else converter(each)
        for each in value
    ]


def to_text(value: Any) -> str:
    """Text as it is, numbers and truth values as JSON writes them, structures as JSON."""
    text = value if isinstance(value, str) else encode_json(value)
    if "\0" in text:
        raise Unfit("PostgreSQL cannot store U+0000 in text")
    return text


def to_integer(value: Any) -> int:
    """An integer, also where it comes as text or as a number without a fraction."""
    if type(value) is int:
        return value
    if isinstance(value, bool):
        raise Unfit("a truth value is no number")
    if isinstance(value, str):
        return int(value)
    if value != int(value):
        raise Unfit("it has a fraction")
    return int(value)


def to_float(value: Any) -> float:
    """A floating-point number."""
    if isinstance(value, bool):
        raise Unfit("a truth value is no number")
    return float(value)


def to_decimal(value: Any) -> Decimal:
    """A number with all its digits."""
    if isinstance(value, bool):
        raise Unfit("a truth value is no number")
    return Decimal(repr(value) if isinstance(value, float) else value)


def to_boolean(value: Any) -> bool:
    """A truth value, also as the texts that PostgreSQL takes for one."""
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if text not in TRUE_AND_FALSE:
        raise Unfit("it is not true or false")
    return TRUE_AND_FALSE[text]


def to_json(value: Any) -> str:
    """JSON text; PostgreSQL's jsonb cannot hold U+0000."""
    text = encode_json(value)
    if ZERO.search(text):
        raise Unfit("PostgreSQL cannot store U+0000 in JSON")
    return text


def to_timestamp_with_zone(value: Any) -> datetime:
    """A point in time; one without an offset is UTC."""
    moment = to_timestamp(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def to_local_timestamp(value: Any) -> datetime:
    """A date and time without a zone; one with an offset is given in UTC."""
    moment = to_timestamp(value)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def to_timestamp(value: Any) -> datetime:
    """ISO 8601, or seconds since 1970."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return datetime.fromtimestamp(float(value), UTC)
    return datetime.fromisoformat(value)


def to_date(value: Any) -> date:
    """ISO 8601; of a date and time the date."""
    return date.fromisoformat(value) if len(value) <= 10 else datetime.fromisoformat(value).date()


def to_interval(value: Any) -> str:
    """A length of time as the server reads it, `3 days` or `P1Y2M`; a number is seconds."""
    if isinstance(value, bool):
        raise Unfit("a truth value is no length of time")
    return f"{to_decimal(value):f} seconds" if isinstance(value, int | float | Decimal) else to_text(value)


def to_bytes(value: Any) -> bytes:
    """The text's bytes in UTF-8."""
    return to_text_with_zero(value).encode()


def to_text_with_zero(value: Any) -> str:
    """Text, U+0000 allowed."""
    return value if isinstance(value, str) else encode_json(value)


CONVERTERS: Mapping[str, Converter] = {
    "int2": to_integer,
    "int4": to_integer,
    "int8": to_integer,
    "oid": to_integer,
    "float4": to_float,
    "float8": to_float,
    "numeric": to_decimal,
    "bool": to_boolean,
    "json": to_json,
    "jsonb": to_json,
    "timestamptz": to_timestamp_with_zone,
    "timestamp": to_local_timestamp,
    "date": to_date,
    "time": time.fromisoformat,
    "timetz": time.fromisoformat,
    "interval": to_interval,
    "uuid": UUID,
    "bytea": to_bytes,
}


def shown(value: Any) -> str:
    """A value for an error, cut where it is long."""
    text = encode_json(value)
    return text if len(text) <= 60 else text[:59] + "…"


def readable(value: Any) -> Any:
    """What the server returned, as JSON data."""
    if isinstance(value, Mapping):
        return {str(name): readable(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [readable(each) for each in value]
    if value is None or isinstance(value, bool | int | float | Decimal | str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, date | time) else str(value)


def response_of(status: str, rows: Sequence[Any]) -> dict[str, Any]:
    """How many rows were touched, and what the statement returned."""
    count = status.rpartition(" ")[2]
    response: dict[str, Any] = {"status": status, "rows": int(count) if count.isdigit() else 0}
    if rows:
        response["returned"] = [readable(dict(row)) for row in rows[:SHOWN_ROWS]]
    return response
