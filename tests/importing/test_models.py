"""ReactiveHub's models."""

from __future__ import annotations

import pytest

from eventwire.importing.models import translate_model
from eventwire.importing.source import Notes
from eventwire.importing.yaml_files import read_yaml
from eventwire.language.models import compile_model, read_model


def translated(text):
    file, notes = read_yaml(text, "x.yaml"), Notes()
    return translate_model(file, file.data["model"], notes), notes


@pytest.mark.parametrize(
    ("written", "shorthand"),
    [
        ("String", "string?"),
        ("NUMBER", "number?"),
        ("boolean", "boolean?"),
        ("Date", "Date?"),
        ("array", "array?"),
        ("Object", "object?"),
        ("Integer", "integer?"),
        ("any", "any?"),
        ("String[]", "string[]?"),
        ("[String]", {"type": "array?", "items": "string?"}),
        ("[]", "array?"),
        ("{}", "object?"),
        ("{type: String, x: Number}", {"type": "object?", "properties": {"type": "string?", "x": "number?"}}),
    ],
)
def test_types_become_the_shorthand(written, shorthand):
    table, notes = translated(f"model:\n  p: {written}\n")
    assert table == {"p": shorthand}
    assert notes.attention == []
    read_model(table)


def test_what_is_no_type_may_hold_anything_and_is_listed():
    table, notes = translated("model:\n  a: Text\n  b: 5\n  c:\n")
    assert table == {"a": "any?", "b": "any?", "c": "any?"}
    assert [str(each.place) for each in notes.attention] == ["x.yaml:2:3", "x.yaml:3:3", "x.yaml:4:3"]
    assert notes.attention[0].message.startswith("'Text' is no type")


def test_any_property_may_be_missing_as_it_could_there():
    table, _ = translated("model: {at: Date, inner: {x: Number, deep: {y: String}}, list: [{z: Boolean}]}")
    violations = compile_model(read_model(table))
    for payload in ({}, {"inner": None}, {"inner": {}}, {"list": [{}]}, {"at": "2026-01-02"}, {"more": 1}):
        assert violations(payload) == []
    assert violations({"at": "2026-01-02T03:04:05Z"}) == []
    assert violations({"inner": {"x": "1"}}) != []
