"""Numbers of payloads and conditions: none loses a digit.

A decimal is a float where the float's shortest text is the text that was written, and a Decimal otherwise, so a float
always stands for the decimal number that it prints as.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from decimal import Decimal

LARGEST_EXPONENT = 6000
"""Larger exponents are refused: writing such a number out would take all memory."""


class NumberTooLarge(ValueError):
    """A number has an exponent or more digits than can be worked with."""


def read_decimal(text: str) -> float | Decimal:
    """A number with a fraction or an exponent, from its text. Raises NumberTooLarge."""
    number = float(text)
    if repr(number) == text and "e" not in text:
        return number
    return _exact(text)


def _exact(text: str) -> Decimal:
    from decimal import Decimal, InvalidOperation

    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise NumberTooLarge(text) from error
    if not -LARGEST_EXPONENT <= number.adjusted() <= LARGEST_EXPONENT or len(text) > 2 * LARGEST_EXPONENT:
        raise NumberTooLarge(text)
    return number


def is_number(value: Any) -> bool:
    """Whether a payload's value is a number. Booleans are none."""
    kind = type(value)
    return kind is int or kind is float or (kind is not bool and kind is not str and kind.__name__ == "Decimal")


def to_decimal(value: Any) -> Decimal:
    """A number as the Decimal that it prints as."""
    from decimal import Decimal

    return Decimal(repr(value)) if type(value) is float else Decimal(value)


def comparable(left: Any, right: Any) -> tuple[Any, Any]:
    """Two numbers so that Python compares them by their decimal values: 0.1 equals 0.10."""
    if type(left) is float and type(right).__name__ == "Decimal":
        return to_decimal(left), right
    if type(right) is float and type(left).__name__ == "Decimal":
        return left, to_decimal(right)
    return left, right


def write_number(value: Any) -> str:
    """A number as JSON writes it."""
    if type(value) is float:
        return repr(value)
    # Python refuses to write integers of more than 4,300 digits; Decimal does not.
    return str(to_decimal(value)) if type(value) is int and value.bit_length() > 14_000 else str(value)
