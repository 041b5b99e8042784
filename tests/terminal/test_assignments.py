"""Values given by flags: read as their field's type, and written back as the same flags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventwire.errors import UsageError
from eventwire.fields import Field, FieldType
from eventwire.terminal.assignments import read_assignments, write_assignments

FIELDS = (
    Field("table", "Table"),
    Field("port", "Port", type=FieldType.INTEGER),
    Field("ratio", "Ratio", type=FieldType.NUMBER),
    Field("tls", "TLS", type=FieldType.BOOLEAN),
    Field("values", "Values", type=FieldType.TABLE),
    Field("to", "To", type=FieldType.LIST),
    Field("json", "JSON", type=FieldType.ANY),
    Field("password", "Password", secret=True),
)


def read(*given: str):
    return read_assignments(given, FIELDS, "--set")


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("table=customers", {"table": "customers"}),
        ("table=5", {"table": "5"}),
        ("table=a=b", {"table": "a=b"}),
        ("port=5432", {"port": 5432}),
        ("port={port}", {"port": "{port}"}),
        ("ratio=0.5", {"ratio": 0.5}),
        ("tls=TRUE", {"tls": True}),
        ("values.id={id}", {"values": {"id": "{id}"}}),
        ("values.n=5", {"values": {"n": 5}}),
        ('values.n="5"', {"values": {"n": "5"}}),
        ('values={"id": "{id}"}', {"values": {"id": "{id}"}}),
        ("to=a@example.com", {"to": ["a@example.com"]}),
        ('to=["a", "b"]', {"to": ["a", "b"]}),
        ("json.user.name={name}", {"json": {"user": {"name": "{name}"}}}),
        ("json=[1, 2]", {"json": [1, 2]}),
    ],
)
def test_a_flag_is_read_as_its_fields_type(flag, value):
    assert read(flag) == value


def test_flags_for_one_table_and_one_list_add_up():
    assert read("values.id={id}", "values.name={name}", "to=a", "to=b") == {
        "values": {"id": "{id}", "name": "{name}"},
        "to": ["a", "b"],
    }


@pytest.mark.parametrize(
    ("flag", "sentence"),
    [
        ("table", "is not KEY=VALUE"),
        ("tabel=x", 'there is no field "tabel"'),
        ("port=many", "takes a number"),
        ("tls=maybe", "is true or false"),
        ("values=x", "is a table"),
        ("table.x.y=1", "reaches into a value"),
    ],
)
def test_what_is_wrong_is_said(flag, sentence):
    with pytest.raises(UsageError, match=sentence):
        read("table=x", flag)


def test_a_misspelt_field_is_recognised():
    with pytest.raises(UsageError) as raised:
        read("tabel=x")
    assert raised.value.next_step == "Did you mean table?"


def test_a_secret_is_refused_and_not_repeated():
    with pytest.raises(UsageError, match="is a secret") as raised:
        read("password=hunter2")
    assert "hunter2" not in str(raised.value)
    assert "--set-secret password=env:VARIABLE" in raised.value.next_step


SCALARS = st.one_of(st.text(), st.integers(), st.booleans(), st.none())
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "table": st.text(),
            "port": st.integers(),
            "tls": st.booleans(),
            "values": st.dictionaries(st.text(), JSON, max_size=4),
            "to": st.lists(JSON, min_size=1, max_size=3),
            "json": JSON,
        },
    )
)
def test_written_flags_read_back_as_the_same_values(values):
    flags = write_assignments(values, FIELDS, "--set")
    assert read_assignments(flags[1::2], FIELDS, "--set") == values
