"""Excerpts of the project file in narrow terminals: the carets stand below what they mean."""

from __future__ import annotations

import pytest

from eventwire.project.toml import draw_excerpt, width
from eventwire.terminal.excerpts import fit_excerpts
from tests.tools import EVENTWIRE, Terminal, make_shop

LINE = "where = \"plan IN ('one', 'two', '三', 'four') AND amount > 10 AND ammount < 1000 OR name = 'the end'\""


@pytest.mark.parametrize("columns", [30, 40, 60, 80, 100])
@pytest.mark.parametrize("word", ["where", "plan", "三", "four", "ammount", "1000", "the end", '"'])
def test_the_carets_stand_below_what_they_mean(columns, word):
    excerpt = draw_excerpt(LINE, LINE.index(word) + 1, len(word))
    first, line, carets, last = fit_excerpts(f"first\n{excerpt}\nlast", columns).split("\n")
    assert (first, last) == ("first", "last")
    assert width(line) <= columns
    assert width(line[: line.index(word)]) == carets.index("^")
    assert carets.count("^") == width(word)


def test_what_is_longer_than_the_terminal_is_marked_as_far_as_it_is_shown():
    _, carets = fit_excerpts(draw_excerpt(LINE, 10, 70), 40).split("\n")
    assert carets == "   " + "^" * 36


def test_text_without_excerpts_stays_as_it_is():
    for text in ("", "a sentence that is long", "  ^", "x\n^^\ny"):
        assert fit_excerpts(text, 5) == text


@pytest.mark.parametrize("command", ["check", "run new-customer"])
def test_errors_on_a_terminal_of_40_columns(tmp_path, command):
    shop = make_shop(tmp_path / "shop")
    with (shop / "eventwire.toml").open("a", encoding="utf-8") as file:
        file.write(
            "\n[events.new-customer.filters.long]\nwhere = 'id = 1 AND name != \"x\" AND id < 5 AND ammount > 1'\n"
        )
    with Terminal(EVENTWIRE, *command.split(), folder=shop, columns=40) as terminal:
        assert terminal.end() == 3
        lines = terminal.text.split("\n")
    below = next(number for number, line in enumerate(lines) if "^^^" in line and "ammount" in lines[number - 1])
    start = lines[below].index("^")
    assert lines[below - 1][start : start + len("ammount")] == "ammount"
