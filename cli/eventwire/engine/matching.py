"""Which of an event's filters match: one by one at first, by the index once that is worth its making."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eventwire.engine.index import FilterIndex, Test, Values
    from eventwire.language.properties import Model
    from eventwire.language.syntax import Expression

FEWEST_FILTERS = 32
"""With fewer, evaluating each condition is as fast."""
EVENTS_BEFORE = 20
"""Making the index takes about as long as evaluating every condition for so many events."""


class Matcher:
    """All filters of an event, each told by its position."""

    def __init__(self, tests: Sequence[Test], conditions: Sequence[tuple[Expression, Model | None] | None]) -> None:
        """`tests` are the compiled conditions; `conditions` their syntax trees with their models, None for a filter
        that always matches.
        """
        self._tests = tests
        self._conditions = conditions
        self._events = 0
        self._index: FilterIndex | None = None

    def matching(self, payload: Values, envelope: Values) -> list[int]:
        """The positions of the filters that match, in order."""
        if self._index is not None:
            return self._index.matching(payload, envelope)
        self._events += 1
        if self._events > EVENTS_BEFORE and len(self._tests) >= FEWEST_FILTERS:
            self._index = self._make_index()
        return [position for position, test in enumerate(self._tests) if test(payload, envelope)]

    def _make_index(self) -> FilterIndex:
        # a single event never needs them
        from eventwire.engine.index import FilterIndex
        from eventwire.language.normal_form import normal_form

        index = FilterIndex()
        for position, (test, condition) in enumerate(zip(self._tests, self._conditions, strict=True)):
            index.add(position, normal_form(*condition) if condition is not None else (), test)
        return index
