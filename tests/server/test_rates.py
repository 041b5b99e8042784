"""How many requests each key may send."""

from __future__ import annotations

import pytest

from eventwire.server.problems import Refusal
from eventwire.server.rates import Rates


def test_a_seconds_worth_goes_through_at_once_and_each_key_has_its_own():
    rates = Rates(3)
    for _ in range(3):
        rates.take("a", 0.0)
    with pytest.raises(Refusal):
        rates.take("a", 0.0)
    rates.take("b", 0.0)
    rates.take("a", 0.34)


@pytest.mark.parametrize("per_second", [0.3, 0.5, 0.7, 3.0, 1000.0])
@pytest.mark.parametrize("after", [0.0, 0.1, 0.6])
def test_whoever_waits_as_long_as_said_is_let_through(per_second, after):
    rates = Rates(per_second)
    for _ in range(max(1, int(per_second))):
        rates.take("a", 0.0)
    try:
        rates.take("a", after)
    except Refusal as refusal:
        rates.take("a", after + int(refusal.headers["retry-after"]))
