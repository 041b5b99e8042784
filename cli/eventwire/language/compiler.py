"""Compiled conditions: a syntax tree as one function of payload and envelope, built of closures.

A test gives True or False; a value may be MISSING. Comparisons of a property with a literal, which is what conditions
are made of, have closures of their own: the common type is tested first, and casts are only tried where it is another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eventwire.language.casts import (
    OPERATORS,
    compare,
    compare_instants,
    equal,
    same,
    to_boolean,
    to_number,
    to_text,
)
from eventwire.language.dates import read_instant
from eventwire.language.functions import CASTS, FUNCTIONS
from eventwire.language.numbers import to_decimal
from eventwire.language.paths import MISSING, Path, look_up
from eventwire.language.patterns import BadPattern, compile_expression, compile_like
from eventwire.language.properties import Kind, Model
from eventwire.language.roots import find_name
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
)

Values = Mapping[str, Any]
Test = Callable[[Values, Values], bool]
Value = Callable[[Values, Values], Any]

_DATES = (Kind.DATE, Kind.DATE_TIME)


def compile_expression_tree(tree: Expression, model: Model | None = None) -> Test:
    """A condition's syntax tree as a function that tells whether an event matches. It never raises."""
    return Compiler(model).test(tree)


class Compiler:
    """Compiles trees against one model."""

    def __init__(self, model: Model | None) -> None:
        self.model = model

    def test(self, node: Expression) -> Test:
        """A node as a function that gives True or False."""
        match node:
            case And() | Or() | Xor():
                return self.logic(node)
            case Not():
                return self.negation(node)
            case Comparison():
                return self.comparison(node)
            case Between():
                return self.between(node)
            case In():
                return self.membership(node)
            case Like():
                return _text_test(self.value(node.operand), compile_like(node.pattern), node.negated)
            case Matches():
                return _text_test(self.value(node.operand), _expression_or_never(node.pattern), node.negated)
            case Contains():
                return self.contains(node)
            case IsNull():
                return _is_null(self.value(node.operand), node.negated)
            case Exists():
                value = self.value(node.name)
                return lambda payload, envelope: value(payload, envelope) is not MISSING
            case _:
                value = self.value(node)
                return lambda payload, envelope: to_boolean(value(payload, envelope)) is True

    def value(self, node: Expression) -> Value:
        """A node as a function that gives its value, or MISSING."""
        match node:
            case Literal():
                constant = node.value
                return lambda payload, envelope: constant
            case Name():
                return _property(node.root, node.path)
            case Negate():
                operand = self.value(node.operand)
                return lambda payload, envelope: _negate(operand(payload, envelope))
            case Arithmetic():
                left, right, run = self.value(node.left), self.value(node.right), _ARITHMETIC[node.operator]
                return lambda payload, envelope: _calculate(run, left(payload, envelope), right(payload, envelope))
            case Call():
                return self.call(node)
            case _:
                return self.test(node)

    def logic(self, node: And | Or | Xor) -> Test:
        tests = tuple(self.test(operand) for operand in node.operands)
        if isinstance(node, And):
            return _all(tests)
        if isinstance(node, Or):
            return _any(tests)
        return lambda payload, envelope: sum(test(payload, envelope) for test in tests) % 2 == 1

    def negation(self, node: Not) -> Test:
        if isinstance(node.operand, (Name, Literal, Negate, Arithmetic, Call)):
            value = self.value(node.operand)
            return lambda payload, envelope: to_boolean(value(payload, envelope)) is False
        test = self.test(node.operand)
        return lambda payload, envelope: not test(payload, envelope)

    def is_date(self, node: Expression) -> bool:
        """Whether the model says that a node is a date or date-time."""
        found = find_name(self.model, node.root, node.path) if isinstance(node, Name) else None
        return found is not None and found.kind in _DATES

    def comparison(self, node: Comparison) -> Test:
        symbol, left, right = node.operator, self.value(node.left), self.value(node.right)
        if self.is_date(node.left) or self.is_date(node.right):
            return self.date_comparison(node)
        if isinstance(node.right, Literal):
            return _compare_with_literal(symbol, left, node.right.value)
        return lambda payload, envelope: compare(symbol, left(payload, envelope), right(payload, envelope))

    def date_comparison(self, node: Comparison) -> Test:
        order = OPERATORS[node.operator]
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(node.right, Literal):
            limit = read_instant(node.right.value)
            if limit is None:
                return lambda payload, envelope: False

            def after(payload: Values, envelope: Values) -> bool:
                instant = read_instant(left(payload, envelope))
                return instant is not None and order(instant, limit)

            return after
        return lambda payload, envelope: compare_instants(order, left(payload, envelope), right(payload, envelope))

    def between(self, node: Between) -> Test:
        inside = _all(
            (
                self.comparison(Comparison(">=", node.operand, node.low)),
                self.comparison(Comparison("<=", node.operand, node.high)),
            )
        )
        if not node.negated:
            return inside
        # Outside is not merely "not inside": a missing property is neither.
        return _any(
            (
                self.comparison(Comparison("<", node.operand, node.low)),
                self.comparison(Comparison(">", node.operand, node.high)),
            )
        )

    def membership(self, node: In) -> Test:
        negated = node.negated
        if not self.is_date(node.operand) and all(isinstance(item, Literal) for item in node.items):
            return _in_literals(self.value(node.operand), [item.value for item in node.items], negated)  # type: ignore[union-attr]
        tests = tuple(self.comparison(Comparison("=", node.operand, item)) for item in node.items)
        value = self.value(node.operand)

        def is_member(payload: Values, envelope: Values) -> bool:
            if value(payload, envelope) in (MISSING, None):
                return False
            return any(test(payload, envelope) for test in tests) is not negated

        return is_member

    def contains(self, node: Contains) -> Test:
        whole, item, negated = self.value(node.operand), self.value(node.item), node.negated

        def holds(payload: Values, envelope: Values) -> bool:
            elements, wanted = whole(payload, envelope), item(payload, envelope)
            if not isinstance(elements, list) or wanted is MISSING:
                return False
            return any(same(element, wanted) for element in elements) is not negated

        return holds

    def call(self, node: Call) -> Value:
        function = FUNCTIONS.get(node.function)
        if function is None or not function.takes(len(node.arguments)):
            return lambda payload, envelope: MISSING
        arguments = [(self.value(each), CASTS[function.parameter(i)]) for i, each in enumerate(node.arguments)]
        run = function.run

        def call(payload: Values, envelope: Values) -> Any:
            values = [cast(argument(payload, envelope)) for argument, cast in arguments]
            return MISSING if any(value is MISSING or value is None for value in values) else run(*values)

        return call


def _property(root: str, path: Path) -> Value:
    if root != "payload":
        return lambda payload, envelope: look_up(path, envelope)
    if len(path) == 1:
        name = str(path[0])
        return lambda payload, envelope: payload.get(name, MISSING)
    if len(path) == 2 and isinstance(path[1], str):
        first, second = str(path[0]), path[1]

        def nested(payload: Values, envelope: Values) -> Any:
            inner = payload.get(first)
            return inner.get(second, MISSING) if type(inner) is dict else MISSING

        return nested
    return lambda payload, envelope: look_up(path, payload)


def _all(tests: tuple[Test, ...]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda payload, envelope: first(payload, envelope) and second(payload, envelope)

    def every(payload: Values, envelope: Values) -> bool:
        for test in tests:  # noqa: SIM110  # a loop is twice as fast as all() over a generator
            if not test(payload, envelope):
                return False
        return True

    return every


def _any(tests: tuple[Test, ...]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda payload, envelope: first(payload, envelope) or second(payload, envelope)

    def some(payload: Values, envelope: Values) -> bool:
        for test in tests:  # noqa: SIM110
            if test(payload, envelope):
                return True
        return False

    return some


def _compare_with_literal(symbol: str, value: Value, literal: Any) -> Test:
    order = OPERATORS[symbol]
    if type(literal) is int or type(literal) is float:

        def with_number(payload: Values, envelope: Values) -> bool:
            found = value(payload, envelope)
            if type(found) is int or type(found) is float:
                return order(found, literal)
            return compare(symbol, found, literal)

        return with_number
    if type(literal) in (str, bool) and symbol in ("=", "!="):
        kind = type(literal)

        def with_same(payload: Values, envelope: Values) -> bool:
            found = value(payload, envelope)
            return order(found, literal) if type(found) is kind else compare(symbol, found, literal)

        return with_same
    return lambda payload, envelope: compare(symbol, value(payload, envelope), literal)


def _in_literals(value: Value, literals: list[Any], negated: bool) -> Test:
    texts = frozenset(literal for literal in literals if type(literal) is str)
    integers = frozenset(literal for literal in literals if type(literal) is int)

    def is_member(payload: Values, envelope: Values) -> bool:
        found = value(payload, envelope)
        if found is MISSING or found is None:
            return False
        if (type(found) is str and found in texts) or (type(found) is int and found in integers):
            return not negated
        return any(_is_item(found, literal) for literal in literals) is not negated

    return is_member


def _is_item(found: Any, literal: Any) -> bool:
    """Equality where the list's value is cast to the type of the other (CloudEvents SQL 1.0, section 3.4.5)."""
    return equal(literal, found) is True


def _text_test(value: Value, matches: Callable[[str], bool], negated: bool) -> Test:
    def test(payload: Values, envelope: Values) -> bool:
        found = value(payload, envelope)
        if type(found) is not str:
            found = to_text(found)
            if found is MISSING:
                return False
        return matches(found) is not negated

    return test


def _expression_or_never(pattern: str) -> Callable[[str], bool]:
    """A regular expression that is compiled when it is needed first: the engine takes 10 ms to import."""
    compiled: list[Callable[[str], bool]] = []

    def matches(text: str) -> bool:
        if not compiled:
            try:
                compiled.append(compile_expression(pattern))
            except BadPattern:
                compiled.append(lambda text: False)
        return compiled[0](text)

    return matches


def _is_null(value: Value, negated: bool) -> Test:
    def test(payload: Values, envelope: Values) -> bool:
        found = value(payload, envelope)
        return (found is MISSING or found is None) is not negated

    return test


# Arithmetic


def _negate(value: Any) -> Any:
    number = to_number(value)
    return MISSING if number is MISSING else -number


def _calculate(run: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """Exact arithmetic: integers stay integers, everything else is calculated in decimals."""
    one, other = to_number(left), to_number(right)
    if one is MISSING or other is MISSING:
        return MISSING
    if type(one) is int and type(other) is int:
        return run(one, other)
    from decimal import Context, Decimal, DecimalException, localcontext

    with localcontext(Context(prec=60)):
        try:
            result = run(to_decimal(one), to_decimal(other))
        except DecimalException:
            return MISSING
    return result if isinstance(result, Decimal) and result.is_finite() else MISSING


def _divide(left: Any, right: Any) -> Any:
    """Integers are divided towards zero (CloudEvents SQL 1.0, section 3.4.2). MISSING where the divisor is 0."""
    if right == 0:
        return MISSING
    if type(left) is not int:
        return left / right
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _remainder(left: Any, right: Any) -> Any:
    if right == 0:
        return MISSING
    return left - right * _divide(left, right) if type(left) is int else left % right


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divide,
    "%": _remainder,
}
