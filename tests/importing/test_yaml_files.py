"""YAML with the place of everything in it."""

from __future__ import annotations

import sys

import pytest

from eventwire.errors import MissingExtra, ProjectError
from eventwire.importing import yaml_files
from eventwire.importing.yaml_files import MOST_VALUES, read_yaml


def errors(text):
    with pytest.raises(ProjectError) as raised:
        read_yaml(text, "x.yaml")
    return [f"{each.place}: {each.message}" for each in raised.value.problems]


def test_values_are_those_of_yaml_1_2():
    text = "{a: no, b: on, c: 2020-01-01, d: 12:30, e: 0o17, f: 1e3, g: TRUE, h: ~, i: 010, j: '5', k: !!str 5, l: .5}"
    assert read_yaml(text, "x").data == {
        "a": "no",
        "b": "on",
        "c": "2020-01-01",
        "d": "12:30",
        "e": 15,
        "f": 1000.0,
        "g": True,
        "h": None,
        "i": 10,
        "j": "5",
        "k": "5",
        "l": 0.5,
    }


def test_every_key_and_item_has_its_place():
    file = read_yaml("a:\n  - b: 1\n    c: 2\n  -\n    d: 3\n", "x.yaml")
    assert str(file.place(("a", 0, "c"))) == "x.yaml:3:5"
    assert str(file.place(("a", 1))) == "x.yaml:5:5"
    assert str(file.place(("a", 1, "d", "nowhere"))) == "x.yaml:5:5"


def test_aliases_and_merged_tables_are_followed():
    text = "base: &b {x: 1, y: 2}\nown:\n  <<: *b\n  y: 3\nsame: *b\n"
    assert read_yaml(text, "x").data == {"base": {"x": 1, "y": 2}, "own": {"x": 1, "y": 3}, "same": {"x": 1, "y": 2}}


def test_an_alias_that_multiplies_itself_meets_a_limit():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (error,) = errors("\n".join(lines))
    assert f"more than {MOST_VALUES:,} values" in error


@pytest.mark.parametrize("text", ["a: &x [*x]", "&x {a: *x}", "[" * 5000, "&x {<<: *x, a: 1}"])
def test_what_never_ends_and_what_is_too_deep_is_an_error(text):
    assert "levels deep" in errors(text)[0]


def test_mistakes_are_told_all_at_once_with_their_places():
    text = "a: 1\na: 2\nb: !!python/object:os.system x\n? [c]\n: 3\n"
    assert errors(text) == [
        'x.yaml:2:1: The key "a" stands here a second time.',
        "x.yaml:3:4: The tag !!python/object:os.system means nothing here.",
        "x.yaml:4:3: A key is text on one line.",
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [1,\nb: 2", "x.yaml:2:5"),
        ("a: 'open", "x.yaml:1:9"),
        ("a: *gone", "x.yaml:1:4"),
        ("a: 1\nb: \x07", "x.yaml:2:4"),
    ],
)
def test_what_is_no_yaml_has_a_place(text, place):
    (error,) = errors(text)
    assert error.startswith(f"{place}: This is not YAML")


def test_a_character_in_two_escapes_is_one():
    assert read_yaml('a: "\\ud83c\\udf5e"', "x").data == {"a": "🍞"}


def test_half_a_character_is_refused():
    assert errors('a: "\\ud800"') == ["x.yaml:1:4: The text holds half a character."]


def test_a_file_that_is_too_long_is_refused_unread():
    assert errors("#" * (yaml_files.LONGEST + 1))[0].endswith("more than 1,000,000 characters.")


def test_without_the_library_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    yaml_files.loader_class.cache_clear()
    with pytest.raises(MissingExtra) as raised:
        read_yaml("a: 1", "x")
    assert str(raised.value).endswith("not installed.\nInstall it with: pip install 'eventwire[import]'")
