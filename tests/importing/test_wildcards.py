"""ReactiveHub's wildcards."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventwire.fields import Context
from eventwire.importing.wildcards import known_paths, translate_text, translate_value, without_quotes
from eventwire.language.models import read_model
from eventwire.language.wildcards import parse_template

MODEL = read_model(
    {
        "name": "string",
        "first name": "string",
        "order-id": "string",
        "billing": {"amount": "number"},
        "items": {"type": "array", "items": {"sku": "string"}},
        "event": {"id": "string"},
    }
)
PATHS = known_paths(MODEL)


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("{name}", "{name}"),
        ("{ billing.amount }", "{billing.amount}"),
        ("{order-id}-{name}", "{order-id}-{name}"),
        ("{first name}", "{`first name`}"),
        ("{event.id}", "{`event`.id}"),
        ("{items[0].sku}", "{items[0].sku}"),
        ("{event.name}", "{`event`.name}"),
        ("{unknown}", "{unknown}"),
        ("{}", "{{}}"),
        ("{0} and {1,2}", "{{0}} and {{1,2}}"),
        ('{"a": {name}}', '{{"a": {name}}}'),
        ("{{name}}", "{{{name}}}"),
        ("a { b", "a {{ b"),
        ("body {color: red}", "body {{color: red}}"),
    ],
)
def test_a_property_stays_a_wildcard_and_every_other_brace_is_text(there, here):
    assert translate_text(there, PATHS) == here
    parse_template(here, Context.TEXT)


def test_tables_and_lists_are_translated_inside():
    assert translate_value({"{": ["{name}", 5, None, {"a": "{}"}]}, PATHS) == {"{{": ["{name}", 5, None, {"a": "{{}}"}]}


PAYLOAD = {"name": "Ana", "billing": {"amount": 5}}


@given(st.lists(st.sampled_from(["{name}", "{billing.amount}", "{", "}", "{}", " ", "0", "{,}"]), max_size=12))
def test_what_is_rendered_is_what_a_substitution_of_text_gave(parts):
    text = "".join(parts)
    expected = re.sub(r"\{name\}", "Ana", re.sub(r"\{billing\.amount\}", "5", text))
    assert str(parse_template(translate_text(text, PATHS), Context.TEXT).render(PAYLOAD, {})) == expected


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("VALUES ('{name}', {id})", "VALUES ({name}, {id})"),
        ("LIKE '%{name}%'", "LIKE '%{name}%'"),
        ("'it''{name}'", "'it''{name}'"),
        ("'{a}' || '{b}'", "{a} || {b}"),
    ],
)
def test_quotes_around_a_wildcard_alone_are_dropped_from_sql(there, here):
    assert without_quotes(there) == here
