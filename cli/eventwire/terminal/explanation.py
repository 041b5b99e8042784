"""Why filters matched or not, as a tree of clauses."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import Any

from eventwire.engine.record import FilterRecord, RunRecord
from eventwire.language.payloads import encode_json
from eventwire.terminal.tables import paragraph
from eventwire.terminal.waterfall import Canvas, shorten

OPERATORS: Mapping[str, str] = {"AND": "all of", "OR": "any of", "XOR": "an odd number of", "NOT": "not"}
MOST_LINES = 5
"""A clause, and what it met, may be a million characters long."""
BRANCHES = {True: ("├─ ", "└─ ", "│  ", "   "), False: ("|- ", "`- ", "|  ", "   ")}
"""Tree branches, with Unicode and without: to a part, to the last one, and what stands below either."""


def draw_explanations(record: RunRecord, canvas: Canvas) -> str:
    """Every filter with its clauses, the values they met, and their verdicts."""
    return "\n".join(line for each in record.filters for line in draw_explanation(each, canvas))


def draw_explanation(each: FilterRecord, canvas: Canvas) -> list[str]:
    """One filter's clauses."""
    verdict = canvas.style("matched", "ok") if each.matched else canvas.style("did not match", "warn")
    lines = [f"{canvas.style(each.name, 'bold')} {verdict}"]
    if each.explanation is None:
        return [*lines, paragraph("  it has no condition, so it always matches", canvas.width)]
    return lines + draw_part(each.explanation["tree"], each.explanation["clauses"], canvas, "  ", "  ")


def draw_part(
    part: Any, clauses: list[Mapping[str, Any]], canvas: Canvas, before: str, below: str, *, is_root: bool = True
) -> list[str]:
    """A part of the tree; `before` stands before its first line, `below` before what hangs below it."""
    if not isinstance(part, dict):
        return draw_clause(clauses[part], canvas, before, below)
    plain = is_root and part["operator"] == "AND" and not any(isinstance(each, dict) for each in part["parts"])
    if plain:
        return [line for each in part["parts"] for line in draw_clause(clauses[each], canvas, before, below)]
    lines = [f"{before}{mark_of(part['verdict'], canvas)} {OPERATORS[part['operator']]}"]
    branch, last_branch, line, space = BRANCHES[canvas.unicode]
    for position, each in enumerate(part["parts"], start=1):
        is_last = position == len(part["parts"])
        lines += draw_part(
            each,
            clauses,
            canvas,
            below + (last_branch if is_last else branch),
            below + (space if is_last else line),
            is_root=False,
        )
    return lines


def mark_of(verdict: bool, canvas: Canvas) -> str:
    """The mark of a verdict."""
    marks = ("✓", "✗") if canvas.unicode else ("+", "x")
    return canvas.style(marks[0], "ok") if verdict else canvas.style(marks[1], "bad")


def draw_clause(clause: Mapping[str, Any], canvas: Canvas, before: str, below: str) -> list[str]:
    """A clause, its verdict, and what it met: on one line where that fits, else below it."""
    met = clause["note"] or clause["nearest_miss"]
    if not met and clause["property"] is not None:
        met = f"{clause['property']} is {'missing' if clause['missing'] else encode_json(clause['actual'])}"
    text, mark = clause["clause"], mark_of(clause["verdict"], canvas)
    room = canvas.width - len(before) - len("✗ ")
    if not met or len(text) + len(met) + 2 <= room:
        told = f"  {canvas.style(met, 'dim')}" if met else ""
        return [f"{before}{mark} {shorten(text, room * MOST_LINES, canvas)}{told}"]
    first, *more = in_lines(text, room, canvas)
    dim = [canvas.style(line, "dim") for line in in_lines(met, room - 2, canvas)]
    return [f"{before}{mark} {first}", *(f"{below}  {line}" for line in more), *(f"{below}    {line}" for line in dim)]


def in_lines(text: str, width: int, canvas: Canvas) -> list[str]:
    """Text in a few lines of a width, cut where it is longer."""
    width = max(width, 10)
    return wrap(shorten(text, width * MOST_LINES, canvas), width)
