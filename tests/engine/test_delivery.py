"""Durations of deliveries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventwire.engine.delivery import milliseconds


@given(st.floats(min_value=0, max_value=100_000))
def test_a_duration_is_told_to_the_microsecond(seconds):
    told = milliseconds(seconds)

    assert told == pytest.approx(seconds * 1000, abs=0.0006)
    assert told == round(told, 3), "and prints without more digits"
