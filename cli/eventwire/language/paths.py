"""Paths: how a property of a payload is named, as in `address.city`, `items[0].sku` or `` `odd name`.x ``.

A path is a tuple of names and list indexes. In text, names are separated by dots and indexes stand in brackets. A name
that is not plain stands in backticks, and a backtick inside them is doubled. In wildcards and model paths a plain name
may hold `-`, `$`, `@` and `:`. In conditions it may not, because there `a-b` is a subtraction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, TypeAlias

from eventwire.language.findings import Finding, LanguageError
from eventwire.language.lazy_pattern import lazy_pattern

Path: TypeAlias = tuple[str | int, ...]


class _Missing:
    """The value of a property that is not there. False in a condition, and never equal to anything else."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()

PLAIN_NAME = lazy_pattern(r"[\w$@:-]+")
IDENTIFIER = lazy_pattern(r"[0-9]*[^\W\d]\w*")
"""A name that needs no backticks in a condition, unless it is a keyword."""
KEYWORDS = frozenset({"AND", "OR", "XOR", "NOT", "LIKE", "IN", "EXISTS", "TRUE", "FALSE"})
"""Words of CloudEvents SQL that cannot be a name. Words that only this superset has are known by their position."""
ROOTS = ("event",)
"""First names that lead out of the payload: `event.id`."""

_QUOTED = lazy_pattern(r"`((?:[^`]|``)*)`")
_INDEX = lazy_pattern(r"\[\s*([0-9]{1,9})\s*\]")


def parse_path(text: str) -> Path:
    """Read a dotted path. Raises LanguageError."""
    path, end = read_path(text, 0)
    if end < len(text):
        raise path_error(text, end)
    return path


def read_path(text: str, position: int) -> tuple[Path, int]:
    """Read a path that begins at a position; returns it and where it ends. Raises LanguageError."""
    parts: list[str | int] = []
    name, position = _read_name(text, position)
    parts.append(name)
    while position < len(text):
        if text[position] == ".":
            name, position = _read_name(text, position + 1)
            parts.append(name)
        elif match := _INDEX.match(text, position):
            parts.append(int(match[1]))
            position = match.end()
        else:
            break
    return tuple(parts), position


def _read_name(text: str, position: int) -> tuple[str, int]:
    if match := _QUOTED.match(text, position):
        return match[1].replace("``", "`"), match.end()
    if match := PLAIN_NAME.match(text, position):
        return match[0], match.end()
    raise path_error(text, position)


def path_error(text: str, position: int) -> LanguageError:
    """The error of a path that cannot be read on from a position."""
    found = f"not {text[position]!r}" if position < len(text) else "but it ends here"
    return LanguageError(
        [
            Finding(
                "bad-path",
                f"A property's name was expected, {found}.",
                position,
                min(position + 1, len(text)),
                "Write names separated by dots, list indexes as [0], and names with other characters in `backticks`.",
            )
        ]
    )


def format_path(parts: Sequence[str | int], *, condition: bool = False) -> str:
    """A path as text: the inverse of `parse_path`, or, with `condition`, as conditions write it."""
    quote = _condition_name if condition else _name
    text = ""
    for position, part in enumerate(parts):
        if isinstance(part, int):
            text += f"[{part}]"
        elif position == 0:
            hides_root = condition and part in ROOTS and len(parts) > 1
            text += _backticked(part) if hides_root or (condition and part.upper() in KEYWORDS) else quote(part)
        else:
            text += "." + quote(part)
    return text


def _name(part: str) -> str:
    return part if PLAIN_NAME.fullmatch(part) else _backticked(part)


def _condition_name(part: str) -> str:
    return part if IDENTIFIER.fullmatch(part) else _backticked(part)


def _backticked(part: str) -> str:
    return "`" + part.replace("`", "``") + "`"


def look_up(path: Sequence[str | int], payload: Any) -> Any:
    """The value at a path, or MISSING where a step of it is not there."""
    value = payload
    for part in path:
        value = _step(value, part)
        if value is MISSING:
            break
    return value


def _step(value: Any, part: str | int) -> Any:
    if isinstance(part, str):
        return value.get(part, MISSING) if isinstance(value, Mapping) else MISSING
    if isinstance(value, list):
        return value[part] if part < len(value) else MISSING
    return MISSING


def put_at(payload: dict[str, Any], path: Path, value: Any) -> None:
    """Set the value at a path, making the objects and lists on the way; a list grows by one element at a time.

    Raises LookupError where the path leads through something else, or beyond a list's end.
    """
    place: Any = payload
    for part, following in pairwise(path):
        place = _descend(place, part, [] if isinstance(following, int) else {})
    last = path[-1]
    if isinstance(place, list) and isinstance(last, int):
        if last > len(place):
            raise LookupError(last)
        place[last : last + 1] = [value]
    elif isinstance(place, dict) and isinstance(last, str):
        place[last] = value
    else:
        raise LookupError(last)


def _descend(place: Any, part: str | int, empty: Any) -> Any:
    """The object or list at a part, made where it is missing."""
    if isinstance(place, dict) and isinstance(part, str):
        if not isinstance(place.get(part), dict | list):
            place[part] = empty
        return place[part]
    if isinstance(place, list) and isinstance(part, int):
        if part == len(place):
            place.append(empty)
        return place[part]
    raise LookupError(part)
