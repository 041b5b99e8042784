"""Conditions that can never be true, or always are: found from the model and from the condition itself.

Every part says which values of one property it allows. A conjunction that allows none of some property's values can
never hold; a condition whose opposite can never hold always does. Payloads are taken to fit the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from math import ceil, floor
from typing import Any, NamedTuple, TypeAlias

from eventwire.language.dates import read_instant
from eventwire.language.findings import Finding
from eventwire.language.formatting import format_name
from eventwire.language.normal_form import (
    DATES,
    Clause,
    ClauseReader,
    Domain,
    Inexact,
    Key,
    OneOf,
    Prefix,
    Present,
    Range,
    Spreader,
    key_of,
    plain_number,
)
from eventwire.language.paths import format_path
from eventwire.language.properties import Kind, Model, Property
from eventwire.language.roots import find_name
from eventwire.language.syntax import (
    And,
    Between,
    Comparison,
    Exists,
    Expression,
    In,
    IsNull,
    Like,
    Literal,
    Name,
    Or,
    walk,
)

Span: TypeAlias = tuple[Any, bool, Any, bool]
"""Part of an ordered domain: low, whether it is outside, high, whether it is outside; None is unbounded."""

EVERYTHING: Span = (None, True, None, True)
MOST_PARTS = 200
"""Longer conditions are not looked at: nobody contradicts oneself unseen in a generated one."""


class Spans(NamedTuple):
    """A set of numbers, or of points in time: spans in order, apart from each other."""

    spans: tuple[Span, ...]

    def complement(self) -> Spans:
        found: list[Span] = []
        low, low_open = None, True
        for begin, begin_open, end, end_open in self.spans:
            if begin is not None:
                found.append((low, low_open, begin, not begin_open))
            low, low_open = end, not end_open
            if end is None:
                return Spans(tuple(found))
        return Spans((*found, (low, low_open, None, True)))

    def intersect(self, other: Spans) -> Spans:
        met = (_meet(one, another) for one in self.spans for another in other.spans)
        return Spans(tuple(span for span in met if not _is_void(span)))

    def unite(self, other: Spans) -> Spans:
        return self.complement().intersect(other.complement()).complement()

    def is_empty(self, whole: bool) -> bool:
        """Whether no value is left; `whole` where only integers are meant."""
        return all(_is_void(_whole(span) if whole else span) for span in self.spans)


class Listed(NamedTuple):
    """A set of texts or booleans: these values, or all but these."""

    values: frozenset[Any]
    but: bool = False

    def complement(self) -> Listed:
        return Listed(self.values, not self.but)

    def intersect(self, other: Listed) -> Listed:
        if self.but and other.but:
            return Listed(self.values | other.values, True)
        if self.but or other.but:
            plain, without = (other, self) if self.but else (self, other)
            return Listed(plain.values - without.values)
        return Listed(self.values & other.values)

    def unite(self, other: Listed) -> Listed:
        return self.complement().intersect(other.complement()).complement()

    def is_empty(self, whole: bool) -> bool:
        return not self.but and not self.values


ValueSet: TypeAlias = Spans | Listed


class Allowed(NamedTuple):
    """What a part of a condition allows one property to be."""

    key: Key
    values: Any
    """A ValueSet of the property's domain."""
    missing: bool
    """Whether the part also holds where the property is missing or null."""

    def opposite(self) -> Allowed:
        return Allowed(self.key, self.values.complement(), not self.missing)

    def both(self, other: Allowed) -> Allowed:
        return Allowed(self.key, self.values.intersect(other.values), self.missing and other.missing)

    def either(self, other: Allowed) -> Allowed:
        return Allowed(self.key, self.values.unite(other.values), self.missing or other.missing)


CONSTANT: Key = ("", ())
"""Stands for the property of a part that names none."""


def find_decided(tree: Expression, model: Model, text: str) -> list[Finding]:
    """A warning for each smallest part of a condition that can never be true, or always is.

    A condition that is no more than `true` or `false` is meant so: it switches its filter on or off.
    """
    if isinstance(tree, Literal) or not _may_be_decided(tree, model):
        return []
    return list(_Decisions(model, text).look_at(tree))


def never_holds(tree: Expression, model: Model) -> bool:
    """Whether it is certain that no event can make a condition true."""
    return _may_be_decided(tree, model) and AllowedReader(model).contradiction(tree, negated=False) is not None


def _may_be_decided(tree: Expression, model: Model) -> bool:
    """Whether looking closer can find anything: loading ten thousand filters must not take longer for it."""
    seen: set[Key] = set()
    nodes = list(islice(walk(tree), MOST_PARTS + 1))
    if len(nodes) > MOST_PARTS:
        return False
    for node in nodes:
        if isinstance(node, Name):
            key = key_of(node)
            found = find_name(model, node.root, node.path)
            if key in seen or (found is not None and found.keywords):
                return True
            seen.add(key)
        elif isinstance(node, (Exists, IsNull, Between)):
            return True
    return not seen


class _Decisions:
    """Looks for parts that are decided before any event comes in."""

    def __init__(self, model: Model, text: str) -> None:
        self.reader = AllowedReader(model)
        self.text = text

    def look_at(self, node: Expression) -> Iterator[Finding]:
        """The findings on a part: on the smaller parts inside it first, on itself where those have none."""
        within = [
            finding for each in (node.operands if isinstance(node, (And, Or)) else ()) for finding in self.look_at(each)
        ]
        if within:
            yield from within
        elif (why := self.reader.contradiction(node, negated=False)) is not None:
            yield self.finding("never-true", node, f"{self.label(node)} can never be true{why}.")
        elif self.reader.contradiction(node, negated=True) is not None:
            yield self.finding("always-true", node, f"{self.label(node)} is always true.")

    def finding(self, rule: str, node: Expression, message: str) -> Finding:
        step = "Leave it out, or change it." if rule == "always-true" else "Change it: its filter would never match."
        return Finding(rule, message, node.start, node.end, step, severity="warning")

    def label(self, node: Expression) -> str:
        text = self.text[node.start : node.end]
        return text if len(text) <= 60 else text[:59] + "…"


class AllowedReader(Spreader[Allowed]):
    """Reads conditions as what they allow of each property."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.clauses = ClauseReader(model)

    def contradiction(self, node: Expression, *, negated: bool) -> str | None:
        """Why no event can make a part true (or false, where `negated`), for the end of a sentence; None if one can."""
        reasons = [self.reason(parts) for parts in self.spread(node, negated)]
        return reasons[0] if all(reason is not None for reason in reasons) else None

    def reason(self, parts: list[Allowed | None]) -> str | None:
        """Why a conjunction cannot hold; None where it can."""
        left: dict[Key, Allowed] = {}
        for part in parts:
            if part is not None:
                before = left.get(part.key) or self.possible(part)
                left[part.key] = before.both(part)
        for key, allowed in left.items():
            found = find_name(self.model, *key)
            whole = found is not None and found.kind is Kind.INTEGER
            if not allowed.missing and allowed.values.is_empty(whole):
                several = sum(part is not None and part.key == key for part in parts) > 1
                return f": no value of {_written(key)} fits all of it" if several else ""
        return None

    def possible(self, part: Allowed) -> Allowed:
        """Everything that the model lets a part's property be."""
        found = find_name(self.model, *part.key)
        if found is None:
            return Allowed(part.key, Listed(frozenset(), True), False)
        values: ValueSet = Spans((EVERYTHING,)) if isinstance(part.values, Spans) else Listed(frozenset(), True)
        for limit in _limits(found, isinstance(part.values, Spans)):
            values = values.intersect(limit)  # type: ignore[arg-type]  # both are of the property's domain
        return Allowed(part.key, values, found.optional)

    def one_of_either(self, alternatives: list[Allowed]) -> list[Allowed]:
        """What one property may be by any of them."""
        found: dict[Key, Allowed] = {}
        for each in alternatives:
            found[each.key] = found[each.key].either(each) if each.key in found else each
        return list(found.values())

    def atom(self, node: Expression, negated: bool) -> Allowed | None:
        allowed = self.allowed(node)
        return allowed.opposite() if allowed is not None and negated else allowed

    def allowed(self, node: Expression) -> Allowed | None:
        """What a part allows; None where that is not so plain."""
        if not any(isinstance(each, Name) for each in walk(node)):
            from eventwire.language.compiler import compile_expression_tree

            holds = compile_expression_tree(node)({}, {})
            return Allowed(CONSTANT, Listed(frozenset(), but=holds), False)
        if isinstance(node, IsNull) and not node.negated and isinstance(node.operand, Name):
            found = find_name(self.model, node.operand.root, node.operand.path)
            return Allowed(key_of(node.operand), _nothing(found), True) if found is not None else None
        positive, negated = _positive(node)
        clause = self.clauses.clause(positive)
        allowed = self.of_clause(clause) if clause is not None else None
        if allowed is None or not negated:
            return allowed
        return Allowed(allowed.key, allowed.values.complement(), False)

    def of_clause(self, clause: Clause) -> Allowed | None:
        """What a clause allows, where it speaks of the type that the model gives its property."""
        found = find_name(self.model, *clause.key)
        if found is None:
            return None
        if isinstance(clause, Present):
            # EXISTS holds for null, too, which only an optional property can be
            decided = isinstance(clause, Inexact) or not found.optional
            return Allowed(clause.key, _nothing(found).complement(), False) if decided else None
        if found.kind not in KINDS[clause.domain] or isinstance(clause, Prefix):
            return None
        if isinstance(clause, Range):
            span = (
                clause.low,
                clause.low is None or clause.low_open,
                clause.high,
                clause.high is None or clause.high_open,
            )
            return Allowed(clause.key, Spans(() if _is_void(span) else (span,)), False)
        assert isinstance(clause, OneOf)
        if clause.domain in (Domain.NUMBER, Domain.INSTANT):
            return Allowed(clause.key, _points(clause.values), False)
        return Allowed(clause.key, Listed(clause.values), False)


KINDS = {
    Domain.TEXT: (Kind.STRING,),
    Domain.NUMBER: (Kind.INTEGER, Kind.NUMBER),
    Domain.BOOLEAN: (Kind.BOOLEAN,),
    Domain.INSTANT: DATES,
    Domain.ANY: tuple(Kind),
}
ORDERED = (Kind.INTEGER, Kind.NUMBER, *DATES)


def _nothing(found: Property | None) -> ValueSet:
    """The empty set of a property's domain."""
    return Spans(()) if found is not None and found.kind in ORDERED else Listed(frozenset())


def _positive(node: Expression) -> tuple[Expression, bool]:
    """A part without its own NOT or !=, and whether it had one; a missing property makes both false."""
    match node:
        case Comparison(operator="!=") if not _compares_boolean(node):
            return Comparison("=", node.left, node.right), True
        case In(negated=True):
            return In(node.operand, node.items), True
        case Between(negated=True):
            return Between(node.operand, node.low, node.high), True
        case Like(negated=True):
            return Like(node.operand, node.pattern), True
    return node, False


def _compares_boolean(node: Comparison) -> bool:
    return any(isinstance(each, Literal) and type(each.value) is bool for each in (node.left, node.right))


def _limits(found: Property, ordered: bool) -> Iterator[ValueSet]:
    """What a property's keywords of JSON Schema allow it to be."""
    is_date = found.kind in DATES
    if found.enum is not None:
        values = [read_instant(value) if is_date else value for value in found.enum]
        if ordered:
            values = [value if is_date else plain_number(value) for value in values]
            if None not in values:
                yield _points(frozenset(values))
        elif all(type(value) in (str, bool) for value in values):
            yield Listed(frozenset(values))
    elif found.kind is Kind.BOOLEAN:
        yield Listed(frozenset([True, False]))
    if ordered and not is_date:
        limits = {name: plain_number(found.keywords[name]) for name in _BOUNDS if name in found.keywords}
        for name, value in limits.items():
            if value is not None:
                is_open = name.startswith("exclusive")
                upper = name.lower().endswith("maximum")
                yield Spans(((None, True, value, is_open) if upper else (value, is_open, None, True),))


_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def _points(values: frozenset[Any]) -> Spans:
    return Spans(tuple((value, False, value, False) for value in sorted(values)))


def _meet(one: Span, other: Span) -> Span:
    low, low_open = _inner((one[0], one[1]), (other[0], other[1]), upper=False)
    high, high_open = _inner((one[2], one[3]), (other[2], other[3]), upper=True)
    return low, low_open, high, high_open


def _inner(one: tuple[Any, bool], other: tuple[Any, bool], *, upper: bool) -> tuple[Any, bool]:
    """The bound further inside."""
    if one[0] is None or other[0] is None:
        return other if one[0] is None else one
    if one[0] == other[0]:
        return one[0], one[1] or other[1]
    return one if (one[0] < other[0]) is upper else other


def _is_void(span: Span) -> bool:
    low, low_open, high, high_open = span
    if low is None or high is None:
        return False
    return bool(low > high) or (low == high and (low_open or high_open))


def _whole(span: Span) -> Span:
    """A span with its ends on integers that are inside."""
    low, low_open, high, high_open = span
    if low is not None:
        low = floor(low) + 1 if low_open else ceil(low)
    if high is not None:
        high = ceil(high) - 1 if high_open else floor(high)
    return low, low is None, high, high is None


def _written(key: Key) -> str:
    return format_name(Name(key[1], key[0])) if key[0] != "payload" else format_path(key[1], condition=True)
