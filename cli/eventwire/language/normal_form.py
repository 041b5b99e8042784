"""Conditions in disjunctive normal form, as far as an index or a proof can use them.

A condition holds where one of its conjunctions holds. A conjunction keeps the clauses that say something plain about one
property: it is one of some values, lies in a range, begins with a text, is there. What cannot be put so plainly is left
out, and the conjunction is then no longer `exact`: where all its clauses hold, the condition may hold.

Each clause speaks of values of one domain (text, numbers, booleans, instants) and is exact for those. For a value of
another type it says nothing: casts are the condition's own matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypeAlias, TypeVar

from msgspec import Struct

from eventwire.language.dates import read_instant
from eventwire.language.paths import Path
from eventwire.language.patterns import split_like
from eventwire.language.properties import Kind, Model
from eventwire.language.roots import find_name
from eventwire.language.syntax import (
    And,
    Arithmetic,
    Between,
    Call,
    Comparison,
    Exists,
    Expression,
    In,
    IsNull,
    Like,
    Literal,
    Name,
    Negate,
    Not,
    Or,
)

MOST_CONJUNCTIONS = 16
"""A condition with more is not spread out any further: the part that would grow too large is left out."""
LARGEST_EXACT_FLOAT = 2.0**53

Key: TypeAlias = tuple[str, Path]
"""A property: the root of its name (`payload` or `event`), and its path."""


class Domain(StrEnum):
    """The values that a clause speaks of."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    INSTANT = "instant"
    """Dates and date-times, as points in time."""
    ANY = "any"


class Clause(Struct, frozen=True):
    """Something plain about one property."""

    key: Key
    domain: Domain


class OneOf(Clause, frozen=True):
    """The property is one of some values."""

    values: frozenset[Any]


class Range(Clause, frozen=True):
    """The property lies between two bounds, or on one side of one."""

    low: Any = None
    """None where it is not bounded from below."""
    high: Any = None
    low_open: bool = False
    """Whether `low` itself is outside."""
    high_open: bool = False


class Prefix(Clause, frozen=True):
    """The property begins with a text."""

    text: str


class Present(Clause, frozen=True):
    """The property is there, even if it is null."""


class Conjunction(Struct, frozen=True):
    """Clauses that hold together, at most one of each kind for a property's domain."""

    clauses: tuple[Clause, ...]
    exact: bool
    """Whether the condition holds wherever the clauses do, for values of their domains."""


def normal_form(tree: Expression, model: Model | None) -> tuple[Conjunction, ...]:
    """The conjunctions of which one has to hold; one without clauses may always hold."""
    return tuple(_conjunction(parts) for parts in ClauseReader(model).spread(tree))


T = TypeVar("T")


class Spreader(Generic[T]):
    """Writes a condition as conjunctions, each a list of what `atom` makes of its parts; None for what is left out."""

    def atom(self, node: Expression, negated: bool) -> T | None:
        """What a part that no AND, OR or NOT joins says; None where nothing is made of it."""
        raise NotImplementedError

    def one_of_either(self, alternatives: list[T]) -> list[T]:
        """Alternatives that can be said as fewer."""
        raise NotImplementedError

    def spread(self, node: Expression, negated: bool = False) -> list[list[T | None]]:
        """A condition's conjunctions."""
        if isinstance(node, Not) and not isinstance(node.operand, (Name, Literal, Negate, Arithmetic, Call)):
            return self.spread(node.operand, not negated)
        if isinstance(node, (And, Or)):
            operands = [self.spread(each, negated) for each in node.operands]
            return self._any_of(operands) if isinstance(node, Or) is not negated else self._all_of(operands)
        return [[self.atom(node, negated)]]

    def _all_of(self, operands: list[list[list[T | None]]]) -> list[list[T | None]]:
        """Every combination of the operands' conjunctions, without operands that would make them too many."""
        found: list[list[T | None]] = [[]]
        for operand in operands:
            if len(found) * len(operand) > MOST_CONJUNCTIONS:
                found = [[*parts, None] for parts in found]
            else:
                found = [[*parts, *more] for parts in found for more in operand]
        return found

    def _any_of(self, operands: list[list[list[T | None]]]) -> list[list[T | None]]:
        """The operands' conjunctions side by side."""
        every = [parts for operand in operands for parts in operand]
        single = [parts[0] for parts in every if len(parts) == 1 and parts[0] is not None]
        found = [parts for parts in every if len(parts) != 1 or parts[0] is None]
        found += [[each] for each in self.one_of_either(single)]
        return found if len(found) <= MOST_CONJUNCTIONS else [[None]]


class ClauseReader(Spreader["Clause"]):
    """Reads conditions against one model as clauses."""

    def __init__(self, model: Model | None) -> None:
        self.model = model

    def atom(self, node: Expression, negated: bool) -> Clause | None:
        return None if negated else self.clause(node)

    def one_of_either(self, alternatives: list[Clause]) -> list[Clause]:
        """Several values of one property as one list of values."""
        values: dict[tuple[Key, Domain], set[Any]] = {}
        others: list[Clause] = []
        for each in alternatives:
            if isinstance(each, OneOf):
                values.setdefault((each.key, each.domain), set()).update(each.values)
            else:
                others.append(each)
        return others + [OneOf(key, domain, frozenset(listed)) for (key, domain), listed in values.items()]

    # Clauses

    def clause(self, node: Expression) -> Clause | None:
        """What a part of a condition says plainly; None where it says it otherwise."""
        match node:
            case Comparison():
                return self.comparison(node)
            case Between(operand=Name() as name, low=Literal() as low, high=Literal() as high, negated=False):
                return self.range(name, (low.value, False), (high.value, False))
            case In(operand=Name() as name, negated=False):
                return self.one_of(name, node.items)
            case Like(operand=Name() as name, negated=False):
                return self.like(name, node.pattern)
            case Exists():
                return Present(key_of(node.name), Domain.ANY)
            case IsNull(operand=Name() as name, negated=True):
                return Inexact(key_of(name), Domain.ANY)
            case Name():
                return OneOf(key_of(node), Domain.BOOLEAN, frozenset([True]))
            case Not(operand=Name() as name):
                return OneOf(key_of(name), Domain.BOOLEAN, frozenset([False]))
        return None

    def comparison(self, node: Comparison) -> Clause | None:
        operator = node.operator
        match node.left, node.right:
            case Name() as name, Literal(value=value):
                pass
            case Literal(value=value), Name() as name:
                operator = _FLIPPED[operator]
            case _:
                return None
        if operator == "!=":
            # a date is compared as one, and no boolean is a date
            plain = type(value) is bool and self.kind(name) not in DATES
            return OneOf(key_of(name), Domain.BOOLEAN, frozenset([not value])) if plain else None
        if operator == "=":
            return self.values(name, [value])
        if operator in (">", ">="):
            return self.range(name, (value, operator == ">"), None)
        return self.range(name, None, (value, operator == "<"))

    def one_of(self, name: Name, items: tuple[Expression, ...]) -> Clause | None:
        listed = [item.value for item in items if isinstance(item, Literal)]
        return self.values(name, listed) if len(listed) == len(items) else None

    def values(self, name: Name, values: list[Any]) -> Clause | None:
        """The property is one of these values, all of one domain."""
        if self.kind(name) in DATES:
            instants = [instant for value in values if (instant := read_instant(value)) is not None]
            return OneOf(key_of(name), Domain.INSTANT, frozenset(instants))
        if all(type(value) is str for value in values):
            texts = self.kind(name) in (Kind.STRING, Kind.ANY)
            return OneOf(key_of(name), Domain.TEXT, frozenset(values)) if texts else None
        if all(type(value) is bool for value in values):
            return OneOf(key_of(name), Domain.BOOLEAN, frozenset(values))
        numbers = [plain_number(value) for value in values]
        return None if None in numbers else OneOf(key_of(name), Domain.NUMBER, frozenset(numbers))

    def range(self, name: Name, low: tuple[Any, bool] | None, high: tuple[Any, bool] | None) -> Clause | None:
        """The property lies between these bounds; each with whether it is outside itself."""
        is_date = self.kind(name) in DATES
        bounds = [
            None if bound is None else read_instant(bound[0]) if is_date else plain_number(bound[0])
            for bound in (low, high)
        ]
        if any(bound is not None and found is None for bound, found in zip((low, high), bounds, strict=True)):
            return None
        return Range(
            key_of(name),
            Domain.INSTANT if is_date else Domain.NUMBER,
            bounds[0],
            bounds[1],
            bool(low and low[1]),
            bool(high and high[1]),
        )

    def like(self, name: Name, pattern: str) -> Clause | None:
        segments = split_like(pattern)
        first = segments[0]
        known = first if None not in first else first[: first.index(None)]
        text = "".join(char or "" for char in known)
        whole = len(known) == len(first)
        if whole and len(segments) == 1:
            return OneOf(key_of(name), Domain.TEXT, frozenset([text]))
        if not text:
            return None
        exact = whole and len(segments) == 2 and not segments[1]
        return (Prefix if exact else InexactPrefix)(key_of(name), Domain.TEXT, text)

    def kind(self, name: Name) -> Kind:
        found = find_name(self.model, name.root, name.path)
        return found.kind if found is not None else Kind.ANY


class Inexact(Present, frozen=True):
    """The property has to be there, and more."""


class InexactPrefix(Prefix, frozen=True):
    """The property has to begin with a text, and more."""


DATES = (Kind.DATE, Kind.DATE_TIME)
_FLIPPED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def key_of(name: Name) -> Key:
    """The property that a name means."""
    return name.root, name.path


def plain_number(value: Any) -> int | float | None:
    """A number that Python's own comparisons with integers and floats are right for; None where it is none.

    A decimal is one where a float stands for exactly it: the shortest text of the float says the same.
    """
    if type(value) is int or type(value) is float:
        return value
    if type(value) is not Decimal:
        return None
    number = float(value)
    return number if abs(number) < LARGEST_EXACT_FLOAT and Decimal(repr(number)) == value else None


def _conjunction(parts: list[Clause | None]) -> Conjunction:
    """Parts as a conjunction: ranges of one property as one, and everything else once."""
    clauses = list(_merged(each for each in parts if each is not None))
    exact = None not in parts and not any(isinstance(each, (Inexact, InexactPrefix)) for each in clauses)
    return Conjunction(tuple(clauses), exact)


def _merged(clauses: Iterable[Clause]) -> Iterator[Clause]:
    ranges: dict[tuple[Key, Domain], Range] = {}
    for each in dict.fromkeys(clauses):
        if isinstance(each, Range):
            at = (each.key, each.domain)
            ranges[at] = _both(ranges[at], each) if at in ranges else each
        else:
            yield each
    yield from ranges.values()


def _both(one: Range, other: Range) -> Range:
    """Where two ranges meet."""
    low, low_open = _tighter((one.low, one.low_open), (other.low, other.low_open), lambda a, b: a > b)
    high, high_open = _tighter((one.high, one.high_open), (other.high, other.high_open), lambda a, b: a < b)
    return Range(one.key, one.domain, low, high, low_open, high_open)


def _tighter(one: tuple[Any, bool], other: tuple[Any, bool], is_tighter: Any) -> tuple[Any, bool]:
    if one[0] is None or other[0] is None:
        return other if one[0] is None else one
    if one[0] == other[0]:
        return one[0], one[1] or other[1]
    return one if is_tighter(one[0], other[0]) else other
