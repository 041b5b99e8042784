"""The operators that fit a property, for building a condition step by step."""

from __future__ import annotations

from msgspec import Struct

from eventwire.language.properties import Kind, Property


class Operator(Struct, frozen=True):
    """One operator that a prompt can offer."""

    symbol: str
    """As conditions write it: `>=`, `NOT LIKE`."""
    label: str
    """What it asks, in a few words: `is at least`."""
    takes: str
    """What follows it: `value`, `values` (a list in parentheses), `pair` (BETWEEN), `pattern`, or `nothing`."""
    kind: Kind = Kind.ANY
    """The kind of the values that it takes."""


_EQUALITY = (("=", "is", "value"), ("!=", "is not", "value"))
_LISTS = (("IN", "is one of", "values"), ("NOT IN", "is none of", "values"))
_ORDER = ((">", "is more than"), (">=", "is at least"), ("<", "is less than"), ("<=", "is at most"))
_TIME_ORDER = ((">", "is after"), (">=", "is at or after"), ("<", "is before"), ("<=", "is at or before"))
_TEXT = (
    ("LIKE", "is like (% stands for anything, _ for one character)", "pattern"),
    ("NOT LIKE", "is not like", "pattern"),
    ("MATCHES", "matches the regular expression", "pattern"),
)
_PRESENCE = (("IS NULL", "is missing or null", "nothing"), ("IS NOT NULL", "has a value", "nothing"))


def operators_for(each: Property) -> list[Operator]:
    """The operators that fit a property, the likeliest first."""
    kind = _operand_kind(each)
    found = [Operator(symbol, label, takes, kind) for symbol, label, takes in _for_kind(each.kind)]
    if each.enum is not None:
        found = [operator for operator in found if operator.takes in ("value", "values")]
    if each.optional:
        found += [Operator(*parts) for parts in _PRESENCE]
    return found


def _operand_kind(each: Property) -> Kind:
    if each.kind is Kind.ARRAY:
        return each.items.kind if each.items else Kind.ANY
    return each.kind


def _for_kind(kind: Kind) -> list[tuple[str, str, str]]:
    if kind in (Kind.INTEGER, Kind.NUMBER, Kind.DATE, Kind.DATE_TIME):
        order = _ORDER if kind in (Kind.INTEGER, Kind.NUMBER) else _TIME_ORDER
        ordered = [(symbol, label, "value") for symbol, label in order]
        return [*_EQUALITY, *ordered, ("BETWEEN", "is between", "pair"), *_LISTS]
    if kind is Kind.BOOLEAN:
        return [*_EQUALITY]
    if kind is Kind.ARRAY:
        return [("CONTAINS", "contains", "value"), ("NOT CONTAINS", "does not contain", "value")]
    if kind is Kind.OBJECT:
        return []
    return [*_EQUALITY, *_LISTS, *_TEXT]
