"""How far a clause was from holding: "amount is 99.5, 0.5 short of > 100"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from eventwire.language.casts import to_number, to_text
from eventwire.language.dates import read_instant
from eventwire.language.formatting import format_literal, format_name
from eventwire.language.numbers import is_number, to_decimal
from eventwire.language.paths import MISSING
from eventwire.language.patterns import split_like
from eventwire.language.payloads import encode_json
from eventwire.language.syntax import Between, Comparison, Contains, Expression, In, Like, Literal, Name

LONGEST_TEXT = 200
"""Texts are compared letter by letter up to this length."""


class NearMiss(NamedTuple):
    """How far a value was from what a clause asks for."""

    text: str
    """For a sentence that begins with the property: `is 99.5, 0.5 short of > 100`."""
    distance: float | None = None
    """The same as a number, where there is one: a difference, or seconds between points in time."""


def near_miss(clause: Expression, actual: Any, is_date: bool) -> NearMiss | None:
    """What a clause that does not hold was short of; None where there is no nearer and farther.

    `actual` is the value of the property that the clause names; `is_date` says whether the model has it as a date.
    """
    match clause:
        case Comparison(operator=operator, left=Name(), right=Literal(value=wanted)):
            return _of_comparison(operator, actual, wanted, is_date)
        case Comparison(operator=operator, left=Literal(value=wanted), right=Name()):
            return _of_comparison(_FLIPPED[operator], actual, wanted, is_date)
        case Between(operand=Name(), low=Literal(value=low), high=Literal(value=high), negated=False):
            return _of_range(actual, low, high, is_date)
        case In(operand=Name(), negated=False) if all(isinstance(item, Literal) for item in clause.items):
            return _of_list(actual, [item.value for item in clause.items if isinstance(item, Literal)], is_date)
        case Like(operand=Name(), negated=False):
            return _of_pattern(actual, clause.pattern)
        case Contains(item=Literal(value=wanted), negated=False) if isinstance(actual, list):
            return _of_elements(actual, wanted)
    return None


def sentence(clause: Expression, miss: NearMiss) -> str:
    """A near miss with its property: `amount is 99.5, 0.5 short of > 100`."""
    name = next((each for each in _sides(clause) if isinstance(each, Name)), None)
    return f"{format_name(name)} {miss.text}" if name is not None else miss.text


def _sides(clause: Expression) -> tuple[Expression, ...]:
    return (clause.left, clause.right) if isinstance(clause, Comparison) else (getattr(clause, "operand", clause),)


_FLIPPED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _of_comparison(operator: str, actual: Any, wanted: Any, is_date: bool) -> NearMiss | None:
    asked = f"{operator} {format_literal(wanted)}"
    if operator == "!=":
        return NearMiss(f"is {shown(actual)}, exactly what {asked} excludes")
    if operator == "=":
        return _of_list(actual, [wanted], is_date)
    return _distance(actual, wanted, is_date, asked, above=operator in ("<", "<="))


def _distance(actual: Any, wanted: Any, is_date: bool, asked: str, *, above: bool) -> NearMiss | None:
    """A difference in numbers or in time; None where neither can be told."""
    one, other = to_number(actual), to_number(wanted)
    if not is_date and one is not MISSING and other is not MISSING:
        difference = abs(to_decimal(one) - to_decimal(other))
        if not difference:
            return NearMiss(f"is {shown(actual)}, which {asked} excludes", 0.0)
        return NearMiss(
            f"is {shown(actual)}, {format(difference.normalize(), 'f')} {'above' if above else 'short of'} {asked}",
            float(difference),
        )
    moment, limit = read_instant(actual), read_instant(wanted)
    if moment is None or limit is None:
        return NearMiss(f"is {shown(actual)}, which is no date") if is_date else None
    apart = abs(moment - limit)
    if not apart:
        return NearMiss(f"is {shown(actual)}, which {asked} excludes", 0.0)
    return NearMiss(
        f"is {shown(actual)}, {duration(apart)} {'after' if above else 'before'} {asked}", apart.total_seconds()
    )


def _of_range(actual: Any, low: Any, high: Any, is_date: bool) -> NearMiss | None:
    asked = f"{format_literal(low)} AND {format_literal(high)}"
    below = _distance(actual, low, is_date, f"BETWEEN {asked}", above=False)
    over = _distance(actual, high, is_date, f"BETWEEN {asked}", above=True)
    if below is None or over is None or below.distance is None or over.distance is None:
        return None
    return below if below.distance < over.distance else over


def _of_list(actual: Any, wanted: Sequence[Any], is_date: bool) -> NearMiss | None:
    """The value that is nearest: in time, in number, or letter by letter."""
    far = [
        (miss.distance, value)
        for value in wanted
        if (miss := _distance(actual, value, is_date, "", above=False)) is not None and miss.distance is not None
    ]
    if far and (is_date or is_number(actual)):
        distance, nearest = min(far, key=lambda pair: pair[0])
        apart = duration(timedelta(seconds=distance)) if is_date else _plain(actual, nearest)
        return NearMiss(f"is {shown(actual)}, {apart} from {format_literal(nearest)}", distance)
    texts = [value for value in wanted if isinstance(value, str)]
    return _of_texts(actual, texts) if isinstance(actual, str) else None


def _plain(one: Any, other: Any) -> str:
    return format(abs(to_decimal(to_number(one)) - to_decimal(to_number(other))).normalize(), "f")


def _of_texts(actual: str, wanted: Sequence[str]) -> NearMiss | None:
    """How a text differs from the one that is most like it; None where none is."""
    for value in wanted:
        if actual.casefold() == value.casefold():
            return NearMiss(f"is {shown(actual)}, which differs from {format_literal(value)} in upper and lower case")
        if actual.split() == value.split():
            return NearMiss(f"is {shown(actual)}, which differs from {format_literal(value)} in white space")
    if len(actual) > LONGEST_TEXT:
        return None
    from difflib import get_close_matches

    short = [value for value in wanted[:1000] if len(value) <= LONGEST_TEXT]
    close = get_close_matches(actual, short, n=1, cutoff=0.7)
    return NearMiss(f"is {shown(actual)}, close to {format_literal(close[0])}") if close else None


def _of_pattern(actual: Any, pattern: str) -> NearMiss | None:
    """How far a text follows a pattern."""
    text = to_text(actual)
    if text is MISSING:
        return None
    from eventwire.language.patterns import compile_like

    if compile_like(pattern.casefold())(text.casefold()):
        return NearMiss(f"is {shown(actual)}, which differs from {format_literal(pattern)} in upper and lower case")
    first = split_like(pattern)[0]
    begins = next((i for i, char in enumerate(first) if text[i : i + 1] != char and char is not None), len(first))
    if not begins:
        return None
    return NearMiss(f"is {shown(actual)}, which follows the pattern up to {format_literal(text[:begins])}")


def _of_elements(actual: list[Any], wanted: Any) -> NearMiss | None:
    texts = [each for each in actual if isinstance(each, str)]
    if not isinstance(wanted, str):
        return None
    for each in texts:
        if (miss := _of_texts(each, [wanted])) is not None:
            return NearMiss(miss.text.replace("is ", "has ", 1))
    return None


def shown(value: Any) -> str:
    """A value as JSON, shortened."""
    text = encode_json(value)
    return text if len(text) <= 60 else text[:59] + "…"


def duration(apart: timedelta) -> str:
    """A length of time in its two largest units: `2 days 3 hours`."""
    seconds = apart.total_seconds()
    if seconds < 1:
        return f"{seconds:.3f}".rstrip("0") + " seconds"
    left = int(seconds)
    parts = []
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count:,} {unit}{'s' * (count != 1)}")
    return " ".join(parts[:2])
