"""A model says which properties an event has, in the shorthand of the project file or as a JSON Schema."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventwire.language.findings import LanguageError
from eventwire.language.models import (
    Kind,
    Property,
    compile_model,
    infer_model,
    model_from_schema,
    read_model,
    schema_problem,
    shorthand,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)

CUSTOMER = {
    "id": "integer",
    "name": "string",
    "email": {"type": "string", "format": "email"},
    "plan": {"type": "string", "enum": ["free", "pro"]},
    "address": {"city": "string", "country": "string"},
    "amount": "number?",
    "tags": "string[]",
    "signed-up": "date-time",
    "items": {"type": "array", "items": {"sku": "string", "count": {"type": "integer", "minimum": 1}}},
}
ANA = {
    "id": 1,
    "name": "Ana",
    "email": "ana@example.com",
    "plan": "pro",
    "address": {"city": "Recife", "country": "BR"},
    "amount": 99.5,
    "tags": ["new"],
    "signed-up": "2026-11-23T15:00:00Z",
    "items": [{"sku": "a-1", "count": 2}],
}


def test_the_shorthand_becomes_json_schema():
    assert read_model(CUSTOMER).schema == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "name": {"type": "string"},
            "email": {"type": "string", "format": "email"},
            "plan": {"type": "string", "enum": ["free", "pro"]},
            "address": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "country": {"type": "string"}},
                "required": ["city", "country"],
            },
            "amount": {"type": ["number", "null"]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "signed-up": {"type": "string", "format": "date-time"},
            "items": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"sku": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
                    "required": ["sku", "count"],
                },
            },
        },
        "required": ["id", "name", "email", "plan", "address", "tags", "signed-up", "items"],
    }


def test_every_path_of_a_model_can_be_listed_and_found():
    model = read_model(CUSTOMER)
    paths = [path for path, _ in model.paths()]
    assert paths == [
        *("id", "name", "email", "plan", "address", "address.city", "address.country", "amount", "tags", "tags[0]"),
        *("signed-up", "items", "items[0]", "items[0].sku", "items[0].count"),
    ]
    assert all(model.find(path) is not None for path in paths)
    assert model.find("address.zip") is None
    assert model.find("name.first") is None


def test_what_is_below_something_optional_is_optional():
    model = read_model({"a": {"type": "object?", "properties": {"b": "string"}}, "list": "string[]"})
    assert model.find("a.b").optional
    assert model.find("list[3]").optional


@pytest.mark.parametrize(
    ("written", "kind", "optional"),
    [
        ("string", Kind.STRING, False),
        ("String", Kind.STRING, False),
        ("NUMBER?", Kind.NUMBER, True),
        ("Boolean", Kind.BOOLEAN, False),
        ("Array", Kind.ARRAY, False),
        ("Object", Kind.OBJECT, False),
        ("Date", Kind.DATE_TIME, False),
        ("date", Kind.DATE, False),
        ("datetime", Kind.DATE_TIME, False),
        ("integer[]?", Kind.ARRAY, True),
        ({"type": "string", "optional": True}, Kind.STRING, True),
        ({"type": "string"}, Kind.STRING, False),
        ({"type": "string", "title": "string"}, Kind.OBJECT, False),
        ({"type": "string", "name": "string"}, Kind.OBJECT, False),
        ({"type": "string", "format": "date"}, Kind.STRING, False),
        ({"type": "object", "properties": {"type": "string"}}, Kind.OBJECT, False),
        ({}, Kind.OBJECT, False),
    ],
)
def test_ways_to_write_a_property(written, kind, optional):
    found = read_model({"x": written}).properties["x"]
    assert (found.kind, found.optional) == (kind, optional)


def test_reactivehubs_date_takes_a_date_or_a_date_time():
    violations = compile_model(read_model({"on": "Date"}))
    assert violations({"on": "2026-11-23"}) == []
    assert violations({"on": "2026-11-23T15:00:00.000Z"}) == []
    assert violations({"on": "soon"}) == [
        ("on", 'must have one of the forms that the model allows, not the text "soon"')
    ]


def test_every_mistake_in_a_model_is_found_at_once():
    with pytest.raises(LanguageError) as refused:
        read_model(
            {"a": "strin", "b": 5, "c": {"d": {"type": "string", "minimun": 3}}, "e": {"type": "array", "items": 1}}
        )
    assert [(finding.rule, finding.keys, finding.message) for finding in refused.value.findings] == [
        ("unknown-type", ("a",), '"strin" is not a type.'),
        ("bad-model", ("b",), "b is 5, which is no type."),
        ("bad-model", ("c", "d", "minimun"), "c.d.minimun is 3, which is no type."),
        ("bad-model", ("e", "items"), "e.items is 1, which is no type."),
    ]
    assert refused.value.findings[0].next_step.startswith("Did you mean string?")
    assert refused.value.findings[2].next_step.startswith("Did you mean minimum?")


def test_a_keyword_with_a_wrong_value_is_found_in_its_place():
    with pytest.raises(LanguageError) as refused:
        read_model({"a": {"properties": {"type": "string", "pattern": "("}}})
    assert refused.value.findings[0].keys == ("a", "properties", "pattern")
    assert "is not a" in refused.value.findings[0].message


@pytest.mark.parametrize(
    ("table", "keys", "message"),
    [
        ({"type": "string", "enum": []}, ("x", "enum"), "`enum` lists no value: nothing would fit."),
        ({"type": "string", "enum": ["a", 5]}, ("x", "enum", 1), "`enum` lists 5, which is no string."),
        ({"type": "integer?", "enum": [True]}, ("x", "enum", 0), "`enum` lists True, which is no integer."),
        ({"type": "number", "enum": [1, 1.5, "2"]}, ("x", "enum", 2), "`enum` lists '2', which is no number."),
        ({"type": "boolean", "enum": [0]}, ("x", "enum", 0), "`enum` lists 0, which is no boolean."),
    ],
)
def test_an_enum_that_nothing_can_satisfy(table, keys, message):
    with pytest.raises(LanguageError) as refused:
        read_model({"x": table})
    assert [(each.keys, each.message) for each in refused.value.findings] == [(keys, message)]


def test_an_enum_of_any_type_lists_values_of_that_type():
    for table in (
        {"type": "String", "enum": ["a"]},
        {"type": "integer", "enum": [1, 2]},
        {"type": "number", "enum": [1, 2.5]},
        {"type": "boolean", "enum": [True]},
        {"type": "Date", "enum": ["2026-01-02"]},
        {"type": "array", "enum": [["a"], []]},
        {"type": "any", "enum": [1, "a"]},
    ):
        assert read_model({"x": table}).properties["x"].enum is not None


def test_a_payload_that_fits_has_no_violations():
    assert compile_model(read_model(CUSTOMER))(ANA) == []


def test_every_violation_is_listed_by_property():
    payload = {
        "id": "abc",
        "email": "nobody",
        "plan": "gold",
        "address": {"city": None},
        "amount": True,
        "tags": ["a", 1],
        "signed-up": "yesterday",
        "items": [{"sku": "a", "count": 0}, "b"],
    }
    assert compile_model(read_model(CUSTOMER))(payload) == [
        ("address.city", "must be text, not null"),
        ("address.country", "is missing"),
        ("amount", "must be a number, not true"),
        ("email", 'must be an e-mail address, not the text "nobody"'),
        ("id", 'must be an integer, not the text "abc"'),
        ("items[0].count", "must be at least 1, not the number 0"),
        ("items[1]", 'must be an object, not the text "b"'),
        ("name", "is missing"),
        ("plan", 'must be the text "free" or the text "pro", not the text "gold"'),
        ("signed-up", 'must be a date-time with its zone, as in 2026-11-23T15:00:00Z, not the text "yesterday"'),
        ("tags[1]", "must be text, not the number 1"),
    ]


@pytest.mark.parametrize(
    ("keywords", "value", "sentence"),
    [
        ({"type": "string", "maxLength": 2}, "abc", 'must have at most 2 characters, not the text "abc"'),
        ({"type": "string", "pattern": "^a"}, "b", 'must match the pattern ^a, not the text "b"'),
        ({"type": "string", "const": "a"}, "b", 'must be the text "a", not the text "b"'),
        ({"type": "number", "exclusiveMaximum": 5}, 5, "must be less than 5, not the number 5"),
        ({"type": "array", "maxItems": 1}, [1, 2], "must have at most 1 elements, not a list"),
        ({"type": "array", "uniqueItems": True}, [1, 1], "must have no element twice, not a list"),
        ({"type": "object", "additionalProperties": False}, {"a": 1}, "is not allowed"),
    ],
)
def test_sentences_for_keywords(keywords, value, sentence):
    ((_, found),) = compile_model(read_model({"x": keywords}))({"x": value})
    assert found == sentence


def test_numbers_of_any_size_are_validated():
    violations = compile_model(read_model({"i": "integer", "n": {"type": "number", "minimum": 1}}))
    assert violations({"i": 10**400, "n": Decimal("1.00000000000000000000000000000001")}) == []
    assert violations({"i": Decimal("1.5"), "n": Decimal("0.99999999999999999999999999")}) == [
        ("i", "must be an integer, not the number 1.5"),
        ("n", "must be at least 1, not the number 0.99999999999999999999999999"),
    ]


def test_half_a_character_is_a_violation_and_no_crash():
    violations = compile_model(read_model({"x": "date"}))({"x": "\ud800"})
    assert violations == [("", "holds half a character (a lone surrogate), which is no Unicode text")]


def test_an_optional_property_may_be_null():
    violations = compile_model(read_model({"x": {"type": "string", "enum": ["a"], "optional": True}}))
    assert violations({}) == violations({"x": None}) == violations({"x": "a"}) == []
    assert violations({"x": "b"}) == [("x", 'must be the text "a", not the text "b"')]


SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "customer": {"$ref": "#/$defs/customer"},
        "lines": {"type": "array", "items": {"allOf": [{"$ref": "#/$defs/line"}, {"required": ["sku"]}]}},
        "note": {"type": ["string", "null"]},
        "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        "extra": {"type": "object"},
    },
    "required": ["id", "customer", "note"],
    "$defs": {
        "customer": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "since": {"type": "string", "format": "date"}},
            "required": ["name"],
        },
        "line": {"type": "object", "properties": {"sku": {"type": "string"}, "parent": {"$ref": "#/$defs/line"}}},
    },
}


def test_a_json_schema_is_a_model():
    model = model_from_schema(SCHEMA)
    assert model.schema == SCHEMA
    assert model.closed
    assert model.find("customer.name") == Property(Kind.STRING)
    assert model.find("customer.since").kind is Kind.DATE
    assert model.find("customer.since").optional
    assert model.find("lines[0].sku").kind is Kind.STRING
    assert model.find("lines[0].parent.parent.sku").kind is Kind.STRING
    assert model.find("note").optional
    assert model.find("either.anything").kind is Kind.ANY
    assert model.find("extra.anything").kind is Kind.ANY
    assert model.find("customer.nme") is None


def test_a_schema_that_lists_no_properties_is_open():
    assert model_from_schema({"type": "object"}).find("what.ever") is not None
    assert model_from_schema({"type": "object", "additionalProperties": False}).find("what") is None
    assert model_from_schema({"properties": {"a": {}}, "additionalProperties": True}).find("b") is not None


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        ({"type": "strin"}, "This is not a JSON Schema at type"),
        ({"properties": {"a": {"minimum": "x"}}}, "This is not a JSON Schema at properties.a.minimum"),
        ({"$ref": "https://example.com/other.json"}, "nothing is fetched"),
        ({"$ref": "#/$defs/none"}, "This is not a JSON Schema"),
        ({"type": "array"}, "The schema of a payload describes an object."),
    ],
)
def test_what_is_no_schema_of_a_payload_is_refused(schema, sentence):
    with pytest.raises(LanguageError) as refused:
        model_from_schema(schema)
    assert sentence in str(refused.value)


def test_a_schema_that_refers_to_itself_in_many_ways_is_followed_only_so_far():
    node = {"type": "object", "properties": {f"p{number}": {"$ref": "#/$defs/node"} for number in range(10)}}
    model = model_from_schema({"$ref": "#/$defs/node", "$defs": {"node": node}})
    assert model.find("p1.p2") is not None
    assert len(model.paths()) < 20_000


def test_a_schema_that_is_nothing_but_itself_is_open():
    assert model_from_schema({"$ref": "#"}).find("what.ever") is not None


def test_values_from_a_toml_reader_become_plain_ones():
    import tomlkit

    table = tomlkit.parse('x = { type = "string", enum = ["a", "b"] }\nn = { type = "integer", minimum = 1 }')
    schema = read_model(table).schema
    assert schema["properties"]["x"] == {"type": "string", "enum": ["a", "b"]}
    assert {type(value) for value in schema["properties"]["n"].values()} == {str, int}


def test_schema_problem_is_none_for_a_schema():
    assert schema_problem(SCHEMA) is None


def test_a_model_is_inferred_from_a_sample():
    sample = {
        "id": 1,
        "name": "Ana",
        "amounts": [1, 2.5],
        "lines": [{"sku": "a", "count": 1}, {"sku": "b", "note": None}],
        "nothing": None,
        "on": "2026-11-23",
        "at": "2026-11-23T15:00:00Z",
        "not a date": "2026-99-99",
        "empty": [],
        "kind": {"type": "x"},
        "mixed": [1, "a"],
        "holes": ["a", None],
        "grid": [[1], [2]],
    }
    assert infer_model(sample) == {
        "id": "integer",
        "name": "string",
        "amounts": "number[]",
        "lines": {"type": "array", "items": {"sku": "string", "count": "integer?", "note": "any?"}},
        "nothing": "any?",
        "on": "date",
        "at": "date-time",
        "not a date": "string",
        "empty": "array",
        "kind": {"type": "object", "properties": {"type": "string"}},
        "mixed": "any[]",
        "holes": {"type": "array", "items": "string?"},
        "grid": "integer[][]",
    }


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_a_sample_fits_the_model_inferred_from_it(sample):
    model = read_model(infer_model(sample))
    assert compile_model(model)(json.loads(json.dumps(sample))) == []


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_a_model_is_written_as_it_was_read(sample):
    table = infer_model(sample)
    model = read_model(table)
    assert {name: shorthand(each) for name, each in model.properties.items()} == table


def test_keywords_are_written_again():
    assert {name: shorthand(each) for name, each in read_model(CUSTOMER).properties.items()} == CUSTOMER


def test_a_pattern_with_look_around_cannot_hang_the_pipeline():
    model = read_model({"a": {"type": "string", "pattern": "(x+x+)+(?!z)y"}})
    ((path, sentence),) = compile_model(model)({"a": "x" * 3000})
    assert path == "a"
    assert sentence.startswith("must match its pattern in fewer steps, not the text ")
