"""Conditions as text again: what reads back as the same syntax tree."""

from __future__ import annotations

from decimal import Decimal

from eventwire.language.paths import format_path
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
    Scalar,
    Xor,
)
from eventwire.language.tokens import write_text

LOGIC, COMPARISON, SUM, PRODUCT, TEST, PREFIX = range(6)
"""How tightly an expression binds, from the loosest."""

_JOINS: dict[type, str] = {And: " AND ", Or: " OR ", Xor: " XOR "}


def format_condition(expression: Expression) -> str:
    """A condition as text, with parentheses where the tree needs them or a reader does."""
    return _format(expression)[0]


def _at(expression: Expression, level: int) -> str:
    """An expression as an operand: in parentheses where it binds less tightly than its place asks for."""
    text, own = _format(expression)
    return text if own >= level else f"({text})"


def _format(node: Expression) -> tuple[str, int]:
    match node:
        case Literal():
            return format_literal(node.value), PREFIX
        case Name():
            return format_name(node), PREFIX
        case And() | Or() | Xor():
            return _JOINS[type(node)].join(_clause(each) for each in node.operands), LOGIC
        case Arithmetic():
            return _format_arithmetic(node)
        case Negate():
            text = _at(node.operand, PREFIX)
            is_number = isinstance(node.operand, Literal) and not isinstance(node.operand.value, (str, bool))
            return (f"-({text})" if is_number and not text.startswith("-") else f"-{text}"), PREFIX
        case Not():
            return f"NOT {_at(node.operand, PREFIX)}", PREFIX
        case Exists():
            return f"EXISTS {format_name(node.name)}", PREFIX
        case Call():
            return f"{node.function}({', '.join(map(format_condition, node.arguments))})", PREFIX
        case _:
            return _format_test(node)


def _clause(operand: Expression) -> str:
    """An operand of AND, OR or XOR; nested ones always stand in parentheses."""
    return _at(operand, COMPARISON)


def _format_arithmetic(node: Arithmetic) -> tuple[str, int]:
    level = SUM if node.operator in "+-" else PRODUCT
    return f"{_at(node.left, level)} {node.operator} {_at(node.right, level + 1)}", level


def _format_test(node: Comparison | Between | Contains | Like | Matches | In | IsNull) -> tuple[str, int]:
    negation = "" if isinstance(node, Comparison) or not node.negated else "NOT "
    match node:
        case Comparison():
            return f"{_at(node.left, COMPARISON)} {node.operator} {_at(node.right, SUM)}", COMPARISON
        case Between():
            ends = f"{_at(node.low, SUM)} AND {_at(node.high, SUM)}"
            return f"{_at(node.operand, COMPARISON)} {negation}BETWEEN {ends}", COMPARISON
        case Contains():
            return f"{_at(node.operand, COMPARISON)} {negation}CONTAINS {_at(node.item, SUM)}", COMPARISON
        case Like():
            return f"{_at(node.operand, TEST)} {negation}LIKE {write_text(node.pattern)}", TEST
        case Matches():
            return f"{_at(node.operand, TEST)} {negation}MATCHES {write_text(node.pattern)}", TEST
        case In():
            items = ", ".join(map(format_condition, node.items))
            return f"{_at(node.operand, TEST)} {negation}IN ({items})", TEST
        case IsNull():
            return f"{_at(node.operand, TEST)} IS {negation}NULL", TEST


def format_name(name: Name) -> str:
    """A property as conditions write it."""
    text = format_path(name.path, condition=True)
    return text if name.root == "payload" else f"{name.root}.{_part(name.path)}"


def _part(path: tuple[str | int, ...]) -> str:
    # A keyword may follow a dot as it is, but not stand first.
    return format_path(("_", *path), condition=True)[2:]


def format_literal(value: Scalar) -> str:
    """A literal as conditions write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return write_text(value)
    if isinstance(value, float):
        text = repr(value)
        return text if "e" not in text else _plain_decimal(Decimal(text))
    return _plain_decimal(value) if isinstance(value, Decimal) else str(value)


def _plain_decimal(value: Decimal) -> str:
    text = str(value)
    if "." in text or "E" not in text:
        return text if "." in text else f"{text}.0"
    digits, exponent = text.split("E")
    return f"{digits}.0E{exponent}"
