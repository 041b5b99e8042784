"""Places: for every way of writing TOML, each key and value is found where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from eventwire.errors import ProjectError
from eventwire.project.toml import Document

SPACE = st.sampled_from(["", " ", "\t"])
LINE_END = st.sampled_from(["\n", "\r\n"])
TRIVIA = st.sampled_from(["", " ", "\n", " # a ]} comment\n ", "\r\n\t"])
KEY_PARTS = st.sampled_from(["a", "b", "c-1", '"a b"', "'q.x'", '"\\u00e9"'])
KEYS = st.lists(KEY_PARTS, min_size=1, max_size=3).flatmap(
    lambda parts: SPACE.map(lambda gap: f"{gap}.{gap}".join(parts))
)


def text_of(pieces, quote):
    return st.lists(st.sampled_from(pieces), max_size=6).map(lambda chosen: quote + "".join(chosen) + quote)


SCALARS = st.one_of(
    text_of(["a", "é", "🤖", "\\n", "\\t", "\\u00e9", "\\U0001F600", '\\"', "\\\\", "#", "]"], '"'),
    text_of(["a", "🤖", "\\", '"', "#", "="], "'"),
    text_of(["a", '"', '""', "\n", "\r\n", "\\\n  ", "\\ \n\n", '\\"', "🤖", "#"], '"""'),
    text_of(["a", "'", "''", "\n", "\r\n", "\\", "🤖"], "'''"),
    st.sampled_from(["1", "-1.5", "1_000", "0xff", "true", "1979-05-27", "1979-05-27 07:32:00Z", "07:32:00"]),
)


def lists_of(values):
    elements = st.lists(st.tuples(TRIVIA, values, TRIVIA).map("".join), max_size=3)
    return elements.map(lambda each: f"[{','.join(each)}]")


def tables_of(values):
    pairs = st.lists(st.tuples(TRIVIA, KEYS, SPACE, st.just("="), SPACE, values, TRIVIA).map("".join), max_size=3)
    return pairs.map(lambda each: "{" + ",".join(each) + "}")


VALUES = st.recursive(SCALARS, lambda values: lists_of(values) | tables_of(values), max_leaves=5)
PAIRS = st.tuples(SPACE, KEYS, SPACE, st.just("="), SPACE, VALUES, SPACE, st.sampled_from(["", '# "x" [']), LINE_END)
HEADERS = st.tuples(SPACE, KEYS, st.booleans(), LINE_END).map(
    lambda parts: f"[[{parts[1]}]]{parts[3]}" if parts[2] else f"{parts[0]}[{parts[1]}]{parts[3]}"
)
STATEMENTS = st.one_of(PAIRS.map("".join), HEADERS, st.sampled_from(["\n", "  \n", "# a comment\n", "\t# é\r\n"]))


@st.composite
def documents(draw):
    """A text that is TOML: of random statements those that may follow what stands before them."""
    text = ""
    for statement in draw(st.lists(STATEMENTS, min_size=1, max_size=8)):
        try:
            tomli.loads(text + statement)
        except tomli.TOMLDecodeError:
            continue
        text += statement
    return text


def values_in(data, keys=()):
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        yield (*keys, key), value
        yield from values_in(value, (*keys, key))


@settings(max_examples=300, deadline=None)
@given(text=documents())
def test_every_key_and_value_is_found_where_it_stands(text):
    document = Document(text, Path("eventwire.toml"))
    for keys, value in values_in(document.data):
        mark = document.scan.marks[keys]
        if isinstance(keys[-1], str):
            assert tomli.loads(f"{text[mark.key_start : mark.key_end]} = 1") == {keys[-1]: 1}
        if not isinstance(value, dict | list):
            assert tomli.loads(f"v = {text[mark.value_start : mark.value_end]}") == {"v": value}


@settings(max_examples=200, deadline=None)
@given(text=SCALARS.filter(lambda written: written[0] in "\"'"))
def test_every_character_of_a_text_is_found_where_it_stands(text):
    try:
        document = Document(f"v = {text}", Path("eventwire.toml"))
    except ProjectError:
        return  # three quotes in a row close a text early
    lines = document.text.split("\n")
    for offset, char in enumerate(document.data["v"]):
        place = document.place_at(("v",), offset)
        written = (lines[place.line - 1] + "\n")[place.column - 1]
        assert written in (char, "\\") or (char, written) == ("\n", "\r")


@settings(max_examples=200, deadline=None)
@given(text=documents())
def test_statements_are_whole_lines_and_leave_only_comments_between(text):
    end = 0
    for statement in Document(text, Path("eventwire.toml")).scan.statements:
        between = text[end : statement.start].split("\n")
        assert all(not line.strip() or line.strip().startswith("#") for line in between)
        assert statement.start == 0 or text[statement.start - 1] == "\n"
        end = statement.end
    assert all(not line.strip() or line.strip().startswith("#") for line in text[end:].split("\n"))


def test_a_key_that_is_missing_is_placed_where_it_belongs():
    document = Document('[a]\nx = 1\n\n[a.b]\ny = "é"\n', Path("eventwire.toml"))
    assert document.place(("a", "b", "z"), of="key") == ("eventwire.toml", 4, 4)
    assert document.place(("zzz",)) == ("eventwire.toml", 1, 1)


def test_lists_nested_as_deep_as_the_parser_reads_are_scanned():
    document = Document("a = " + "[" * 300 + "]" * 300, Path("eventwire.toml"))
    assert document.place(("a", *[0] * 299)).column == 304


@pytest.mark.parametrize(
    ("line", "column", "length", "excerpt"),
    [
        ("where = 'amonut > 1'", 10, 6, "  where = 'amonut > 1'\n           ^^^^^^"),
        ("a = '🤖日' # x", 8, 1, "  a = '🤖日' # x\n           ^"),
        ("\tx = 1", 2, 1, "   x = 1\n   ^"),
        ("a = \x1b[2J", 5, 9, "  a = ·[2J\n      ^^^^"),
    ],
)
def test_the_caret_stands_below_what_is_meant(line, column, length, excerpt):
    from eventwire.project.toml import draw_excerpt

    assert draw_excerpt(line, column, length) == excerpt


def test_a_long_line_is_cut_around_the_caret():
    from eventwire.project.toml import draw_excerpt

    shown, carets = draw_excerpt("x" * 500 + "HERE" + "y" * 500, 501, 4).split("\n")
    assert len(shown) < 110
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "HERE"
