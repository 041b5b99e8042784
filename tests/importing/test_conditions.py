"""ReactiveHub's conditions."""

from __future__ import annotations

import operator
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventwire.importing.conditions import Untranslatable, translate_condition
from eventwire.language.conditions import compile_condition, parse_condition
from eventwire.language.models import read_model

MODEL = read_model(
    {
        "name": "string?",
        "total": "number?",
        "paid": "boolean?",
        "at": "Date?",
        "tags": "array?",
        "order-id": "string?",
        "like": "string?",
        "extra": "object?",
        "event": {"type": "object?", "properties": {"id": "string?"}},
        "billing": {"type": "object?", "properties": {"due-date": "Date?", "amount": "number?"}},
    }
)


@pytest.mark.parametrize(
    ("written", "where"),
    [
        ("total > 100", "total > 100"),
        ('name = "Ana"', "name = 'Ana'"),
        ("name <> 'Ana' and total <= -1.5", "name != 'Ana' AND total <= -1.5"),
        ("name in ('a', \"b\")", "name IN ('a', 'b')"),
        ("name NOT IN ('a')", "name NOT IN ('a')"),
        ("billing.amount >= 5", "billing.amount >= 5"),
        ("order-id LIKE 'A-%'", "`order-id` LIKE 'A-%'"),
        ("billing.due-date < '2026-01-01'", "billing.`due-date` < '2026-01-01'"),
        ("event.id = 'x'", "`event`.id = 'x'"),
        ("100 < total", "100 < total"),
        ("name = 'a order-id b'", "name = 'a order-id b'"),
        ("extra.anything = 'x'", "extra.anything = 'x'"),
        ("(paid = true AND total = 1) AND name = ''", "(paid = true AND total = 1) AND name = ''"),
    ],
)
def test_means_the_same(written, where):
    assert translate_condition(written, MODEL) == (where, ())


@pytest.mark.parametrize(
    ("written", "where"),
    [("name = 12", "name = '12'"), ("name IN (007)", "name IN ('007')"), ("total = '12.50'", "total = 12.50")],
)
def test_a_value_of_the_other_type_becomes_the_propertys(written, where):
    translated = translate_condition(written, MODEL)
    assert translated.where == where
    assert "in the model, and is compared with" in translated.remarks[0]


@pytest.mark.parametrize(
    "written",
    [
        "total >> 5",
        "total = ",
        "total > 100 OR paid = true",
        "name = Ana",
        "name = total",
        "unknown = 1",
        "event.name = 'x'",
        "event.name LIKE 'x'",
        "tags = 'new'",
        "total > 'many'",
        "paid > 1",
        "name = null",
        "like = 'x'",
        "NOT paid",
        "paid",
        "true",
        "total + 1 = 2",
        "total BETWEEN 1 AND 3",
        "name LIKE unquoted",
        "name == 'x'",
        "order-id-2 = 'x'",
        "LENGTH(name) = 3",
        "1 = 1",
    ],
)
def test_anything_else_is_refused_and_never_matches_everything(written):
    with pytest.raises(Untranslatable) as raised:
        translate_condition(written, MODEL)
    assert raised.value.message
    assert raised.value.next_step


OPERATORS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
TEXTS = st.text(alphabet="ab%_'\" {}é", max_size=4)
NUMBERS = st.one_of(st.integers(-5, 5), st.sampled_from([0.5, -2.25, 1.75]))
PATHS = {"name": ("name",), "order-id": ("order-id",), "event.id": ("event", "id")}
NUMERIC = {"total": ("total",), "billing.amount": ("billing", "amount")}


def literal(value, quote):
    """A value as ReactiveHub's conditions write it: a quote inside is doubled."""
    if not isinstance(value, str):
        return str(value)
    return quote + value.replace(quote, quote * 2) + quote


@st.composite
def clauses(draw):
    """A clause as text, the path that it is about, and what it says of a value that is there."""
    quote = draw(st.sampled_from("'\""))
    if draw(st.booleans()):
        name, values = draw(st.sampled_from(sorted(PATHS))), TEXTS
        kinds = ["=", "!=", "<>", "IN", "in", "LIKE", "like"]
    else:
        name, values = draw(st.sampled_from(sorted(NUMERIC))), NUMBERS
        kinds = [*OPERATORS, "IN"]
    path = {**PATHS, **NUMERIC}[name]
    kind = draw(st.sampled_from(kinds))
    space = draw(st.sampled_from([" ", "  ", "\n"]))
    if kind.upper() == "IN":
        items = draw(st.lists(values, min_size=1, max_size=3))
        listed = ", ".join(literal(each, quote) for each in items)
        return f"{name}{space}{kind} ({listed})", path, lambda value: value in items
    value = draw(values)
    text = f"{name}{space}{kind}{space}{literal(value, quote)}"
    if kind.upper() == "LIKE":
        pattern = "".join({"%": ".*", "_": "."}.get(char, re.escape(char)) for char in value)
        return text, path, lambda found: re.fullmatch(pattern, found, re.DOTALL) is not None
    return text, path, lambda found: OPERATORS[kind](found, value)


@st.composite
def payloads(draw):
    """A payload in which anything may be missing."""
    payload = {}
    for path in (*PATHS.values(), *NUMERIC.values()):
        if draw(st.booleans()):
            holder = payload
            for part in path[:-1]:
                holder = holder.setdefault(part, {})
            holder[path[-1]] = draw(TEXTS if path in PATHS.values() else NUMBERS)
    return payload


def look_up(payload, path):
    for part in path:
        payload = payload.get(part) if isinstance(payload, dict) else None
    return payload


@settings(max_examples=400, deadline=None)
@given(st.lists(clauses(), min_size=1, max_size=4), st.sampled_from([" AND ", " and ", "\nAND "]), payloads())
def test_any_condition_keeps_its_verdict(found, joined, payload):
    where = translate_condition(joined.join(text for text, _, _ in found), MODEL).where
    values = [(look_up(payload, path), holds) for _, path, holds in found]
    expected = all(value is not None and holds(value) for value, holds in values)
    envelope = {"id": "the envelope's", "name": "x", "time": "", "source": "", "environment": "test"}
    assert compile_condition(parse_condition(where), MODEL)(payload, envelope) is expected, where
