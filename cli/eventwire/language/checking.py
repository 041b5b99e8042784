"""Conditions checked against a model: unknown properties, impossible comparisons, operators that do not fit.

Every finding is made, not only the first. What has an unknown kind is taken as fitting anywhere, so one mistake gives
one finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eventwire.errors import did_you_mean
from eventwire.language.casts import to_boolean, to_number
from eventwire.language.dates import read_instant
from eventwire.language.findings import Finding
from eventwire.language.formatting import format_literal, format_name
from eventwire.language.functions import FUNCTIONS, Function
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.language.numbers import is_number
from eventwire.language.paths import MISSING, format_path, parse_path
from eventwire.language.patterns import BadPattern, compile_expression
from eventwire.language.properties import KIND_LABELS, Kind, Model, Property
from eventwire.language.roots import ROOTS, find_name, known_names
from eventwire.language.syntax import (
    And,
    Arithmetic,
    Between,
    Call,
    Comparison,
    Contains,
    Exists,
    Expression,
    In,
    IsNull,
    Like,
    Literal,
    Matches,
    Name,
    Negate,
    Not,
    Or,
    Xor,
    walk,
)

_DASHED = lazy_pattern(r"[\w.-]+")
_NUMBERS = (Kind.INTEGER, Kind.NUMBER)
_DATES = (Kind.DATE, Kind.DATE_TIME)
_CONTAINERS = (Kind.OBJECT, Kind.ARRAY)
_ANYTHING = Property(Kind.ANY)
_BOOLEAN = Property(Kind.BOOLEAN)
_CONDITIONS = (And, Or, Xor, Not, Comparison, Between, In, Like, Matches, Contains, IsNull, Exists)


def check_tree(tree: Expression, model: Model, text: str = "") -> list[Finding]:
    """Everything that is wrong with a condition for events of a model."""
    checker = Checker(model, text)
    checker.expect_boolean(tree, "A condition is true or false")
    return sorted(checker.findings, key=lambda finding: (finding.start, finding.end))


class Checker:
    """Works out the kind of every part of a condition, and keeps what does not fit."""

    def __init__(self, model: Model, text: str) -> None:
        self.model = model
        self.text = text
        self.findings: list[Finding] = []
        self.known: dict[int, Property] = {}

    def find(self, rule: str, node: Expression, message: str, next_step: str | None = None) -> None:
        self.findings.append(Finding(rule, message, node.start, node.end, next_step))

    def label(self, node: Expression) -> str:
        """A part of the condition as the user wrote it, shortened."""
        text = self.text[node.start : node.end] or type(node).__name__
        return text if len(text) <= 40 else text[:39] + "…"

    def kind(self, node: Expression) -> Property:
        """What kind of value a part gives. Each part is looked at once, however often it is compared."""
        found = self.known.get(id(node))
        if found is None:
            found = self.known[id(node)] = self.look_at(node)
        return found

    def look_at(self, node: Expression) -> Property:
        match node:
            case Literal():
                return Property(_kind_of_literal(node.value))
            case Name():
                return self.name(node)
            case Negate():
                return Property(self.numeric(node.operand, "-"))
            case Arithmetic():
                if (dashed := self.dashed(node)) is not None:
                    return dashed
                kinds = [self.numeric(each, node.operator) for each in (node.left, node.right)]
                return Property(Kind.INTEGER if set(kinds) == {Kind.INTEGER} else Kind.NUMBER)
            case Call():
                return Property(self.call(node))
            case And() | Or() | Xor():
                for operand in node.operands:
                    self.expect_boolean(operand, f"{type(node).__name__.upper()} joins conditions")
            case Not():
                return self.negation(node)
            case _:
                self.test(node)
        return _BOOLEAN

    def test(self, node: Comparison | Between | In | Like | Matches | Contains | IsNull | Exists) -> None:
        match node:
            case Comparison():
                self.comparison(node.operator, node.left, node.right, node)
            case Between():
                self.comparison(">=", node.operand, node.low, node)
                self.comparison("<=", node.operand, node.high, node)
            case In():
                for item in node.items:
                    self.comparison("=", node.operand, item, item)
            case Like():
                self.textual(node.operand, "LIKE")
            case Matches():
                self.textual(node.operand, "MATCHES")
                self.expression(node)
            case Contains():
                self.contains(node)
            case IsNull():
                self.kind(node.operand)
            case Exists():
                self.kind(node.name)

    # Names

    def name(self, node: Name) -> Property:
        found = find_name(self.model, node.root, node.path)
        if found is None:
            self.unknown(node)
        return found or _ANYTHING

    def unknown(self, node: Name) -> None:
        written = format_name(node)
        if node.root != "payload":
            known = ", ".join(f"{node.root}.{name}" for name in ROOTS[node.root].properties)
            hint = did_you_mean(written, [f"{node.root}.{name}" for name in ROOTS[node.root].properties])
            own = f"A property of the payload called {node.root} is written `{node.root}`."
            self.find(
                "unknown-property",
                node,
                f"The envelope has no {written}; it has {known}.",
                " ".join(part for part in (hint, own) if part),
            )
            return
        names = known_names(self.model, node.root, node.path)
        hint = did_you_mean(format_path(node.path), names)
        self.find(
            "unknown-property",
            node,
            f"The model has no property {written}.",
            self.null(node) or hint or self.text_or_name(node) or f"The model has {_some(names)}.",
        )

    def null(self, node: Name) -> str | None:
        """A next step for `plan = null`."""
        return "Write IS NULL, or IS NOT NULL." if format_name(node).lower() in ("null", "none", "nil") else None

    def text_or_name(self, node: Name) -> str | None:
        """A next step for `plan = pro`, where a text without quotes is read as a name."""
        before = self.text[: node.start].rstrip()
        return f"Text stands in quotes: '{format_name(node)}'." if before.endswith(("=", "<", ">", "(", ",")) else None

    def dashed(self, node: Arithmetic) -> Property | None:
        """The property that `signed-up` means, which reads as a subtraction of two that do not exist."""
        written = self.text[node.start : node.end]
        if node.operator != "-" or not _DASHED.fullmatch(written):
            return None
        path = parse_path(written)
        found = self.model.find(path)
        if found is None or any(self.exists(each) for each in walk(node) if isinstance(each, Name)):
            return None
        step = f"A name with - in it stands in backticks: {format_path(path, condition=True)}."
        self.find("dashed-name", node, f"{written} is read as a subtraction.", step)
        return found

    def exists(self, name: Name) -> bool:
        return find_name(self.model, name.root, name.path) is not None

    # Comparisons

    def comparison(self, operator: str, left: Expression, right: Expression, node: Expression) -> None:
        one, other = self.kind(left), self.kind(right)
        if one.kind in _CONTAINERS or other.kind in _CONTAINERS:
            self.container(operator, left if one.kind in _CONTAINERS else right, one, other)
        elif operator in ("<", "<=", ">", ">="):
            self.ordered(operator, (left, one), (right, other))
        else:
            self.equality((left, one), (right, other))

    def container(self, operator: str, node: Expression, one: Property, other: Property) -> None:
        if operator in ("=", "!=") and one.kind is other.kind:
            return
        kind = one.kind if one.kind in _CONTAINERS else other.kind
        step = "Use CONTAINS to look for a value in it." if kind is Kind.ARRAY else "Name one of its properties."
        self.find(
            "operator-type", node, f"{self.label(node)} is {KIND_LABELS[kind]}; {operator} does not fit it.", step
        )

    def ordered(self, operator: str, left: tuple[Expression, Property], right: tuple[Expression, Property]) -> None:
        kinds = (left[1].kind, right[1].kind)
        if any(kind in _DATES for kind in kinds):
            self.dates(left, right)
            return
        if set(kinds) & set(_NUMBERS) and any(_is_plain_text(node) for node, _ in (left, right)):
            self.mismatch(left, right)
            return
        for node, found in (left, right):
            if found.kind is Kind.BOOLEAN or (found.kind is Kind.STRING and not _is_numeric(node)):
                message = f"{self.label(node)} is {KIND_LABELS[found.kind]}, which {operator} cannot order."
                step = "Only numbers and dates have an order. Cast text with INT(…)."
                self.find("operator-type", node, message, step)
                return

    def equality(self, left: tuple[Expression, Property], right: tuple[Expression, Property]) -> None:
        for (node, found), (other_node, _) in ((left, right), (right, left)):
            if isinstance(other_node, Literal) and self.impossible(node, found, other_node):
                return
        kinds = {left[1].kind, right[1].kind}
        if kinds & set(_DATES):
            self.dates(left, right)
        elif (Kind.BOOLEAN in kinds and kinds & {*_NUMBERS, Kind.STRING}) or (
            Kind.STRING in kinds and kinds & set(_NUMBERS)
        ):
            self.mismatch(left, right)

    def impossible(self, node: Expression, found: Property, literal: Literal) -> bool:
        """Whether a literal is none of the values that the other side can have; keeps the finding."""
        if isinstance(node, Literal):
            return False
        if found.enum is not None and not any(_equals(literal.value, value) for value in found.enum):
            hint = did_you_mean(str(literal.value), [str(value) for value in found.enum])
            listed = ", ".join(format_literal(value) if _is_scalar(value) else "…" for value in found.enum)
            message = f"{self.label(node)} is never {format_literal(literal.value)}: it is one of {listed}."
            self.find("impossible-value", literal, message, hint)
            return True
        if found.kind in _NUMBERS and isinstance(literal.value, str) and to_number(literal.value) is not MISSING:
            return False
        return (
            found.kind is Kind.BOOLEAN and isinstance(literal.value, str) and to_boolean(literal.value) is not MISSING
        )

    def dates(self, left: tuple[Expression, Property], right: tuple[Expression, Property]) -> None:
        for (node, found), (other_node, other) in ((left, right), (right, left)):
            if found.kind not in _DATES:
                continue
            if isinstance(other_node, Literal):
                if read_instant(other_node.value) is None:
                    message = f"{format_literal(other_node.value)} is no date, but {self.label(node)} is one."
                    step = "Write a date as '2026-11-23', or with a time as '2026-11-23T15:00:00Z'."
                    self.find("impossible-comparison", other_node, message, step)
            elif other.kind not in (*_DATES, Kind.STRING, Kind.ANY):
                self.mismatch(left, right)
            return

    def mismatch(self, left: tuple[Expression, Property], right: tuple[Expression, Property]) -> None:
        (one_node, one), (other_node, other) = left, right
        message = (
            f"{self.label(one_node)} is {KIND_LABELS[one.kind]} and {self.label(other_node)} is "
            f"{KIND_LABELS[other.kind]}: they cannot be compared."
        )
        node = other_node if isinstance(other_node, Literal) else one_node
        self.find("impossible-comparison", node, message, _cast_step(left, right))

    # Other operators

    def textual(self, operand: Expression, operator: str) -> None:
        found = self.kind(operand)
        if found.kind in _CONTAINERS or found.kind is Kind.BOOLEAN:
            message = f"{self.label(operand)} is {KIND_LABELS[found.kind]}; {operator} looks at text."
            self.find("operator-type", operand, message, _parenthesize(operand, operator))

    def expression(self, node: Matches) -> None:
        try:
            compile_expression(node.pattern)
        except BadPattern as error:
            message = f"The regular expression {format_literal(node.pattern)} cannot be used: {error}."
            step = "It is written as Rust's regex crate has it: https://docs.rs/regex/latest/regex/#syntax."
            self.find("bad-pattern", node, message, step)

    def contains(self, node: Contains) -> None:
        whole, item = self.kind(node.operand), self.kind(node.item)
        if whole.kind not in (Kind.ARRAY, Kind.ANY):
            step = "To look for text in text, use LIKE '%…%'." if whole.kind is Kind.STRING else None
            message = f"{self.label(node.operand)} is {KIND_LABELS[whole.kind]}; CONTAINS looks into a list."
            self.find("operator-type", node.operand, message, step)
        elif whole.items is not None and _never_equal(whole.items.kind, item.kind):
            message = (
                f"{self.label(node.operand)} holds {KIND_LABELS[whole.items.kind]}, and {self.label(node.item)} is "
                f"{KIND_LABELS[item.kind]}."
            )
            self.find("impossible-comparison", node.item, message)

    def numeric(self, node: Expression, operator: str) -> Kind:
        found = self.kind(node).kind
        fits = found in (*_NUMBERS, Kind.ANY) or (found is Kind.STRING and _is_numeric(node))
        if not fits and not isinstance(node, Literal):
            step = self.text_or_name(node) if isinstance(node, Name) else None
            message = f"{self.label(node)} is {KIND_LABELS[found]}; {operator} calculates with numbers."
            self.find("operator-type", node, message, step)
        return found if found in _NUMBERS else Kind.NUMBER

    def negation(self, node: Not) -> Property:
        found = self.kind(node.operand)
        if found.kind not in (Kind.BOOLEAN, Kind.ANY):
            message = f"NOT takes {self.label(node.operand)} alone, which is {KIND_LABELS[found.kind]}."
            step = f"Put the whole comparison in parentheses: NOT ({self.label(node.operand)} …)."
            self.find("operator-type", node, message, step)
            return _ANYTHING
        return _BOOLEAN

    def expect_boolean(self, node: Expression, purpose: str) -> None:
        found = self.kind(node)
        if found.kind not in (Kind.BOOLEAN, Kind.ANY):
            message = f"{purpose}, but {self.label(node)} is {KIND_LABELS[found.kind]}."
            step = "Compare it with something: amount > 100." if isinstance(node, (Name, Arithmetic, Call)) else None
            self.find("not-a-condition", node, message, step)

    # Functions

    def call(self, node: Call) -> Kind:
        function = FUNCTIONS.get(node.function)
        kinds = [self.kind(argument) for argument in node.arguments]
        if function is None:
            step = did_you_mean(node.function, FUNCTIONS) or f"Functions are {', '.join(FUNCTIONS)}."
            self.find("unknown-function", node, f"There is no function {node.function}.", step)
            return Kind.ANY
        if not function.takes(len(node.arguments)):
            message = f"{function.name} takes {_count(function)}, not {len(node.arguments)}."
            taken = ", ".join(str(kind) for kind in function.parameters)
            self.find("argument-count", node, message, f"It is {function.name}({taken}{', …' * function.variadic}).")
            return function.result
        for position, (argument, found) in enumerate(zip(node.arguments, kinds, strict=True)):
            self.argument(function, position, argument, found)
        return function.result

    def argument(self, function: Function, position: int, node: Expression, found: Property) -> None:
        wanted = function.parameter(position)
        wrong = found.kind in _CONTAINERS or (wanted in _NUMBERS and found.kind in _DATES)
        if wrong and wanted is not Kind.ANY:
            message = (
                f"{function.name} takes {KIND_LABELS[wanted]}, but {self.label(node)} is {KIND_LABELS[found.kind]}."
            )
            self.find("argument-type", node, message)


def _kind_of_literal(value: Any) -> Kind:
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, str):
        return Kind.STRING
    return Kind.INTEGER if isinstance(value, int) else Kind.NUMBER


def _is_numeric(node: Expression) -> bool:
    """Whether a text literal is a number, which CloudEvents SQL casts."""
    return isinstance(node, Literal) and to_number(node.value) is not MISSING


def _is_plain_text(node: Expression) -> bool:
    return isinstance(node, Literal) and isinstance(node.value, str) and not _is_numeric(node)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (bool, str)) or is_number(value)


def _equals(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other) or str(one) == str(other)


def _never_equal(one: Kind, other: Kind) -> bool:
    texts = {Kind.STRING, *_DATES}
    groups = ({Kind.ANY}, texts, set(_NUMBERS), {Kind.BOOLEAN}, {Kind.OBJECT}, {Kind.ARRAY})
    if Kind.ANY in (one, other):
        return False
    return not any(one in group and other in group for group in groups)


def _cast_step(left: tuple[Expression, Property], right: tuple[Expression, Property]) -> str | None:
    for (node, _), (_, other) in ((left, right), (right, left)):
        if isinstance(node, Literal) and isinstance(node.value, str) and other.kind in _NUMBERS:
            return f"Write a number without quotes: {node.value}." if _is_numeric(node) else None
        if isinstance(node, Literal) and is_number(node.value) and other.kind is Kind.STRING:
            return f"Write text in quotes: '{node.value}'."
        if isinstance(node, Literal) and isinstance(node.value, str) and other.kind is Kind.BOOLEAN:
            return "Compare it with true or false, without quotes."
    return None


def _parenthesize(operand: Expression, operator: str) -> str | None:
    if isinstance(operand, Not):
        return f"NOT binds tighter than {operator}. Write x NOT {operator} …, or put the comparison in parentheses."
    return None


def _count(function: Function) -> str:
    most = len(function.parameters)
    if function.variadic:
        return f"at least {function.least} arguments"
    range_ = str(most) if most == function.least else f"{function.least} to {most}"
    return f"{range_} argument{'s' if most > 1 else ''}"


def _some(names: Sequence[str]) -> str:
    shown = list(dict.fromkeys(names))
    return ", ".join(shown[:8]) + (" …" if len(shown) > 8 else "") if shown else "no properties"
