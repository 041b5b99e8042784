"""Explanations as trees on a terminal."""

from __future__ import annotations

import pytest

from eventwire.engine.record import FilterRecord
from eventwire.language.conditions import explain_condition, parse_condition
from eventwire.language.models import read_model
from eventwire.terminal.explanation import draw_explanation
from eventwire.terminal.waterfall import Canvas

MODEL = read_model({"amount": "number", "plan": "string", "vip": "boolean?"})


def drawn(where: str, *, width: int = 100, unicode: bool = True) -> str:
    explanation = explain_condition(parse_condition(where), {"amount": 99.5, "plan": "free"}, {}, MODEL)
    record = FilterRecord("big", where, explanation["matched"], explanation)
    return "\n".join(draw_explanation(record, Canvas(width, lambda text, style: text, unicode)))


def test_clauses_of_one_and_stand_below_each_other():
    assert drawn("amount > 100 AND plan = 'free'") == (
        "big did not match\n  ✗ amount > 100  amount is 99.5, 0.5 short of > 100\n  ✓ plan = 'free'  plan is \"free\""
    )


def test_what_is_nested_is_a_tree():
    assert drawn("amount > 1 AND (plan = 'pro' OR NOT (amount < 200 AND vip IS NULL))") == (
        "big did not match\n"
        "  ✗ all of\n"
        "  ├─ ✓ amount > 1  amount is 99.5\n"
        "  └─ ✗ any of\n"
        "     ├─ ✗ plan = 'pro'  plan is \"free\"\n"
        "     └─ ✗ not\n"
        "        └─ ✓ all of\n"
        "           ├─ ✓ amount < 200  amount is 99.5\n"
        "           └─ ✓ vip IS NULL  vip is missing"
    )


def test_without_unicode():
    assert drawn("vip OR plan = 'pro'", unicode=False) == (
        "big did not match\n"
        "  x any of\n"
        "  |- x vip  vip is missing, so the comparison is false\n"
        "  `- x plan = 'pro'  plan is \"free\""
    )


def test_what_a_clause_met_stands_below_it_in_narrow_terminals():
    assert drawn("amount > 100 AND (plan = 'pro' OR amount BETWEEN 200 AND 300)", width=40) == (
        "big did not match\n"
        "  ✗ all of\n"
        "  ├─ ✗ amount > 100\n"
        "  │      amount is 99.5, 0.5 short of >\n"
        "  │      100\n"
        "  └─ ✗ any of\n"
        "     ├─ ✗ plan = 'pro'  plan is \"free\"\n"
        "     └─ ✗ amount BETWEEN 200 AND 300\n"
        "            amount is 99.5, 100.5 short\n"
        "            of BETWEEN 200 AND 300"
    )


@pytest.mark.parametrize("width", [30, 40, 60, 80])
def test_no_line_is_wider_than_the_terminal(width):
    for where in ("amount > 100 AND amount BETWEEN 200 AND 300", f"plan = '{'x' * 100_000}' OR NOT vip"):
        lines = drawn(where, width=width).splitlines()
        assert max(map(len, lines)) <= width
        assert len(lines) < 30
