"""A file of somebody else's project, as plain data with the place of everything in it, and what there is to say of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from msgspec import Struct

from eventwire.errors import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

Keys: TypeAlias = tuple[str | int, ...]
Mark: TypeAlias = tuple[int, int]
"""A line and a column, counted from 1."""


class SourceFile(Struct, frozen=True):
    """A file that was read."""

    shown: str
    """What it is called in messages: `events/order.yaml`."""
    data: Any
    marks: Mapping[Keys, Mark]
    """Where each key of a table, and each item of a list, begins."""

    def place(self, keys: Keys = ()) -> Place:
        """Where something stands; what holds it, where it has no place of its own."""
        while keys and keys not in self.marks:
            keys = keys[:-1]
        return Place(self.shown, *self.marks.get(keys, (None, None)))


class Attention(NamedTuple):
    """Something that somebody has to look at: what has no counterpart, or did not become what it was."""

    place: Place
    message: str
    next_step: str

    def as_dict(self) -> dict[str, str]:
        """For `--json`."""
        return {"place": str(self.place), "message": self.message, "next_step": self.next_step}


class Notes:
    """Collects mistakes in the source, and what needs attention."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.attention: list[Attention] = []

    def mistake(self, place: Place, message: str, next_step: str, rule: str = "source") -> None:
        """The source is wrong here: nothing is written."""
        self.problems.append(Problem(rule, message, place, next_step))

    def note(self, place: Place, message: str, next_step: str) -> None:
        """Somebody has to look at this."""
        self.attention.append(Attention(place, message, next_step))

    def in_order(self) -> list[Attention]:
        """What needs attention, by file and line, each once."""
        return sorted(dict.fromkeys(self.attention), key=lambda each: by_place(each.place))


def by_place(place: Place) -> tuple[str, int, int]:
    """Orders places by file, line and column."""
    return place.path, place.line or 0, place.column or 0


def listed(names: Iterable[str]) -> str:
    """Names in a sentence: `a, b and c`."""
    *others, last = list(names)
    return f"{', '.join(others)} and {last}" if others else last
