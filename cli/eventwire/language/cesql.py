"""CloudEvents SQL 1.0, exactly: expressions over a CloudEvent's context attributes, with a value and a list of errors.

`evaluate(expression, attributes) -> (value, errors)` is what conformance is measured by, with the TCK of the
specification (cloudevents/spec, `cesql/cesql_tck`). It reads expressions with the parser of conditions, refuses what
is only of this superset, and computes in the three types of the specification: text, 32-bit integers and booleans.
Conditions of filters (`conditions`) share grammar and casts, and go on where this one reports an error; where it
reports none, both give the same verdict for the same attributes (`docs/guides/cesql.md` says so case by case).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

from eventwire.language.findings import LanguageError
from eventwire.language.functions import WHITE_SPACE
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.language.parser import parse
from eventwire.language.patterns import compile_like
from eventwire.language.syntax import (
    And,
    Arithmetic,
    Call,
    Comparison,
    Exists,
    Expression,
    In,
    Like,
    Literal,
    Name,
    Negate,
    Not,
    Or,
    Xor,
    walk,
)

Value: TypeAlias = bool | int | str
Attributes: TypeAlias = Mapping[str, Any]

SMALLEST, LARGEST = -(2**31), 2**31 - 1
"""The integers of CloudEvents SQL (section 3.1)."""

REQUIRED = ("id", "source", "specversion", "type")
"""The context attributes that every CloudEvent has (CloudEvents 1.0)."""

_INTEGER = lazy_pattern(r"[+-]?[0-9]+")
_BEYOND = "CloudEvents SQL has no {}"


class ErrorKind(StrEnum):
    """What went wrong, by the names of the TCK."""

    PARSE = "parse"
    MATH = "math"
    CAST = "cast"
    MISSING_ATTRIBUTE = "missingAttribute"
    MISSING_FUNCTION = "missingFunction"
    FUNCTION_EVALUATION = "functionEvaluation"
    GENERIC = "generic"


class EvaluationError(NamedTuple):
    """One error of an evaluation, with its place in the expression's text."""

    kind: ErrorKind
    message: str
    start: int = 0
    end: int = 0


def evaluate(expression: str, attributes: Attributes) -> tuple[Value, list[EvaluationError]]:
    """The value of an expression for a CloudEvent's context attributes, and every error on the way.

    `attributes` are name to value: text, integers, booleans; anything else counts as its text, null as absent. The
    evaluation is complete (section 4.1): an error gives the zero value of the type that was expected, and goes on. An
    expression that cannot be read is false with one error of kind `parse`. Never raises.
    """
    try:
        tree, _ = parse(expression)
    except LanguageError as error:
        return False, [EvaluationError(ErrorKind.PARSE, each.message, each.start, each.end) for each in error.findings]
    beyond = [found for node in walk(tree) if (found := _refusal(node)) is not None]
    if beyond:
        return False, beyond
    evaluation = Evaluation(attributes)
    return evaluation.complete(tree), evaluation.errors


def _refusal(node: Expression) -> EvaluationError | None:
    """What a part of an expression is that only conditions of filters have."""
    what: str | None = None
    if isinstance(node, Name):
        plain = node.root == "payload" and len(node.path) == 1 and str(node.path[0]).isascii()
        if not (plain and str(node.path[0]).isalnum() and node.end - node.start == len(str(node.path[0]))):
            what = "such names: an attribute's name is letters and digits"
    elif isinstance(node, Literal):
        if isinstance(node.value, (float, Decimal)):
            what = "decimals"
        elif type(node.value) is int and not SMALLEST <= node.value <= LARGEST:
            what = "integers of more than 32 bits"
    elif not isinstance(node, (And, Or, Xor, Not, Negate, Arithmetic, Comparison, Like, In, Exists, Call)):
        what = type(node).__name__.upper()
    return EvaluationError(ErrorKind.PARSE, f"{_BEYOND.format(what)}.", node.start, node.end) if what else None


class Failed(Exception):
    """A part of an expression ended in an error, which is reported already.

    An operator or function around it gives the zero value of its own type (sections 3.2 and 3.3), and has failed, too;
    AND and OR go on with the value.
    """

    def __init__(self, value: Value = False) -> None:
        self.value = value
        """What the part still evaluates to. An attribute that is not there has no type, and counts as a boolean."""


class Evaluation:
    """One evaluation, with the errors so far."""

    def __init__(self, attributes: Attributes) -> None:
        self.attributes = attributes
        self.errors: list[EvaluationError] = []

    def report(self, kind: ErrorKind, message: str, node: Expression) -> None:
        self.errors.append(EvaluationError(kind, message, node.start, node.end))

    def fail(self, kind: ErrorKind, message: str, node: Expression, value: Value = False) -> Failed:
        self.report(kind, message, node)
        return Failed(value)

    def complete(self, node: Expression) -> Value:
        """A part's value, whether it failed or not."""
        try:
            return self.value(node)
        except Failed as failed:
            return failed.value

    def value(self, node: Expression) -> Value:
        """A part's value. Raises Failed."""
        match node:
            case Literal():
                return node.value  # type: ignore[return-value]  # others were refused
            case Name():
                return self.attribute(node)
            case Exists():
                return self.found(node.name) is not None
            case And() | Or():
                return self.short_circuit(node)
            case Xor():
                return sum(self.boolean(each) for each in node.operands) % 2 == 1
            case Not():
                return not self.operands((node.operand,), bool, False)[0]
            case Negate():
                return self.calculate(node, (node.operand,), int.__neg__)
            case Arithmetic():
                return self.calculate(node, (node.left, node.right), _ARITHMETIC[node.operator])
            case Comparison():
                return self.comparison(node)
            case Like():
                (text,) = self.operands((node.operand,), str, False)
                return compile_like(node.pattern)(text) is not node.negated
            case In():
                return self.membership(node)
            case Call():
                return self.call(node)
        raise AssertionError(node)

    # Attributes

    def found(self, name: Name) -> Any:
        key = str(name.path[0])
        return self.attributes.get(key, "" if key in REQUIRED else None)

    def attribute(self, name: Name) -> Value:
        value = self.found(name)
        if value is None:
            raise self.fail(ErrorKind.MISSING_ATTRIBUTE, f"The event has no attribute {name.path[0]}.", name)
        if type(value) in (bool, str) or (type(value) is int and SMALLEST <= value <= LARGEST):
            return value  # type: ignore[no-any-return]
        return value.isoformat() if hasattr(value, "isoformat") else str(value)

    # Operands

    def cast(self, value: Value, kind: type[Value], node: Expression) -> Any:
        """A value as another type (section 3.7). Raises Failed where it has none."""
        result = _cast(value, kind)
        if result is None:
            raise self.fail(ErrorKind.CAST, f"{value!r} is no {_TYPES[kind]}.", node, _ZEROS[kind])
        return result

    def operands(self, nodes: tuple[Expression, ...], kind: type[Value], zero: Value) -> list[Any]:
        """Every operand, cast to a type. All are evaluated; raises Failed with `zero` where one has failed."""
        values = []
        for node in nodes:
            try:
                values.append(self.cast(self.value(node), kind, node))
            except Failed:
                continue
        if len(values) < len(nodes):
            raise Failed(zero)
        return values

    def boolean(self, node: Expression) -> bool:
        """An operand of AND, OR or XOR; false where it is none."""
        try:
            return self.cast(self.complete(node), bool, node) is True
        except Failed:
            return False

    # Operators

    def short_circuit(self, node: And | Or) -> bool:
        """AND and OR look at no operand once the answer is known (section 3.4.2)."""
        decisive = isinstance(node, Or)
        return any(self.boolean(each) is decisive for each in node.operands) is decisive

    def calculate(self, node: Expression, operands: tuple[Expression, ...], run: Callable[..., int | None]) -> int:
        result = run(*self.operands(operands, int, 0))
        if result is None:
            raise self.fail(ErrorKind.MATH, "A number cannot be divided by 0.", node, 0)
        if not SMALLEST <= result <= LARGEST:
            raise self.fail(ErrorKind.MATH, f"{result} is no integer of 32 bits.", node, 0)
        return result

    def comparison(self, node: Comparison) -> bool:
        """The order is of integers; equality casts the left side to the type of the right."""
        if node.operator not in ("=", "!="):
            return _ORDERS[node.operator](*self.operands((node.left, node.right), int, False))
        try:
            left, right = self.value(node.left), self.value(node.right)
            equal = self.cast(left, type(right), node.left) == right
        except Failed as failed:
            raise Failed from failed
        return equal is (node.operator == "=")

    def membership(self, node: In) -> bool:
        """The values of the list are cast to the type of the one that is looked for (section 3.4.5)."""
        try:
            wanted = self.value(node.operand)
        except Failed as failed:
            raise Failed from failed
        before = len(self.errors)
        if any(self.is_item(wanted, item) for item in node.items):
            return not node.negated
        if len(self.errors) > before:
            raise Failed
        return node.negated

    def is_item(self, wanted: Value, item: Expression) -> bool:
        try:
            return bool(self.cast(self.value(item), type(wanted), item) == wanted)
        except Failed:
            return False

    # Functions (section 3.5)

    def call(self, node: Call) -> Value:
        function = _find_function(node)
        if function is None:
            raise self.fail(ErrorKind.MISSING_FUNCTION, f"There is no such function {node.function}.", node)
        values = [self.argument(each, function.parameter(i)) for i, each in enumerate(node.arguments)]
        if any(value is None for value in values):
            raise Failed(function.zero)
        result, trouble = function.run(*values)
        if trouble is not None:
            raise self.fail(*trouble, node, result)
        return result

    def argument(self, node: Expression, kind: type[Value] | None) -> Value | None:
        """An argument, cast to its parameter's type; None where it has failed."""
        try:
            value = self.value(node)
            return value if kind is None else self.cast(value, kind, node)
        except Failed:
            return None


_TYPES: Mapping[type, str] = {int: "integer of 32 bits", bool: "boolean", str: "text"}
_ZEROS: Mapping[type, Value] = {int: 0, bool: False, str: ""}


def _cast(value: Value, kind: type[Value]) -> Value | None:
    """A value as another type; None where it has none."""
    if type(value) is kind:
        return value
    if kind is str:
        return ("true" if value else "false") if type(value) is bool else str(value)
    if kind is int:
        return _read_integer(value) if type(value) is str else int(value)
    return {"true": True, "false": False}.get(value.lower()) if type(value) is str else bool(value)


def _read_integer(text: str) -> int | None:
    if len(text) > 100 or not _INTEGER.fullmatch(text):
        return None
    value = int(text)
    return value if SMALLEST <= value <= LARGEST else None


def _quotient(left: int, right: int) -> int | None:
    """Division towards zero."""
    if right == 0:
        return None
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _remainder(left: int, right: int) -> int | None:
    """What is left of a division, with the sign of the dividend."""
    quotient = _quotient(left, right)
    return None if quotient is None else left - right * quotient


_ARITHMETIC: Mapping[str, Callable[[int, int], int | None]] = {
    "+": int.__add__,
    "-": int.__sub__,
    "*": int.__mul__,
    "/": _quotient,
    "%": _remainder,
}
_ORDERS: Mapping[str, Callable[[int, int], bool]] = {
    "<": int.__lt__,
    "<=": int.__le__,
    ">": int.__gt__,
    ">=": int.__ge__,
}

Outcome: TypeAlias = tuple[Value, tuple[ErrorKind, str] | None]
"""What a function gives, and what went wrong."""


class _Function(NamedTuple):
    parameters: tuple[type[Value] | None, ...]
    """The types of its arguments; None takes any."""
    zero: Value
    run: Callable[..., Outcome]
    variadic: bool = False
    """Whether the last parameter may be repeated, or left out."""

    def parameter(self, position: int) -> type[Value] | None:
        return self.parameters[min(position, len(self.parameters) - 1)]

    def takes(self, count: int) -> bool:
        return count >= len(self.parameters) - 1 if self.variadic else count == len(self.parameters)


def _plain(run: Callable[..., Value]) -> Callable[..., Outcome]:
    """A function that cannot fail."""
    return lambda *values: (run(*values), None)


def _part(take: Callable[[str, int], str]) -> Callable[..., Outcome]:
    """LEFT or RIGHT: the whole text, as an error, for a negative count."""

    def run(text: str, count: int) -> Outcome:
        if count < 0:
            return text, (ErrorKind.FUNCTION_EVALUATION, "A negative number of characters cannot be taken.")
        return take(text, count), None

    return run


def _substring(text: str, position: int, length: int | None = None) -> Outcome:
    if abs(position) > len(text):
        return "", (ErrorKind.FUNCTION_EVALUATION, f"The text has no character {position}.")
    if length is not None and length < 0:
        return "", (ErrorKind.FUNCTION_EVALUATION, "A negative number of characters cannot be taken.")
    if position == 0:
        return "", None
    begin = position - 1 if position > 0 else len(text) + position
    return text[begin : None if length is None else begin + length], None


def _absolute(value: int) -> Outcome:
    if value == SMALLEST:
        return LARGEST, (ErrorKind.MATH, f"{-SMALLEST} is no integer of 32 bits.")
    return abs(value), None


def _conversion(kind: type[Value]) -> Callable[..., Outcome]:
    """INT, BOOL or STRING."""

    def run(value: Value) -> Outcome:
        result = _cast(value, kind)
        if result is None:
            return _ZEROS[kind], (ErrorKind.CAST, f"{value!r} is no {_TYPES[kind]}.")
        return result, None

    return run


def _is_convertible(kind: type[Value]) -> Callable[..., Outcome]:
    """IS_INT or IS_BOOL."""
    return _plain(lambda value: _cast(value, kind) is not None)


_FUNCTIONS: Mapping[str, tuple[_Function, ...]] = {
    "LENGTH": (_Function((str,), 0, _plain(len)),),
    "CONCAT": (_Function((str,), "", _plain(lambda *texts: "".join(texts)), variadic=True),),
    "CONCAT_WS": (_Function((str, str), "", _plain(lambda mark, *texts: mark.join(texts)), variadic=True),),
    "LOWER": (_Function((str,), "", _plain(str.lower)),),
    "UPPER": (_Function((str,), "", _plain(str.upper)),),
    "TRIM": (_Function((str,), "", _plain(lambda text: text.strip(WHITE_SPACE))),),
    "LEFT": (_Function((str, int), "", _part(lambda text, count: text[:count])),),
    "RIGHT": (_Function((str, int), "", _part(lambda text, count: text[-count:] if count else "")),),
    "SUBSTRING": (_Function((str, int), "", _substring), _Function((str, int, int), "", _substring)),
    "ABS": (_Function((int,), 0, _absolute),),
    "INT": (_Function((None,), 0, _conversion(int)),),
    "STRING": (_Function((None,), "", _conversion(str)),),
    "BOOL": (_Function((None,), False, _conversion(bool)),),
    "IS_INT": (_Function((None,), False, _is_convertible(int)),),
    "IS_BOOL": (_Function((None,), False, _is_convertible(bool)),),
}


def _find_function(node: Call) -> _Function | None:
    """The function of that name and number of arguments."""
    named = _FUNCTIONS.get(node.function, ())
    return next((each for each in named if each.takes(len(node.arguments))), None)
