"""Conditions: CloudEvents SQL 1.0 over a payload's properties, and what goes beyond it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eventwire.language.conditions import (
    check_condition,
    compile_condition,
    explain_condition,
    format_condition,
    operators_for,
    parse_condition,
    property_names,
)
from eventwire.language.findings import LanguageError
from eventwire.language.models import Property, model_from_schema, read_model
from eventwire.language.normal_form import normal_form
from eventwire.language.syntax import (
    And,
    Arithmetic,
    Between,
    Call,
    Comparison,
    Contains,
    Exists,
    In,
    IsNull,
    Like,
    Literal,
    Matches,
    Name,
    Negate,
    Not,
    Or,
    Xor,
)

MODEL = read_model(
    {
        "id": "integer",
        "name": "string",
        "plan": {"type": "string", "enum": ["free", "pro"]},
        "address": {"city": "string", "country": "string"},
        "amount": "number?",
        "tags": "string[]",
        "signed-up": "date-time",
        "born": "date?",
        "active": "boolean",
        "lines": {"type": "array", "items": {"sku": "string"}},
        "limit": "number?",
    }
)
PAYLOAD = {
    "id": 7,
    "name": "Ana",
    "plan": "pro",
    "address": {"city": "Recife", "country": "BR"},
    "amount": 99.5,
    "tags": ["new", "vip"],
    "signed-up": "2026-11-23T15:00:00+02:00",
    "born": None,
    "active": True,
    "lines": [{"sku": "a-1"}],
    "exact": Decimal("0.10"),
    "five": "5",
    "huge": 10**30,
}
EVENT = {
    "id": "run-1",
    "name": "new-customer",
    "time": "2026-11-23T13:00:00Z",
    "source": "cli",
    "environment": "test",
}


def holds(text, payload=PAYLOAD, model=MODEL):
    return compile_condition(parse_condition(text), model)(payload, EVENT)


TRUE = """
amount > 99
amount >= 99.5 AND amount <= 99.5
amount = 99.50
exact = 0.1
0.1 + 0.2 = 0.3
huge = 1000000000000000000000000000000
huge > 999999999999999999999999999999
name = 'Ana' and NAME_OF_NOTHING = 1 or true
address.country IN ("BR", "PT")
address.country NOT IN ('US')
lines[0].sku = 'a-1'
`name` = "Ana"
`signed-up` = '2026-11-23T13:00:00Z'
`signed-up` > '2026-11-23'
`signed-up` BETWEEN '2026-11-23' AND '2026-11-24'
`signed-up` NOT BETWEEN '2026-11-24' AND '2026-11-25'
event.environment = 'test'
event.time < '2026-11-23T13:00:01Z'
name LIKE 'A%'
name LIKE '_n_'
name NOT LIKE 'B%'
name MATCHES '^A.a$'
tags CONTAINS 'vip'
tags NOT CONTAINS 'old'
tags[1] = 'vip'
EXISTS born
born IS NULL
limit IS NULL
amount IS NOT NULL
NOT (limit = 1)
NOT EXISTS limit
active
active = TRUE
NOT (active = false)
true XOR false XOR false
amount * 2 = 199
7 / 2 = 3 AND -7 / 2 = -3 AND -7 % 2 = -1
1.0 / 4 = 0.25
LENGTH(name) = 3
UPPER(name) = 'ANA' AND lower('ÄB') = 'äb'
CONCAT_WS('-', name, id) = 'Ana-7'
SUBSTRING('abcdef', 3, 2) = 'cd' AND SUBSTRING('abc', -2) = 'bc'
LEFT('abc', 2) = 'ab' AND RIGHT('abc', 2) = 'bc'
TRIM('  a ') = 'a' AND ABS(-3) = 3
five = 5
five < 10
INT(five) + 1 = 6
STRING(id) = '7' AND BOOL('TRUE') AND IS_INT('12') AND NOT IS_INT('a') AND IS_BOOL('true')
5 + TRUE = 6
'TRUE' = true
true = 'true'
234 LIKE '23_'
amount > id
"""

FALSE = """
amount > 100
amount != 99.5
true = 'TRUE'
limit = 1
limit != 1
limit > 1
limit NOT IN (1, 2)
limit NOT BETWEEN 1 AND 2
limit LIKE '%'
limit NOT LIKE '%'
born != '2026-01-01'
born NOT IN ('2026-01-01')
NOT limit
tags = 'new'
tags CONTAINS 1
name CONTAINS 'A'
name > 5
name < 'B'
name = 5
address = 'Recife'
address.city.street = 'x'
lines[1].sku = 'a-1'
1 / 0 = 0
1 % 0 = 0
UNKNOWN(1) = 1
LEFT('a') = 'a'
SUBSTRING('abc', 5) = ''
born IS NOT NULL
EXISTS limit
name MATCHES '('
`signed-up` = 'yesterday'
name
0
"""


@pytest.mark.parametrize("text", TRUE.strip().splitlines())
def test_conditions_that_hold(text):
    assert holds(text) is True


@pytest.mark.parametrize("text", FALSE.strip().splitlines())
def test_conditions_that_do_not_hold(text):
    assert holds(text) is False


def test_numbers_larger_than_python_writes_are_still_compared():
    assert holds("STRING(n * n) LIKE '1%0'", {"n": 10**4000})


def test_dates_compare_without_a_model_too():
    assert holds("`signed-up` < '2026-11-23T13:00:01Z'", model=None)
    assert not holds("`signed-up` < '2026-11-23T13:00:00Z'", model=None)


# Precedence: CloudEvents SQL 1.0, section 3.6


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("a OR b AND c", "(a OR b) AND c"),
        ("a AND b OR c XOR d", "((a AND b) OR c) XOR d"),
        ("NOT a = b", "(NOT a) = b"),
        ("NOT a AND b", "(NOT a) AND b"),
        ("a + b * c", "a + (b * c)"),
        ("a - b - c", "(a - b) - c"),
        ("a + b = c", "(a + b) = c"),
        ("1 + a IN (2)", "1 + (a IN (2))"),
        ("a = b IN (true)", "a = (b IN (true))"),
        ("-a LIKE '-%'", "(-a) LIKE '-%'"),
        ("a BETWEEN 1 + 1 AND 2 * 3 AND c", "(a BETWEEN (1 + 1) AND (2 * 3)) AND c"),
        ("a IS NULL = b", "(a IS NULL) = b"),
        ("a < b = c", "(a < b) = c"),
    ],
)
def test_what_binds_tighter(text, means):
    assert parse_condition(text).expression == parse_condition(means).expression


def test_words_beyond_cesql_are_still_names():
    assert holds(
        "matches = 1 AND contains = 1 AND between = 1 AND null = 1 AND is = 1",
        dict.fromkeys(["matches", "contains", "between", "null", "is"], 1),
    )


def test_a_property_called_event_is_told_from_the_envelope():
    payload = {"event": {"id": "own"}}
    assert holds("`event`.id = 'own' AND event.id = 'run-1' AND EXISTS event", payload)


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        (r"'it\'s'", "it's"),
        (r"'it''s'", "it's"),
        (r'"say \"hi\""', 'say "hi"'),
        (r"'a\\b'", "a\\b"),
        (r"'\d+'", "\\d+"),
        ("'ümläut 🤖'", "ümläut 🤖"),
        ("''", ""),
    ],
)
def test_text_literals(literal, text):
    assert parse_condition(f"{literal} = ''").expression.left == Literal(text)


# What cannot be read


@pytest.mark.parametrize(
    ("text", "rule", "part", "message"),
    [
        ("", "empty", "", "The condition is empty."),
        ("amount >", "unfinished", "", "The condition ends too early: a property or a value is expected."),
        ("amount == 5", "unexpected", "=", "= cannot stand here: a property or a value is expected."),
        ("name = 'Ana", "unclosed-quote", "'Ana", "The quote ' is never closed."),
        ("`name = 1", "unclosed-quote", "`name = 1", "The quote ` is never closed."),
        ("a & b", "bad-character", "&", "'&' has no meaning in a condition."),
        ("{a} = 1", "bad-character", "{", "'{' has no meaning in a condition."),
        ("a IN ()", "empty-list", ")", "IN has no values to compare with."),
        ("a = 1 adn b = 2", "unexpected", "adn", "adn cannot stand here: the condition should end here."),
        ("name LIKE other", "unexpected", "other", "other cannot stand here: LIKE is followed by a pattern in quotes."),
        ("items[x] = 1", "bad-index", "x", "A list's index is a whole number, from 0 on: items[0]."),
        ("a BETWEEN 1, 2", "unexpected", ",", ", cannot stand here: AND is expected between the two ends of BETWEEN."),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text, rule, part, message):
    with pytest.raises(LanguageError) as refused:
        parse_condition(text)
    (finding,) = refused.value.findings
    assert (finding.rule, text[finding.start : finding.end], finding.message) == (rule, part, message)


HOSTILE = {
    "a million letters": "a" * 1_000_000,
    "more than a million": "a" * 1_000_001,
    "parentheses": "(" * 10_000 + "a = 1" + ")" * 10_000,
    "open parentheses": "(" * 100_000,
    "ors": " OR ".join(f"a = {number}" for number in range(10_000)),
    "nots": "NOT " * 100_000 + "a",
    "minuses": "-" * 100_000 + "1",
    "sums": "1+" * 50_000 + "1",
    "ands and ors": "a AND b OR " * 5_000 + "c",
    "quotes": "'" * 99_999,
    "backslashes": "'" + "\\" * 99_999,
    "backticks": "`" * 99_999,
    "digits": "1" * 100_000,
    "fraction": "1." + "1" * 100_000 + " = 1",
    "calls": "ABS(" * 10_000,
    "list": "a IN (" + "1," * 20_000 + "1)",
    "path": "a" + ".a" * 50_000 + " = 1",
    "equals": "a" + " = a" * 10_000,
    "between": "a BETWEEN " * 10_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_read_or_refused_but_never_breaks_anything(name):
    try:
        condition = parse_condition(HOSTILE[name])
    except LanguageError as refused:
        assert refused.findings[0].message.endswith(".")
        return
    compile_condition(condition, MODEL)(PAYLOAD, EVENT)
    check_condition(condition, MODEL)
    explain_condition(condition, PAYLOAD, EVENT)
    normal_form(condition.expression, MODEL)
    assert parse_condition(format_condition(condition.expression)).expression == condition.expression


def test_conditions_of_any_length_hold_what_they_say():
    assert holds(" OR ".join(f"id = {number}" for number in range(10_000)))
    assert not holds(" OR ".join(f"id = {number}" for number in range(8, 10_000)))


def test_deep_parentheses_are_refused_even_far_down_the_stack():
    def descend(levels):
        return parse_condition("(" * 49 + "a = 1" + ")" * 49) if levels == 0 else descend(levels - 1)

    with pytest.raises(LanguageError, match="nested too deep"):
        descend(800)


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_no_regular_expression_hangs(pattern):
    assert not holds(f"name MATCHES '{pattern}'", {"name": "a" * 50_000 + "!"})


def test_no_like_pattern_hangs():
    assert not holds("name LIKE '" + "%a" * 50 + "b'", {"name": "a" * 50_000})


@example("a%b%b", "ab")
@example("a%a", "a")
@example("_%_", "a")
@given(st.text(alphabet="ab%_\\", max_size=6), st.text(alphabet="ab%_\\", max_size=6))
def test_like_is_what_its_definition_says(pattern, text):
    assert holds(f"name LIKE '{pattern.replace(chr(92), chr(92) * 2)}'", {"name": text}) is like(pattern, text)


def like(pattern, text):
    """LIKE as the specification puts it, character by character."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(like(pattern[1:], text[skipped:]) for skipped in range(len(text) + 1))
    if pattern[0] == "\\" and pattern[1:2] in ("%", "_", "\\") and len(pattern) > 1:
        return text[:1] == pattern[1] and like(pattern[2:], text[1:])
    return text != "" and pattern[0] in ("_", text[0]) and like(pattern[1:], text[1:])


# Text to tree to text


NAMES = st.builds(
    Name, st.tuples(st.text(max_size=4) | st.sampled_from(["a", "and", "event"]), st.text(max_size=3))
) | st.builds(Name, st.tuples(st.sampled_from(["id", "time", "not", "a b"])), st.just("event"))
LITERALS = st.builds(
    Literal,
    st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from([0.5, -99.5, Decimal("1.10"), Decimal("1.0E+5"), Decimal("-0.00000010")]),
)


def _compound(inner):
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    negated = st.booleans()
    patterns = st.text(max_size=4)
    return (
        st.builds(Not, inner)
        | st.builds(Negate, inner)
        | st.builds(And, several)
        | st.builds(Or, several)
        | st.builds(Xor, several)
        | st.builds(Arithmetic, st.sampled_from("+-*/%"), inner, inner)
        | st.builds(Comparison, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), inner, inner)
        | st.builds(Like, inner, patterns, negated)
        | st.builds(Matches, inner, patterns, negated)
        | st.builds(In, inner, several, negated)
        | st.builds(Between, inner, inner, inner, negated)
        | st.builds(Contains, inner, inner, negated)
        | st.builds(IsNull, inner, negated)
        | st.builds(Exists, NAMES)
        | st.builds(Call, st.sampled_from(["LENGTH", "CONCAT", "X_Y"]), several)
    )


TREES = st.recursive(NAMES | LITERALS, _compound, max_leaves=12)


@settings(max_examples=400)
@given(TREES)
def test_a_tree_written_and_read_again_is_the_same(tree):
    assert parse_condition(format_condition(tree)).expression == tree


PAYLOADS = st.dictionaries(
    st.sampled_from("abc"), st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab1", max_size=2), max_size=3
)


@settings(max_examples=300)
@given(TREES, PAYLOADS)
def test_a_condition_never_raises_and_explains_its_own_verdict(tree, payload):
    condition = parse_condition(format_condition(tree))
    verdict = compile_condition(condition)(payload, EVENT)
    assert verdict in (True, False)
    assert explain_condition(condition, payload, EVENT)["matched"] is verdict
    check_condition(condition, MODEL)


def test_conditions_are_written_prettily():
    text = "amount>100 and not(a or b) and x  not in('a',2)and `odd name`.y is not null"
    pretty = "amount > 100 AND NOT (a OR b) AND x NOT IN ('a', 2) AND `odd name`.y IS NOT NULL"
    assert format_condition(parse_condition(text).expression) == pretty


# Checked against a model


RIGHT = [
    "amount > 100 AND address.country IN ('BR', 'PT')",
    "`signed-up` > '2026-01-01' AND born IS NOT NULL",
    "tags CONTAINS 'x' AND lines[0].sku LIKE 'a%'",
    "active AND active = true",
    "event.environment = 'live' AND event.time > '2026-01-01'",
    "id = amount OR id + 1 < amount * 2",
    "name MATCHES '^a' AND LENGTH(name) > 3 AND id LIKE '1%'",
    "plan IN ('free')",
    "INT(name) > 5",
]


@pytest.mark.parametrize("text", RIGHT)
def test_conditions_that_fit_the_model(text):
    assert check_condition(parse_condition(text), MODEL) == []


REGEX = "It is written as Rust's regex crate has it: https://docs.rs/regex/latest/regex/#syntax."
WRONG = [
    ("adress.city = 'x'", "unknown-property", "adress.city", "Did you mean address.city?"),
    ("address.cty = 'x'", "unknown-property", "address.cty", "Did you mean address.city?"),
    ("EXISTS nme", "unknown-property", "nme", "Did you mean name?"),
    ("amount = null", "unknown-property", "null", "Write IS NULL, or IS NOT NULL."),
    ("signed-up > '2026-01-01'", "dashed-name", "signed-up", "A name with - in it stands in backticks: `signed-up`."),
    ("plan = pro", "unknown-property", "pro", "Text stands in quotes: 'pro'."),
    ("amount > 'abc'", "impossible-comparison", "'abc'", None),
    ("amount = '5'", "impossible-comparison", "'5'", "Write a number without quotes: 5."),
    ("name = 5", "impossible-comparison", "5", "Write text in quotes: '5'."),
    ("id IN (1, 'a')", "impossible-comparison", "'a'", None),
    ("name > 'a'", "operator-type", "name", "Only numbers and dates have an order. Cast text with INT(…)."),
    ("active > 3", "operator-type", "active", "Only numbers and dates have an order. Cast text with INT(…)."),
    ("plan = 'por'", "impossible-value", "'por'", "Did you mean pro?"),
    ("plan IN ('free', 'x')", "impossible-value", "'x'", None),
    ("event.environment = 'prod'", "impossible-value", "'prod'", None),
    (
        "`signed-up` > 'soon'",
        "impossible-comparison",
        "'soon'",
        "Write a date as '2026-11-23', or with a time as '2026-11-23T15:00:00Z'.",
    ),
    ("NOT amount > 5", "operator-type", "NOT amount", "Put the whole comparison in parentheses: NOT (amount …)."),
    ("tags = 'x'", "operator-type", "tags", "Use CONTAINS to look for a value in it."),
    ("tags CONTAINS 5", "impossible-comparison", "5", None),
    ("name CONTAINS 'x'", "operator-type", "name", "To look for text in text, use LIKE '%…%'."),
    ("address = 'x'", "operator-type", "address", "Name one of its properties."),
    ("active LIKE 'x'", "operator-type", "active", None),
    ("name + 1 > 3", "operator-type", "name", None),
    ("name MATCHES '('", "bad-pattern", "name MATCHES '('", REGEX),
    ("name MATCHES '(?=a)'", "bad-pattern", "name MATCHES '(?=a)'", REGEX),
    ("LENGHT(name) = 1", "unknown-function", "LENGHT(name)", "Did you mean LENGTH?"),
    ("LEFT(name) = 'a'", "argument-count", "LEFT(name)", "It is LEFT(string, integer)."),
    ("LENGTH(address) = 1", "argument-type", "address", None),
    ("name", "not-a-condition", "name", "Compare it with something: amount > 100."),
    ("active AND amount", "not-a-condition", "amount", "Compare it with something: amount > 100."),
]


@pytest.mark.parametrize(("text", "rule", "part", "next_step"), WRONG)
def test_conditions_that_do_not_fit_the_model(text, rule, part, next_step):
    (finding,) = check_condition(parse_condition(text), MODEL)
    assert (finding.rule, text[finding.start : finding.end], finding.next_step) == (rule, part, next_step)
    assert finding.severity == "error"


def test_an_unknown_part_of_the_envelope_says_what_there_is():
    (finding,) = check_condition(parse_condition("event.nme = 'x'"), MODEL)
    assert finding.message.startswith("The envelope has no event.nme; it has event.id, event.name,")
    assert finding.next_step == "Did you mean event.name? A property of the payload called event is written `event`."


def test_every_mistake_is_found_at_once_and_each_only_once():
    text = "adress.city IN ('a', 'b', 'c') AND amount BETWEEN 'x' AND 5 AND nme BETWEEN 1 AND 2"
    findings = check_condition(parse_condition(text), MODEL)
    assert [text[finding.start : finding.end] for finding in findings] == ["adress.city", "'x'", "nme"]


def test_mixing_and_with_or_is_warned_of_where_sql_would_read_it_otherwise():
    (finding,) = check_condition(parse_condition("id = 1 OR active AND id = 2"), MODEL)
    assert (finding.rule, finding.severity) == ("mixed-operators", "warning")
    assert finding.next_step == "Put parentheses around what belongs together: (id = 1 OR active) AND …"
    assert check_condition(parse_condition("(id = 1 OR active) AND id = 2"), MODEL) == []
    assert check_condition(parse_condition("active AND id = 1 OR id = 2"), MODEL) == []


def test_an_open_model_allows_any_name():
    model = model_from_schema({"type": "object"})
    assert check_condition(parse_condition("what.ever[0] > 5 AND this = 'x' AND more"), model) == []


# Explained


def test_each_clause_is_explained():
    condition = parse_condition("amount > 100 AND (address.zip.code = 'x' OR name = 'Bo') AND born < '2026-01-01'")
    assert explain_condition(condition, PAYLOAD, EVENT, MODEL) == {
        "matched": False,
        "clauses": [
            clause("amount > 100", "amount", 99.5, miss="amount is 99.5, 0.5 short of > 100", distance=0.5),
            clause(
                "address.zip.code = 'x'",
                "address.zip.code",
                None,
                missing=True,
                note="address.zip.code is missing, so the comparison is false: address is an object without zip",
            ),
            clause("name = 'Bo'", "name", "Ana"),
            clause("born < '2026-01-01'", "born", None, note="born is null, so the comparison is false"),
        ],
        "tree": {
            "operator": "AND",
            "verdict": False,
            "parts": [0, {"operator": "OR", "verdict": False, "parts": [1, 2]}, 3],
        },
        "summary": (
            "The condition does not hold: amount is 99.5, 0.5 short of > 100; address.zip.code is missing, so the "
            "comparison is false: address is an object without zip, nor: name = 'Bo' is false, since name is \"Ana\"; "
            "born is null, so the comparison is false."
        ),
    }


def clause(text, name, actual, *, missing=False, verdict=False, note=None, miss=None, distance=None):
    return {
        "clause": text,
        "property": name,
        "actual": actual,
        "missing": missing,
        "verdict": verdict,
        "note": note,
        "nearest_miss": miss,
        "distance": distance,
    }


NEAR = {
    "amount > 100": "amount is 99.4, 0.6 short of > 100",
    "100 < amount": "amount is 99.4, 0.6 short of > 100",
    "amount <= 50.15": "amount is 99.4, 49.25 above <= 50.15",
    "amount > 99.4": "amount is 99.4, which > 99.4 excludes",
    "amount BETWEEN 100.1 AND 200": "amount is 99.4, 0.7 short of BETWEEN 100.1 AND 200",
    "amount BETWEEN 1 AND 99": "amount is 99.4, 0.4 above BETWEEN 1 AND 99",
    "amount = 99.5": "amount is 99.4, 0.1 from 99.5",
    "amount IN (1, 90, 100)": "amount is 99.4, 0.6 from 100",
    "amount != 99.4": "amount is 99.4, exactly what != 99.4 excludes",
    "plan = 'pro'": "plan is \"Pro\", which differs from 'pro' in upper and lower case",
    "plan IN ('enterprise', 'Pro ')": "plan is \"Pro\", which differs from 'Pro ' in white space",
    "city = 'Portu'": "city is \"Porto\", close to 'Portu'",
    "city LIKE 'Pot%'": "city is \"Porto\", which follows the pattern up to 'Po'",
    "city LIKE 'porto%'": "city is \"Porto\", which differs from 'porto%' in upper and lower case",
    "born > '2026-01-01'": "born is \"2025-12-30\", 2 days before > '2026-01-01'",
    "seen < '2026-01-01T08:30:00Z'": (
        "seen is \"2026-01-01T10:00:00Z\", 1 hour 30 minutes after < '2026-01-01T08:30:00Z'"
    ),
    "tags CONTAINS 'new'": "tags has \"New\", which differs from 'new' in upper and lower case",
    "vip": "vip is false",
    "vip OR amount > 100": "vip is false, nor: amount is 99.4, 0.6 short of > 100",
    "NOT (amount > 5)": "amount > 5 holds, and NOT excludes it",
    "NOT (amount > 5 AND city = 'Porto')": "amount > 5 and city = 'Porto' hold, and NOT excludes them",
    "NOT (amount > 5 OR vip)": "amount > 5 holds, and NOT excludes it",
    "NOT (amount > 5 AND NOT vip)": "amount > 5 and NOT vip hold, and NOT excludes them",
    "amount > 5 XOR city = 'Porto'": "XOR wants an odd number of its 2 parts to hold, and 2 do",
    "vip XOR amount > 100": "XOR wants an odd number of its 2 parts to hold, and none do",
    "EXISTS nothing": "nothing is missing",
    "EXISTS deep.inner.it": "deep.inner.it is missing: deep.inner is an object without it",
    "deep.inner.it IS NOT NULL": "deep.inner.it is missing: deep.inner is an object without it",
    "deep.outer.it = 1": "deep.outer.it is missing, so the comparison is false: deep is an object without outer",
    "NOT nothing": "nothing is missing, so the comparison is false",
    "city = 'Rome'": "city = 'Rome' is false, since city is \"Porto\"",
    "amount > 100 AND vip AND plan = 'x' AND city = 'y'": (
        "amount is 99.4, 0.6 short of > 100; vip is false; plan = 'x' is false, since plan is \"Pro\"; and 1 more"
    ),
}


@pytest.mark.parametrize("text", NEAR)
def test_the_nearest_miss_says_what_was_short_of_what(text):
    model = read_model(
        {
            "amount": "number",
            "plan": "string",
            "city": "string",
            "born": "date",
            "seen": "date-time",
            "tags": "string[]",
            "vip": "boolean",
            "nothing": "boolean?",
            "deep": {"inner": {"it": "integer?"}},
        }
    )
    payload = {
        "amount": 99.4,
        "plan": "Pro",
        "city": "Porto",
        "born": "2025-12-30",
        "seen": "2026-01-01T10:00:00Z",
        "tags": ["New"],
        "vip": False,
        "deep": {"inner": {}},
    }
    explained = explain_condition(parse_condition(text), payload, EVENT, model)
    assert explained["summary"] == f"The condition does not hold: {NEAR[text]}."


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("amount > 10", "The condition holds."),
        ("amount > 100", "The condition does not hold: amount is 99.5, 0.5 short of > 100."),
        (
            "active AND limit > 1 AND name = 'Bo'",
            (
                "The condition does not hold: limit is missing, so the comparison is false; "
                "name = 'Bo' is false, since name is \"Ana\"."
            ),
        ),
    ],
)
def test_the_summary_is_a_sentence(text, summary):
    assert explain_condition(parse_condition(text), PAYLOAD, EVENT, MODEL)["summary"] == summary


# For the builder


@pytest.mark.parametrize(
    ("name", "symbols"),
    [
        ("amount", ["=", "!=", ">", ">=", "<", "<=", "BETWEEN", "IN", "NOT IN", "IS NULL", "IS NOT NULL"]),
        ("name", ["=", "!=", "IN", "NOT IN", "LIKE", "NOT LIKE", "MATCHES"]),
        ("plan", ["=", "!=", "IN", "NOT IN"]),
        ("tags", ["CONTAINS", "NOT CONTAINS"]),
        ("active", ["=", "!="]),
        ("address", []),
        ("signed-up", ["=", "!=", ">", ">=", "<", "<=", "BETWEEN", "IN", "NOT IN"]),
    ],
)
def test_operators_fit_the_property(name, symbols):
    found: Property = MODEL.find(name)
    assert [operator.symbol for operator in operators_for(found)] == symbols


def test_the_properties_of_a_condition_are_listed():
    condition = parse_condition("amount > 1 AND address.city = name AND amount < 5 AND event.id = 'x'")
    assert property_names(condition) == ["amount", "address.city", "name"]


@pytest.mark.parametrize(
    "text", ["amount >", "(amount > 1", "amount > 1)", "amount IN ()", "amount IN", "tags[x] = 1", ".a"]
)
def test_what_cannot_be_read_is_answered_with_how_it_is_written(text):
    with pytest.raises(LanguageError) as raised:
        parse_condition(text)
    assert "amount > 100 AND country IN ('BR', 'PT')" in raised.value.next_step
