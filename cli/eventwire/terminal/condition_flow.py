"""Asking for a condition: property, an operator that fits its type, value, AND or OR; tried on the sample at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eventwire.language.conditions import (
    check_condition,
    format_condition,
    format_literal,
    operators_for,
    parse_condition,
)
from eventwire.language.findings import LanguageError, first_error
from eventwire.language.models import Kind, Property
from eventwire.language.operators import Operator
from eventwire.language.paths import format_path, parse_path
from eventwire.language.syntax import And, Expression, Or
from eventwire.project.model import Event
from eventwire.terminal.conditions import try_condition
from eventwire.terminal.prompts import Choice, WordCompleter, ask_text, select
from eventwire.terminal.session import Session

QUOTED_KINDS = (Kind.STRING, Kind.DATE, Kind.DATE_TIME, Kind.ANY)
HINTS = {"values": "separated by commas", "pair": "two values, separated by a comma"}
BY_HAND = "(by hand)"


def ask_condition(session: Session, event: Event, sample: Mapping[str, Any] | None) -> str:
    """The text of a condition that fits the event's model."""
    return Builder(session, event, sample).ask()


class Builder:
    """Asks for a condition clause by clause, and shows what there is so far and what the sample makes of it."""

    def __init__(self, session: Session, event: Event, sample: Mapping[str, Any] | None) -> None:
        self.session = session
        self.event = event
        self.sample = sample

    def ask(self) -> str:
        return self.group(lambda text: text, "And then?", (DONE, *JOINS, *GROUPS, EDIT))

    def group(self, around: Callable[[str], str], question: str, following: Sequence[Choice]) -> str:
        """Clauses up to the end of the condition, or of a group in it; `around` puts the group into the whole."""
        text = ask_clause(self.session, self.event, self.sample)
        while True:
            show_verdict(self.session, around(text), self.event, self.sample)
            chosen = select(self.session, question, following)
            if chosen == DONE.value:
                return text
            if chosen == EDIT.value:
                text = ask_by_hand(self.session, self.event, text, self.sample)
            else:
                text = self.joined(text, chosen, around)

    def joined(self, text: str, chosen: str, around: Callable[[str], str]) -> str:
        """The condition with another clause, or another group."""
        operator = chosen.split()[0]
        if chosen == operator:
            return join(text, operator, ask_clause(self.session, self.event, self.sample))

        def whole(part: str) -> str:
            return around(join(text, operator, part))

        return join(text, operator, self.group(whole, "And then in the group?", (CLOSE, *JOINS, *GROUPS)))


DONE = Choice("done", label="Done")
CLOSE = Choice("done", label=")", note="the group ends here")
JOINS = (Choice("AND", "all of it has to be so"), Choice("OR", "either has to be so"))
GROUPS = (Choice("AND (", "and a group of clauses"), Choice("OR (", "or a group of clauses"))
EDIT = Choice("edit", label="Edit the text")


def join(text: str, operator: str, clause: str) -> str:
    """A condition with one clause more; the operator binds all that stands before it, as it was read from top to
    bottom.
    """
    kind = And if operator == "AND" else Or
    operands: list[Expression] = []
    for each in (parse_condition(text).expression, parse_condition(clause).expression):
        operands += each.operands if isinstance(each, kind) else [each]
    return format_condition(kind(tuple(operands)))


def ask_clause(session: Session, event: Event, sample: Mapping[str, Any] | None) -> str:
    """One comparison, from the model's properties."""
    paths = {name: each for name, each in event.model.paths() if operators_for(each)}
    choices = [Choice(name, str(each.kind)) for name, each in paths.items()]
    name = select(session, "Property:", [*choices, Choice(BY_HAND, "write the condition myself")])
    if name == BY_HAND:
        return ask_by_hand(session, event, "", sample)
    operators = {each.symbol: each for each in operators_for(paths[name])}
    symbol = select(session, f"{name}:", [Choice(each.symbol, each.label) for each in operators.values()])
    return ask_operand(session, event, name, paths[name], operators[symbol])


def ask_operand(session: Session, event: Event, name: str, declared: Property, operator: Operator) -> str:
    """A clause with its value, asked for until the clause fits the model."""
    if operator.takes == "nothing":
        return clause_of(name, operator, "")
    if declared.enum is not None and operator.takes == "value":
        value = select(session, f"{name} {operator.symbol}", [Choice(str(each)) for each in declared.enum])
    elif operator.kind is Kind.BOOLEAN:
        value = select(session, f"{name} {operator.symbol}", [Choice("true"), Choice("false")])
    else:
        value = ask_text(
            session,
            f"{name} {operator.symbol}",
            hint=HINTS.get(operator.takes, ""),
            check=lambda text: condition_problem(clause_of(name, operator, text), event) if text else "A value.",
        )
    return clause_of(name, operator, value)


def clause_of(name: str, operator: Operator, text: str) -> str:
    """The text of one comparison."""
    subject = format_path(parse_path(name), condition=True)
    if operator.takes == "nothing":
        return f"{subject} {operator.symbol}"
    if operator.takes in ("values", "pair"):
        values = [literal(operator.kind, each.strip()) for each in text.split(",")]
        operand = f"({', '.join(values)})" if operator.takes == "values" else " AND ".join(values)
    else:
        operand = literal(operator.kind, text)
    return f"{subject} {operator.symbol} {operand}"


def literal(kind: Kind, text: str) -> str:
    """A typed value as a literal of its type; quotes that were typed are taken as such."""
    quoted = len(text) > 1 and text[0] in "'\"" and text[0] == text[-1]
    return text if quoted or kind not in QUOTED_KINDS else format_literal(text)


def ask_by_hand(session: Session, event: Event, text: str, sample: Mapping[str, Any] | None) -> str:
    """A condition as text, with the model's properties completed and the verdict below it while it is typed."""
    names = [name for name, _ in event.model.paths()]
    return ask_text(
        session,
        "Condition:",
        default=text,
        completer=WordCompleter([*names, *ENVELOPE_NAMES, *WORDS]),
        check=lambda typed: condition_problem(typed, event),
        below=lambda typed: verdict_of(typed, event, sample),
    )


ENVELOPE_NAMES = ("event.id", "event.name", "event.time", "event.source", "event.environment")
WORDS = ("AND", "OR", "NOT", "IN", "LIKE", "BETWEEN", "CONTAINS", "MATCHES", "EXISTS", "IS NULL", "IS NOT NULL")


def verdict_of(text: str, event: Event, sample: Mapping[str, Any] | None) -> str:
    """What can be said of a condition while it is typed: what is wrong with it, or what the sample makes of it."""
    if not text.strip():
        return ""
    problem = condition_problem(text, event)
    if problem is not None or sample is None:
        return problem or "The condition fits the model."
    explanation = try_condition(text, event, sample)
    return "The sample matches." if explanation["matched"] else f"The sample: {explanation['summary']}"


def condition_problem(text: str, event: Event) -> str | None:
    """What is wrong with a condition, in a sentence, or None."""
    try:
        findings = check_condition(parse_condition(text), event.model)
    except LanguageError as error:
        findings = list(error.findings)
    return first_error(findings)


def show_verdict(session: Session, text: str, event: Event, sample: Mapping[str, Any] | None) -> None:
    """Say whether the sample matches what there is so far."""
    session.say(f"  {session.style(text, 'name', stream='stderr')}")
    if sample is None:
        return
    explanation = try_condition(text, event, sample)
    mark = session.style("✓ the sample matches", "ok", stream="stderr")
    miss = session.style(f"✗ the sample does not match: {explanation['summary']}", "warn", stream="stderr")
    session.say(f"  {mark if explanation['matched'] else miss}")
