"""Conditions that can never be true, or always are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventwire.language.conditions import check_condition, compile_condition, parse_condition
from eventwire.language.models import compile_model, read_model
from eventwire.language.satisfiability import AllowedReader

MODEL = read_model(
    {
        "amount": "number",
        "count": {"type": "integer", "minimum": 0, "maximum": 4},
        "discount": "number?",
        "plan": {"type": "string", "enum": ["free", "pro"]},
        "name": "string",
        "city": "string?",
        "active": "boolean",
        "vip": "boolean?",
        "born": "date",
    }
)

NEVER = {
    "amount > 10 AND amount < 5": ": no value of amount fits all of it",
    "amount > 10 AND amount <= 10": ": no value of amount fits all of it",
    "count > 1 AND count < 2": ": no value of count fits all of it",
    "amount BETWEEN 20 AND 10": "",
    "name = 'a' AND name = 'b'": ": no value of name fits all of it",
    "name IN ('a', 'b') AND name NOT IN ('a', 'b', 'c')": ": no value of name fits all of it",
    "plan != 'free' AND plan != 'pro'": ": no value of plan fits all of it",
    "active AND NOT active": ": no value of active fits all of it",
    "active = true AND active = false": ": no value of active fits all of it",
    "born < '2020-01-01' AND born >= '2021-01-01'": ": no value of born fits all of it",
    "city IS NULL AND city = 'Porto'": ": no value of city fits all of it",
    "amount IS NULL": "",
    "count < 0": "",
    "count > 4": "",
    "1 = 2": "",
    "NOT (amount > 5 OR amount <= 5)": ": no value of amount fits all of it",
    "(amount > 10 OR count > 2) AND (amount < 5 AND count < 1)": ": no value of amount fits all of it",
}
ALWAYS = [
    "amount > 5 OR amount <= 5",
    "amount = 5 OR amount != 5",
    "plan = 'free' OR plan = 'pro'",
    "active OR NOT active",
    "count >= 0",
    "count BETWEEN 0 AND 4",
    "amount IS NOT NULL",
    "EXISTS amount",
    "city IS NULL OR city IS NOT NULL",
    "NOT (amount > 5 AND amount < 5)",
    "1 = 1",
]
OPEN = [
    "true",
    "false",
    "amount > 5 AND amount < 10",
    "count > 1 AND count < 3",
    "discount > 5 OR discount <= 5",  # not where it is missing
    "vip OR NOT vip",
    "NOT (vip = true) AND NOT (vip = false)",  # where it is missing
    "EXISTS city",
    "city IS NULL",
    "name LIKE 'a%' AND name LIKE '%b'",
    "amount > count",
    "LENGTH(name) > 5 AND LENGTH(name) < 2",
    "amount = 5 XOR amount = 5",
]


def rules(text: str) -> list[str]:
    return [finding.rule for finding in check_condition(parse_condition(text), MODEL)]


@pytest.mark.parametrize("text", NEVER)
def test_what_can_never_be_true_is_a_warning_with_the_reason(text):
    findings = check_condition(parse_condition(text), MODEL)
    (finding,) = findings
    assert (finding.rule, finding.severity) == ("never-true", "warning")
    assert finding.message == f"{text} can never be true{NEVER[text]}."
    assert (finding.start, finding.end) == (0, len(text))


@pytest.mark.parametrize("text", ALWAYS)
def test_what_is_always_true_is_a_warning(text):
    assert rules(text) == ["always-true"]


@pytest.mark.parametrize("text", OPEN)
def test_what_depends_on_the_event_is_no_warning(text):
    assert rules(text) == []


def test_the_smallest_part_is_named():
    (finding,) = check_condition(parse_condition("name = 'a' OR (amount > 10 AND amount < 5)"), MODEL)
    assert (finding.start, finding.end) == (15, 41)


NAMES = ["amount", "count", "discount"]
clauses = st.one_of(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), st.integers(-1, 5)).map(
        lambda parts: f"{parts[0]} {parts[1]} {parts[2]}"
    ),
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["BETWEEN", "NOT BETWEEN"]), st.integers(0, 3)).map(
        lambda parts: f"{parts[0]} {parts[1]} {parts[2]} AND 2"
    ),
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["IN", "NOT IN"])).map(lambda parts: f"{' '.join(parts)} (1, 2)"),
    st.tuples(st.sampled_from(["plan", "name", "city"]), st.sampled_from(["=", "!="])).map(
        lambda parts: f"{' '.join(parts)} 'pro'"
    ),
    st.sampled_from(["city IS NULL", "EXISTS city", "EXISTS name", "discount IS NOT NULL", "active", "NOT vip", "vip"]),
    st.sampled_from(["born < '2020-01-01'", "born >= '2020-01-01'", "born = '2020-01-01'", "vip != true", "1 = 1"]),
)
conditions = st.recursive(
    clauses,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: " AND ".join(f"({part})" for part in parts)),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: " OR ".join(f"({part})" for part in parts)),
        inner.map("NOT ({})".format),
    ),
    max_leaves=6,
)
payloads = st.fixed_dictionaries(
    {
        "amount": st.sampled_from([-1, 0, 0.5, 1, 1.5, 2, 2.5, 3, 5, 6]),
        "count": st.integers(0, 4),
        "plan": st.sampled_from(["free", "pro"]),
        "name": st.sampled_from(["pro", "a"]),
        "active": st.booleans(),
        "born": st.sampled_from(["2019-12-31", "2020-01-01", "2020-01-02"]),
    },
    optional={
        "discount": st.sampled_from([None, 0, 1, 1.5, 2, 3]),
        "city": st.sampled_from([None, "pro", "a"]),
        "vip": st.sampled_from([None, True, False]),
    },
)


@settings(max_examples=1000, deadline=None)
@given(conditions, payloads)
def test_no_payload_that_fits_the_model_contradicts_a_decision(text, payload):
    assert compile_model(MODEL)(payload) == []
    tree = parse_condition(text).expression
    matched = compile_condition(parse_condition(text), MODEL)(payload, {})
    reader = AllowedReader(MODEL)
    if reader.contradiction(tree, negated=False) is not None:
        assert not matched
    if reader.contradiction(tree, negated=True) is not None:
        assert matched
