"""The waterfall: whole output, as a person sees it."""

from __future__ import annotations

import pytest

from eventwire.engine.record import ActionRecord, DeliveryStatus, FilterRecord, RunRecord
from eventwire.terminal.waterfall import Canvas, draw_run, milliseconds


def plain(text: str, name: str) -> str:
    return text


STORE = ActionRecord("store", "db", "postgresql", "insert", DeliveryStatus.SUCCEEDED, 1, 0.0, 120.0, {"statement": "…"})
CACHE = ActionRecord("cache", "redis", "redis", "set", DeliveryStatus.SUCCEEDED, 1, 0.0, 15.0, {})
TELL = ActionRecord(
    "tell-sales",
    "chat",
    "slack",
    "post-message",
    DeliveryStatus.FAILED,
    3,
    60.0,
    61.5,
    {},
    None,
    {"kind": "rejected", "message": "Slack said channel_not_found.", "next_step": "Invite the bot."},
)
RECORD = RunRecord(
    "01kb",
    "new-customer",
    "test",
    122.0,
    (
        FilterRecord("on-event", None, True, None, (STORE, CACHE)),
        FilterRecord("big", "amount > 100", True, {"summary": "The condition holds."}, (TELL,)),
        FilterRecord("pro", 'plan = "pro"', False, {"summary": "The condition does not hold: plan is missing."}),
    ),
    3,
)


def test_parallel_bars_stand_side_by_side_in_time():
    assert draw_run(RECORD, Canvas(80, plain)).splitlines() == [
        "new-customer  partial in 122 ms  test, run 01kb",
        "",
        "on-event  always matches",
        "  ✓ store       postgresql insert   ██████████████████████    120 ms",
        "  ✓ cache       redis set           ███                      15.0 ms",
        "big  amount > 100",
        "  ✗ tell-sales  slack post-message            ███████████    61.5 ms  3 attempts",
        "      Slack said channel_not_found.",
        "      Invite the bot.",
        'pro  plan = "pro"',
        "  no match: plan is missing",
        "",
        "2 of 3 filters matched, slowest action 120 ms, overhead 2.0 ms",
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal_but_where_words_cannot_be_cut(width):
    for line in draw_run(RECORD, Canvas(width, plain)).splitlines():
        assert len(line) <= width


def test_a_terminal_of_40_columns_has_no_bars():
    assert "█" not in draw_run(RECORD, Canvas(40, plain))


def test_without_unicode_everything_is_ascii_but_the_users_words():
    drawn = draw_run(RECORD, Canvas(80, plain, unicode=False))
    assert drawn.isascii()
    assert "####" in drawn


@pytest.mark.parametrize(("count", "listed"), [(20, True), (21, False), (9_999, False)])
def test_many_filters_that_did_not_match_are_counted(count, listed):
    others = tuple(FilterRecord(f"f{number}", "a = 1", False) for number in range(count))
    record = RunRecord("01kb", "e", "test", 122.0, (*others, FilterRecord("on-event", None, True, None, (STORE,))), 1)
    lines = draw_run(record, Canvas(80, plain)).splitlines()
    assert ("f7  a = 1" in lines) is listed
    assert (f"{count:,} filters did not match" in lines) is not listed
    assert "on-event  always matches" in lines


def test_a_run_without_a_matching_action_says_so():
    nothing = RunRecord("01kb", "e", "test", 0.4, (FilterRecord("f", "a = 1", False),), 1)
    assert draw_run(nothing, Canvas(80, plain)).startswith("e  no filter with actions matched  test, run 01kb")


@pytest.mark.parametrize(
    ("value", "text"), [(0.04, "0.0 ms"), (15.24, "15.2 ms"), (120.4, "120 ms"), (12_345, "12.3 s")]
)
def test_durations_are_short(value, text):
    assert milliseconds(value) == text
