"""Values as other types, and compared: CloudEvents SQL 1.0 section 3.7, widened to the values of JSON.

Where a cast fails the result is MISSING, and every comparison with MISSING or null is false.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from eventwire.language.dates import read_instant
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.language.numbers import NumberTooLarge, comparable, is_number, read_decimal, write_number
from eventwire.language.paths import MISSING

_NUMBER = lazy_pattern(r"[+-]?[0-9]{1,4000}(?:\.[0-9]+)?")


def to_text(value: Any) -> Any:
    """A value as text: `true` and `false`, numbers as JSON writes them. Lists and objects have none."""
    if type(value) is str:
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if is_number(value):
        return write_number(value)
    return value.isoformat() if hasattr(value, "isoformat") else MISSING


def to_number(value: Any) -> Any:
    """A value as a number: text that is one, and 1 and 0 for true and false."""
    if type(value) is str:
        if not _NUMBER.fullmatch(value):
            return MISSING
        try:
            return read_decimal(value) if "." in value else int(value)
        except NumberTooLarge:
            return MISSING
    if value is True or value is False:
        return int(value)
    return value if is_number(value) else MISSING


def to_integer(value: Any) -> Any:
    """A value as an integer: a number that has no fraction, or text that is one."""
    number = to_number(value)
    if number is MISSING or type(number) is int:
        return number
    return int(number) if number == int(number) else MISSING


def to_boolean(value: Any) -> Any:
    """A value as a boolean: `true` and `false` in any case as text, and whether a number is other than 0."""
    if value is True or value is False:
        return value
    if type(value) is str:
        return {"true": True, "false": False}.get(value.lower(), MISSING)
    return value != 0 if is_number(value) else MISSING


def equal(left: Any, right: Any) -> bool | None:
    """Whether two values are equal, the left one cast to the type of the right; None where there is no telling."""
    if type(right) is str:
        left = to_text(left)
    elif right is True or right is False:
        left = to_boolean(left)
    elif is_number(right):
        left, right = comparable(to_number(left), right)
    elif type(left) is not type(right) or left is None:
        return None
    return None if left is MISSING else bool(left == right)


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal without any cast: 1 and 1.0 are, 1 and "1" are not."""
    if is_number(left) and is_number(right):
        left, right = comparable(left, right)
        return bool(left == right)
    return type(left) is type(right) and bool(left == right)


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compare(symbol: str, left: Any, right: Any) -> bool:
    """`left symbol right`. False where either is missing or null, or where they cannot be compared."""
    if left is MISSING or right is MISSING:
        return False
    if symbol == "=":
        return equal(left, right) is True
    if symbol == "!=":
        return equal(left, right) is False
    return _ordered(_ORDERS[symbol], left, right)


def _ordered(order: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    """CloudEvents SQL orders numbers only; two dates, which it has no order for, are ordered as instants."""
    one, other = to_number(left), to_number(right)
    if one is not MISSING and other is not MISSING:
        return order(*comparable(one, other))
    return compare_instants(order, left, right) if type(left) is type(right) is str else False


def compare_instants(order: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    """Two dates or date-times compared; false where one is neither."""
    one, other = read_instant(left), read_instant(right)
    return one is not None and other is not None and order(one, other)


OPERATORS: dict[str, Callable[[Any, Any], bool]] = _ORDERS | {"=": operator.eq, "!=": operator.ne}
"""What each comparison does with two values of one type."""
