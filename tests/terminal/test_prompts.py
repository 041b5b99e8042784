"""What prompts show in terminals of any width."""

from __future__ import annotations

import pytest

from tests.tools import EVENTWIRE, Terminal, make_shop, pick

WAY = "How do you want to describe the payload?"


@pytest.fixture
def shop(tmp_path):
    return make_shop(tmp_path / "shop")


def test_an_answer_is_shown_without_the_note_beside_its_choice(shop):
    with Terminal(EVENTWIRE, "add:event", "paid", folder=shop) as terminal:
        terminal.play([pick(WAY, "I list its properties")])
        assert f"? {WAY} I list its properties\n? Property:" in terminal.asked("Property:")


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (80, "I list its properties              name and type, one by one"),
        (60, "I list its properties              name and type, one b…"),
        (40, "I list its properties"),
    ],
)
def test_a_note_takes_the_room_there_is(shop, columns, shown):
    with Terminal(EVENTWIRE, "add:event", "paid", folder=shop, columns=columns) as terminal:
        assert f"» {shown}\n" in terminal.asked(f"{WAY} (arrow keys, Enter) » I list its properties")


def test_what_is_wrong_with_an_answer_is_shown_whole(shop):
    with Terminal(EVENTWIRE, "add:event", folder=shop, columns=40) as terminal:
        terminal.answer("What is the event called?", "order paid")
        terminal.expect("Names are lower-case letters, digits and -, beginning with a letter. For example: order-paid")
