"""Tables in terminals of any width."""

from __future__ import annotations

import io

import pytest

from eventwire.terminal.session import Session
from eventwire.terminal.tables import draw_table

ROWS = [("2026-01-02", "new-customer", "01kb7c0000000000000000"), ("2026-01-03", "paid", "01kb7c0000000000000001")]


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(width: int, *rows: tuple[str, ...]) -> str:
    session = Session(Screen(), Screen(), Screen(), {"COLUMNS": str(width), "NO_COLOR": "1"})
    return draw_table(session, ("When", "Event", "Run"), rows or ROWS)


def test_columns_stand_beside_each_other():
    assert drawn(80) == (
        "When        Event         Run\n"
        "2026-01-02  new-customer  01kb7c0000000000000000\n"
        "2026-01-03  paid          01kb7c0000000000000001"
    )


def test_a_last_column_without_room_stands_below():
    assert drawn(40) == (
        "When        Event\n"
        "2026-01-02  new-customer\n"
        "  01kb7c0000000000000000\n"
        "2026-01-03  paid\n"
        "  01kb7c0000000000000001"
    )


def test_rows_that_fit_in_no_way_are_paragraphs():
    assert (
        drawn(23) == "2026-01-02\n  new-customer\n  01kb7c0000000000000000\n2026-01-03  paid\n  01kb7c0000000000000001"
    )


def test_the_last_column_wraps():
    assert drawn(50, ("a", "b", "some words that do not fit on one line here")) == (
        "When  Event  Run\na     b      some words that do not fit on one\n             line here"
    )


@pytest.mark.parametrize("width", range(1, 60))
def test_words_and_names_stay_whole(width):
    for word in ("2026-01-02", "new-customer", "01kb7c0000000000000000"):
        assert word in drawn(width)
