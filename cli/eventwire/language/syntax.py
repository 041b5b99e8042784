"""The syntax tree of a condition: frozen nodes that know where in the text they stand.

Two trees are equal where they mean the same text: positions do not count, and parentheses leave no node behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, TypeAlias

from msgspec import Struct

from eventwire.language.paths import Path

Scalar: TypeAlias = bool | int | float | Decimal | str


class Node(Struct, frozen=True, kw_only=True, eq=False):
    """A part of a condition."""

    start: int = 0
    """Where it begins, in characters of the condition's text."""
    end: int = 0

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in meaning_of(type(self)))

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, name) for name in meaning_of(type(self)))))


def meaning_of(kind: type[Node]) -> tuple[str, ...]:
    """The fields of a node that say what it means, without its place."""
    return tuple(name for name in kind.__struct_fields__ if name not in ("start", "end"))


class Literal(Node, frozen=True, eq=False):
    """A value written out: text, a number, `true` or `false`."""

    value: Scalar


class Name(Node, frozen=True, eq=False):
    """A property of the payload, or of the envelope where `root` is `event`."""

    path: Path
    root: str = "payload"


class Negate(Node, frozen=True, eq=False):
    """`-x`"""

    operand: Expression


class Not(Node, frozen=True, eq=False):
    """`NOT x`"""

    operand: Expression


class And(Node, frozen=True, eq=False):
    """`x AND y AND z`"""

    operands: tuple[Expression, ...]


class Or(Node, frozen=True, eq=False):
    """`x OR y OR z`"""

    operands: tuple[Expression, ...]


class Xor(Node, frozen=True, eq=False):
    """`x XOR y XOR z`"""

    operands: tuple[Expression, ...]


class Arithmetic(Node, frozen=True, eq=False):
    """`x + y`, and `-`, `*`, `/`, `%`."""

    operator: str
    left: Expression
    right: Expression


class Comparison(Node, frozen=True, eq=False):
    """`x = y`, and `!=`, `<`, `<=`, `>`, `>=`."""

    operator: str
    left: Expression
    right: Expression


class Like(Node, frozen=True, eq=False):
    """`x LIKE 'abc%'`"""

    operand: Expression
    pattern: str
    negated: bool = False


class Matches(Node, frozen=True, eq=False):
    """`x MATCHES '^a+$'`"""

    operand: Expression
    pattern: str
    negated: bool = False


class In(Node, frozen=True, eq=False):
    """`x IN (1, 2, 3)`"""

    operand: Expression
    items: tuple[Expression, ...]
    negated: bool = False


class Between(Node, frozen=True, eq=False):
    """`x BETWEEN 1 AND 3`, both ends included."""

    operand: Expression
    low: Expression
    high: Expression
    negated: bool = False


class Contains(Node, frozen=True, eq=False):
    """`tags CONTAINS 'new'`: a list holds the value."""

    operand: Expression
    item: Expression
    negated: bool = False


class IsNull(Node, frozen=True, eq=False):
    """`x IS NULL`: the property is missing or null."""

    operand: Expression
    negated: bool = False


class Exists(Node, frozen=True, eq=False):
    """`EXISTS x`: the property is there, even if it is null."""

    name: Name


class Call(Node, frozen=True, eq=False):
    """`LENGTH(x)`; the function's name in upper case."""

    function: str
    arguments: tuple[Expression, ...]


Expression: TypeAlias = (
    "Literal | Name | Negate | Not | And | Or | Xor | Arithmetic | Comparison | Like | Matches | In | Between"
    " | Contains | IsNull | Exists | Call"
)


def children(node: Expression) -> tuple[Expression, ...]:
    """The expressions that a node is made of, in the order of the text."""
    match node:
        case Literal() | Name():
            return ()
        case And() | Or() | Xor():
            return node.operands
        case Arithmetic() | Comparison():
            return (node.left, node.right)
        case In():
            return (node.operand, *node.items)
        case Between():
            return (node.operand, node.low, node.high)
        case Contains():
            return (node.operand, node.item)
        case Exists():
            return (node.name,)
        case Call():
            return node.arguments
        case _:
            return (node.operand,)


def walk(node: Expression) -> Iterator[Expression]:
    """A node and everything below it, in the order of the text."""
    pending: list[Any] = [node]
    while pending:
        here = pending.pop()
        yield here
        pending.extend(reversed(children(here)))


def height(node: Expression) -> int:
    """How many levels a tree has."""
    levels = 0
    level: list[Expression] = [node]
    while level:
        levels += 1
        level = [child for each in level for child in children(each)]
    return levels
