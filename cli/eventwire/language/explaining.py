"""Why a condition matched an event or did not: each clause with the actual value, its verdict and the nearest miss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventwire.language.compiler import Compiler
from eventwire.language.formatting import format_name
from eventwire.language.near_misses import near_miss, sentence, shown
from eventwire.language.paths import MISSING, Path, format_path, look_up
from eventwire.language.payloads import describe_type
from eventwire.language.properties import Kind, Model
from eventwire.language.roots import find_name
from eventwire.language.syntax import And, Exists, Expression, IsNull, Name, Not, Or, Xor, walk

Values = Mapping[str, Any]
Explanation = dict[str, Any]

MOST_REASONS = 3


def explain_tree(tree: Expression, text: str, payload: Values, envelope: Values, model: Model | None) -> Explanation:
    """The verdict on a condition as JSON data: `matched`, `clauses`, `tree` and a sentence in `summary`."""
    explaining = Explaining(text, payload, envelope, model)
    drawn = explaining.part(tree)
    matched = explaining.verdict(drawn)
    return {
        "matched": matched,
        "clauses": explaining.clauses,
        "tree": drawn,
        "summary": explaining.summary(drawn, matched),
    }


class Explaining:
    """One condition explained for one event."""

    def __init__(self, text: str, payload: Values, envelope: Values, model: Model | None) -> None:
        self.text = text
        self.payload = payload
        self.envelope = envelope
        self.model = model
        self.compiler = Compiler(model)
        self.clauses: list[Explanation] = []

    def part(self, node: Expression) -> Any:
        """A part of the tree: a clause's position in `clauses`, or an operator with its parts and verdict."""
        if isinstance(node, (And, Or, Xor)):
            parts = [self.part(each) for each in node.operands]
        elif isinstance(node, Not):
            parts = [self.part(node.operand)]
        else:
            self.clauses.append(self.clause(node))
            return len(self.clauses) - 1
        holds = self.compiler.test(node)(self.payload, self.envelope)
        return {"operator": type(node).__name__.upper(), "verdict": holds, "parts": parts}

    def verdict(self, part: Any) -> bool:
        return bool((part if isinstance(part, dict) else self.clauses[part])["verdict"])

    # Clauses

    def clause(self, node: Expression) -> Explanation:
        names = [each for each in walk(node) if isinstance(each, Name)]
        values = [(name, self.value(name)) for name in names]
        actual = values[0][1] if values else None
        notes = [note for name, value in values if (note := self.note(node, name, value))]
        holds = self.compiler.test(node)(self.payload, self.envelope)
        miss = None
        if not holds and names and actual is not MISSING and actual is not None:
            miss = near_miss(node, actual, self.is_date(names[0]))
        return {
            "clause": self.text[node.start : node.end],
            "property": format_name(names[0]) if names else None,
            "actual": None if actual is MISSING else actual,
            "missing": actual is MISSING,
            "verdict": holds,
            "note": "; ".join(dict.fromkeys(notes)) or None,
            "nearest_miss": sentence(node, miss) if miss else None,
            "distance": miss.distance if miss else None,
        }

    def values_of(self, name: Name) -> Values:
        return self.payload if name.root == "payload" else self.envelope

    def value(self, name: Name) -> Any:
        return look_up(name.path, self.values_of(name))

    def is_date(self, name: Name) -> bool:
        found = find_name(self.model, name.root, name.path)
        return found is not None and found.kind in (Kind.DATE, Kind.DATE_TIME)

    def note(self, clause: Expression, name: Name, value: Any) -> str | None:
        so = "" if isinstance(clause, (Exists, IsNull)) else ", so the comparison is false"
        if value is None:
            return f"{format_name(name)} is null{so}" if so else None
        if value is not MISSING:
            return None
        return f"{format_name(name)} is missing{so}{_where_search_ended(name.path, self.values_of(name))}"

    # The sentence

    def summary(self, tree: Any, matched: bool) -> str:
        if matched:
            return "The condition holds."
        reasons = self.reasons(tree)
        more = f"; and {len(reasons) - MOST_REASONS} more" if len(reasons) > MOST_REASONS else ""
        return f"The condition does not hold: {'; '.join(reasons[:MOST_REASONS])}{more}."

    def reasons(self, part: Any) -> list[str]:
        """What would have to be otherwise for a part to hold: the fewest things, where there is a choice."""
        if not isinstance(part, dict):
            return [self.reason(self.clauses[part])]
        failing = [each for each in part["parts"] if not self.verdict(each)]
        if part["operator"] == "AND":
            return [reason for each in failing for reason in self.reasons(each)]
        if part["operator"] == "OR":
            return self.alternatives(failing)
        if part["operator"] == "NOT" and not self.verdict(part["parts"][0]):
            return self.reasons(part["parts"][0])
        return [self.excluded(part) if part["operator"] == "NOT" else self.even(part)]

    def excluded(self, part: Any) -> str:
        """Why a NOT is false: what holds in it."""
        held = self.holding(part["parts"][0])
        return (
            f"{' and '.join(held)} hold{'s' * (len(held) == 1)}, and NOT excludes {'it' if len(held) == 1 else 'them'}"
        )

    def even(self, part: Any) -> str:
        """Why an XOR is false: an even number of its parts hold."""
        held = sum(map(self.verdict, part["parts"]))
        return f"XOR wants an odd number of its {len(part['parts'])} parts to hold, and {held or 'none'} do"

    def holding(self, part: Any) -> list[str]:
        """The clauses of a part that holds which make it hold."""
        if not isinstance(part, dict):
            return [str(self.clauses[part]["clause"])]
        if part["operator"] == "NOT":
            inner = part["parts"][0]
            return ["NOT (…)" if isinstance(inner, dict) else f"NOT {self.clauses[inner]['clause']}"]
        return [text for each in part["parts"] if self.verdict(each) for text in self.holding(each)]

    def alternatives(self, failing: list[Any]) -> list[str]:
        found = [self.reasons(each) for each in failing]
        if all(len(reasons) == 1 for reasons in found):
            return [
                ", nor: ".join(reasons[0] for reasons in found[:MOST_REASONS]) + (" …" * (len(found) > MOST_REASONS))
            ]
        return min(found, key=len)

    def reason(self, clause: Explanation) -> str:
        if clause["note"]:
            return str(clause["note"])
        if clause["nearest_miss"]:
            return str(clause["nearest_miss"])
        if clause["property"] is None:
            return f"{clause['clause']} is false"
        met = f"{clause['property']} is {shown(clause['actual'])}"
        return met if clause["clause"] == clause["property"] else f"{clause['clause']} is false, since {met}"


def _where_search_ended(path: Path, values: Values) -> str:
    """Where in the payload the way to a missing property stops, where it is longer than a name."""
    if len(path) == 1:
        return ""
    known = next(depth for depth in range(len(path)) if look_up(path[: depth + 1], values) is MISSING)
    if known == 0:
        return f": there is no {format_path(path[:1])}"
    return (
        f": {format_path(path[:known])} is {describe_type(look_up(path[:known], values))} without {_step(path[known])}"
    )


def _step(part: str | int) -> str:
    return f"an element {part}" if isinstance(part, int) else format_path((part,))
