"""Pipes: what shapes a wildcard's value on its way, as in `{amount | default: 0 | round: 2}`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from msgspec import Struct

from eventwire.language.dates import read_instant
from eventwire.language.numbers import is_number, to_decimal
from eventwire.language.paths import MISSING
from eventwire.language.payloads import encode_json
from eventwire.language.properties import Kind, Property


class Misfit(ValueError):
    """A value is none that a pipe can take; says what it takes."""


class PipeKind(Struct, frozen=True):
    """A pipe that can be named in a wildcard."""

    name: str
    help: str
    run: Callable[[Any, Any], Any]
    """Value and argument to the new value. Raises Misfit. Only `default` is ever given MISSING."""
    result: Callable[[Property, Any], Property]
    """The property that comes out, for checking."""
    takes: frozenset[Kind]
    """The kinds of values that may go in."""
    check_argument: Callable[[Any], str | None]
    """What is wrong with an argument, as `takes …`, or None. MISSING stands for no argument."""


def _default(value: Any, argument: Any) -> Any:
    return argument if value is MISSING or value is None else value


def _default_result(each: Property, argument: Any) -> Property:
    own = _kind_of(argument)
    same = each.kind is own or (each.kind is Kind.NUMBER and own is Kind.INTEGER) or argument is None
    texts = (Kind.STRING, Kind.DATE, Kind.DATE_TIME)
    kind = each.kind if same else Kind.STRING if own is Kind.STRING and each.kind in texts else Kind.ANY
    return Property(kind, optional=argument is None, properties=each.properties, items=each.items)


def _kind_of(value: Any) -> Kind:
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, str):
        return Kind.STRING
    if isinstance(value, int):
        return Kind.INTEGER
    return Kind.NUMBER if is_number(value) else Kind.ANY


def _text_pipe(name: str, help: str, change: Callable[[str], str]) -> PipeKind:
    def run(value: Any, argument: Any) -> str:
        if not isinstance(value, str):
            raise Misfit("takes text")
        return change(value)

    return PipeKind(name, help, run, _gives(Kind.STRING), _TEXTS, _no_argument)


def _gives(kind: Kind) -> Callable[[Property, Any], Property]:
    return lambda each, argument: Property(kind, optional=each.optional)


def _json(value: Any, argument: Any) -> str:
    return encode_json(value)


def _date(value: Any, argument: Any) -> str:
    instant = read_instant(value)
    if instant is None:
        raise Misfit("takes a date or date-time")
    return instant.strftime(argument)


def _round(value: Any, argument: Any) -> Any:
    if not is_number(value):
        raise Misfit("takes a number")
    from decimal import ROUND_HALF_UP, Context, Decimal

    exact = to_decimal(value).quantize(Decimal(1).scaleb(-argument), ROUND_HALF_UP, Context(prec=20_000))
    return exact if argument or exact.adjusted() > 4000 else int(exact)


def _round_result(each: Property, argument: Any) -> Property:
    return Property(Kind.NUMBER if argument else Kind.INTEGER, optional=each.optional)


def _no_argument(argument: Any) -> str | None:
    return None if argument is MISSING else "takes no argument"


def _any_argument(argument: Any) -> str | None:
    return 'takes a value: default: 0, default: "none"' if argument is MISSING else None


def _date_argument(argument: Any) -> str | None:
    if not isinstance(argument, str) or not argument:
        return 'takes a format in quotes: date: "%Y-%m-%d"'
    try:
        date(2026, 11, 23).strftime(argument).encode()
    except (ValueError, UnicodeEncodeError):
        return 'takes a format that exists, as in date: "%Y-%m-%d"'
    return None


def _round_argument(argument: Any) -> str | None:
    if isinstance(argument, int) and not isinstance(argument, bool) and 0 <= argument <= 20:
        return None
    return "takes how many decimals to keep, from 0 to 20: round: 2"


_TEXTS = frozenset({Kind.STRING, Kind.DATE, Kind.DATE_TIME, Kind.ANY})
_NUMBERS = frozenset({Kind.INTEGER, Kind.NUMBER, Kind.ANY})
_EVERYTHING = frozenset(Kind)

PIPES: Mapping[str, PipeKind] = {
    each.name: each
    for each in (
        PipeKind(
            "default",
            "stands in where the property is missing or null",
            _default,
            _default_result,
            _EVERYTHING,
            _any_argument,
        ),
        PipeKind("json", "writes the value as JSON text", _json, _gives(Kind.STRING), _EVERYTHING, _no_argument),
        _text_pipe("upper", "writes text in capitals", str.upper),
        _text_pipe("lower", "writes text in small letters", str.lower),
        _text_pipe("trim", "takes the space off both ends of a text", str.strip),
        PipeKind("date", "writes a date in a format of your own", _date, _gives(Kind.STRING), _TEXTS, _date_argument),
        PipeKind("round", "rounds a number to so many decimals", _round, _round_result, _NUMBERS, _round_argument),
    )
}
