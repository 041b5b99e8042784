"""A path names a property: names with dots, list indexes in brackets, odd names in backticks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventwire.language.findings import LanguageError
from eventwire.language.parser import parse
from eventwire.language.paths import MISSING, format_path, look_up, parse_path
from eventwire.language.syntax import Name

PATHS = st.tuples(st.text()).flatmap(
    lambda first: st.lists(st.text() | st.integers(0, 999_999_999), max_size=4).map(lambda rest: (*first, *rest))
)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("name", ("name",)),
        ("address.city", ("address", "city")),
        ("items[0].sku", ("items", 0, "sku")),
        ("grid[1][2]", ("grid", 1, 2)),
        ("signed-up", ("signed-up",)),
        ("`first name`.`a``b`", ("first name", "a`b")),
        ("straße.größe", ("straße", "größe")),
    ],
)
def test_paths_as_they_are_written(text, path):
    assert parse_path(text) == path
    assert format_path(path) == text


@pytest.mark.parametrize("text", ["", ".", "a.", "a..b", "a[", "a[x]", "a[-1]", "a b", "`a", "[0]", "a[0]b"])
def test_what_is_no_path_is_refused_with_its_place(text):
    with pytest.raises(LanguageError) as refused:
        parse_path(text)
    assert refused.value.findings[0].rule == "bad-path"


@given(PATHS)
def test_every_path_can_be_written_and_read_again(path):
    assert parse_path(format_path(path)) == path


@given(PATHS)
def test_every_path_can_be_named_in_a_condition(path):
    tree, _ = parse(format_path(path, condition=True))
    assert tree == Name(path)


def test_looking_up_tells_missing_from_null():
    payload = {"a": {"b": [10, {"c": None}]}, "text": "abc"}
    assert look_up(("a", "b", 0), payload) == 10
    assert look_up(("a", "b", 1, "c"), payload) is None
    assert look_up(("a", "b", 2), payload) is MISSING
    assert look_up(("a", "x", "y"), payload) is MISSING
    assert look_up(("text", 0), payload) is MISSING
    assert look_up(("a", 0), payload) is MISSING
