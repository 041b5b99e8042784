"""ReactiveHub's conditions as eventwire's.

There a condition is comparisons joined by AND: `=`, `!=`, `<>`, `<`, `<=`, `>`, `>=`, `IN` and `LIKE` between a property
and values. Each of these means the same here. Anything else is refused, and so is what does not fit the model: a filter
whose condition did not translate must never match everything instead.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from eventwire.importing.wildcards import PATH, known_paths
from eventwire.language.casts import to_number
from eventwire.language.conditions import check_condition, format_condition, parse_condition
from eventwire.language.findings import Finding, LanguageError
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.language.models import Kind, Model
from eventwire.language.numbers import is_number
from eventwire.language.paths import MISSING, Path, format_path
from eventwire.language.syntax import And, Comparison, Expression, In, Like, Literal, Name

OPERATORS = ("AND", "IN", "LIKE", "NOT", "OR")
WORDS = lazy_pattern(rf"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`[^`]*`|{PATH}""")
NUMBERS = (Kind.INTEGER, Kind.NUMBER)


class Untranslatable(Exception):
    """A condition has no counterpart; says why, and what to do."""

    def __init__(self, message: str, next_step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step or "Write it by the rules of docs/guides/conditions.md."


class Translation(NamedTuple):
    """A condition as it stands in the project file."""

    where: str
    remarks: tuple[str, ...]
    """What was changed in it so that it fits the model, as sentences."""


def translate_condition(text: str, model: Model) -> Translation:
    """The condition for events of a model. Raises Untranslatable."""
    quoted = with_quoted_names(text, known_paths(model))
    try:
        tree = parse_condition(quoted).expression
    except LanguageError as error:
        raise Untranslatable(error.message, error.next_step) from error
    fitter = Fitter(model, quoted)
    where = format_condition(fitter.tree(tree))
    refuse_errors(where, model)
    return Translation(where, tuple(fitter.remarks))


def with_quoted_names(text: str, paths: dict[str, Path]) -> str:
    """The condition with each of the model's properties as conditions here write it: `order-id` stands in backticks."""

    def quoted(written: str) -> str:
        is_name = written in paths and written.upper() not in OPERATORS
        return format_path(paths[written], condition=True) if is_name else written

    return WORDS.sub(lambda match: quoted(match[0]), text)


class Fitter:
    """Holds a condition to ReactiveHub's grammar, and its values to the types of the properties."""

    def __init__(self, model: Model, text: str) -> None:
        self.model = model
        self.text = text
        self.remarks: list[str] = []

    def tree(self, node: Expression) -> Expression:
        """The condition, or its clauses joined by AND. Raises Untranslatable."""
        if isinstance(node, And):
            return And(tuple(self.tree(each) for each in node.operands), start=node.start, end=node.end)
        if isinstance(node, Like) and isinstance(node.operand, Name):
            self.refuse_envelope(node.operand)
            return node
        if isinstance(node, Comparison):
            return self.comparison(node)
        if isinstance(node, In) and isinstance(node.operand, Name):
            name = node.operand
            return replace(node, items=tuple(self.value(name, each) for each in node.items))
        raise self.foreign(node)

    def comparison(self, node: Comparison) -> Comparison:
        """A property compared with a value, in either order."""
        if isinstance(node.left, Name):
            return replace(node, right=self.value(node.left, node.right))
        if isinstance(node.right, Name):
            return replace(node, left=self.value(node.right, node.left))
        raise self.foreign(node)

    def value(self, name: Name, node: Expression) -> Literal:
        """A value as the property's type has it. Raises Untranslatable for what is no value."""
        self.refuse_envelope(name)
        if isinstance(node, Name):
            step = f"If it is text, write it in quotes: '{self.written(node)}'."
            raise Untranslatable(f"{self.written(node)} is no value.", step)
        if not isinstance(node, Literal):
            raise self.foreign(node)
        found = self.model.find(name.path)
        fitted = fit(node, found.kind, self.written(node)) if found else node
        if fitted is not node:
            kind = "text" if isinstance(fitted.value, str) else "a number"
            self.remarks.append(f"{self.written(name)} is {kind} in the model, and is compared with {kind} now.")
        return fitted

    def refuse_envelope(self, name: Name) -> None:
        """Raise Untranslatable for `event.id`, which meant the payload there and would mean the envelope here."""
        if name.root != "payload":
            raise Untranslatable(f"The model has no property {self.written(name)}.", "Add it to the model.")

    def written(self, node: Expression) -> str:
        """A part of the condition as it was written."""
        return self.text[node.start : node.end]

    def foreign(self, node: Expression) -> Untranslatable:
        """What to say of a part that ReactiveHub's conditions do not have."""
        return Untranslatable(f"{self.written(node)} is more than ReactiveHub's conditions could say.")


def fit(literal: Literal, kind: Kind, written: str) -> Literal:
    """A number as text where the property is text, and text as a number where it is a number."""
    if kind is Kind.STRING and is_number(literal.value):
        return replace(literal, value=written)
    if kind in NUMBERS and isinstance(literal.value, str) and (number := to_number(literal.value)) is not MISSING:
        return replace(literal, value=number)
    return literal


def refuse_errors(where: str, model: Model) -> None:
    """Raise Untranslatable for the first thing that the condition does wrong for events of a model."""
    errors: list[Finding] = [
        each for each in check_condition(parse_condition(where), model) if each.severity == "error"
    ]
    if errors:
        raise Untranslatable(errors[0].message, errors[0].next_step)
