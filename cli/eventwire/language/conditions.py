"""Conditions: what a filter's `where` says. Everything about them can be imported from here.

A condition is read (`parse_condition`), checked against the event's model (`check_condition`), compiled once
(`compile_condition`), and explained for an event (`explain_condition`). The payload is a JSON object; the envelope has
the keys `id`, `name`, `time`, `source` and `environment`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from eventwire.language.compiler import compile_expression_tree
from eventwire.language.findings import Finding, LanguageError
from eventwire.language.formatting import format_condition, format_literal, format_name
from eventwire.language.operators import Operator, operators_for
from eventwire.language.parser import parse
from eventwire.language.paths import format_path
from eventwire.language.properties import Model
from eventwire.language.syntax import Expression, Name, walk

__all__ = [
    "Condition",
    "Finding",
    "LanguageError",
    "Operator",
    "check_condition",
    "compile_condition",
    "explain_condition",
    "for_model",
    "format_condition",
    "format_literal",
    "format_name",
    "operators_for",
    "parse_condition",
    "property_names",
]


class Condition(Struct, frozen=True):
    """A condition that was read."""

    text: str
    expression: Expression
    warnings: tuple[Finding, ...] = ()
    """What reads otherwise than it may have been meant."""
    model: Model | None = None
    """What it was checked or compiled for; explanations compare dates by it."""


def parse_condition(text: str) -> Condition:
    """Read a condition. Raises LanguageError with the place, a sentence and a next step."""
    expression, warnings = parse(text)
    return Condition(text, expression, tuple(warnings))


def check_condition(condition: Condition, model: Model) -> list[Finding]:
    """Everything that is wrong or doubtful about a condition for events of a model, in the order of the text."""
    from eventwire.language.checking import check_tree

    findings = check_tree(condition.expression, model, condition.text)
    if not findings:
        from eventwire.language.satisfiability import find_decided

        findings = find_decided(condition.expression, model, condition.text)
    return [*findings, *condition.warnings]


def can_hold(condition: Condition, model: Model) -> bool:
    """Whether some event of a model may make a condition true; False where it is certain that none can."""
    from eventwire.language.satisfiability import never_holds

    return not never_holds(condition.expression, model)


def compile_condition(
    condition: Condition, model: Model | None = None
) -> Callable[[Mapping[str, Any], Mapping[str, Any]], bool]:
    """A function of payload and envelope that tells whether the condition holds. It never raises."""
    return compile_expression_tree(condition.expression, model or condition.model)


def explain_condition(
    condition: Condition, payload: Mapping[str, Any], envelope: Mapping[str, Any], model: Model | None = None
) -> dict[str, Any]:
    """Why a condition holds or does not, as data.

    `matched`; `clauses`, each with `clause` (its text), `property`, `actual` (its value), `missing`, `verdict`, `note`
    (why it is false, where the value is missing or null), `nearest_miss` (a sentence, where the clause was short of
    something) and `distance` (by how much: a number, or seconds); `tree`, in which a clause is its position in `clauses`
    and everything else has `operator` (AND, OR, XOR, NOT), `verdict` and `parts`; and `summary`, a sentence.
    """
    from eventwire.language.explaining import explain_tree

    return explain_tree(condition.expression, condition.text, payload, envelope, model or condition.model)


def property_names(condition: Condition) -> list[str]:
    """The payload's properties that a condition names, each once, in the order of the text."""
    names = [node for node in walk(condition.expression) if isinstance(node, Name) and node.root == "payload"]
    return list(dict.fromkeys(format_path(name.path) for name in names))


def for_model(condition: Condition, model: Model) -> Condition:
    """The condition as one for events of a model: compiled and explained with its types from now on."""
    return replace(condition, model=model)
