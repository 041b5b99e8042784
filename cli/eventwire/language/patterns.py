"""Patterns: LIKE and MATCHES, both in time linear in the text."""

from __future__ import annotations

import re
from collections.abc import Callable

from eventwire.language.lazy_pattern import lazy_pattern

Test = Callable[[str], bool]

_PIECE = lazy_pattern(r"\\([%_\\])|(%)|(_)|(.)", re.DOTALL)


class BadPattern(ValueError):
    """A regular expression cannot be read."""


def split_like(pattern: str) -> list[list[str | None]]:
    """A LIKE pattern as its segments between `%`: characters, with None for `_`."""
    segments: list[list[str | None]] = [[]]
    for escaped, many, one, char in _PIECE.findall(pattern):
        if many:
            segments.append([])
        else:
            segments[-1].append(None if one else escaped or char)
    return segments


def compile_like(pattern: str) -> Test:
    """A function that tells whether a text has the form of a LIKE pattern (CloudEvents SQL 1.0, section 3.4.3)."""
    segments = split_like(pattern)
    if any(None in segment for segment in segments):
        return _compile_segments(segments)
    texts = ["".join(char or "" for char in segment) for segment in segments]
    if len(texts) == 1:
        return texts[0].__eq__
    if len(texts) == 2:
        return _between(texts[0], texts[1])
    if len(texts) == 3 and not texts[0] and not texts[2]:
        return lambda text, inner=texts[1]: inner in text  # type: ignore[misc]
    return _compile_segments(segments)


def _between(prefix: str, suffix: str) -> Test:
    if not suffix:
        return lambda text: text.startswith(prefix)
    if not prefix:
        return lambda text: text.endswith(suffix)
    shortest = len(prefix) + len(suffix)
    return lambda text: len(text) >= shortest and text.startswith(prefix) and text.endswith(suffix)


def _compile_segments(segments: list[list[str | None]]) -> Test:
    """Each inner segment is taken where it is found first; that is right, since `%` may stand for anything."""
    finders = [re.compile("".join("." if c is None else re.escape(c) for c in s), re.DOTALL) for s in segments]
    if len(finders) == 1:
        return lambda text: finders[0].fullmatch(text) is not None
    first, *inner, last = finders
    last_length = len(segments[-1])

    def matches(text: str) -> bool:
        found = first.match(text)
        for finder in inner:
            if found is None:
                return False
            found = finder.search(text, found.end())
        tail = len(text) - last_length
        return found is not None and tail >= found.end() and last.match(text, tail) is not None

    return matches


def compile_expression(pattern: str) -> Test:
    """A function that tells whether a regular expression is found in a text. Raises BadPattern.

    The engine is that of Rust's regex crate, reached through the JSON Schema validator, which eventwire needs anyway.
    Its time is linear in the text for every pattern, and so it has neither look-around nor back-references.
    """
    import jsonschema_rs

    schema = {"type": "string", "pattern": pattern}
    try:
        validator = jsonschema_rs.Draft202012Validator(schema, pattern_options=jsonschema_rs.RegexOptions())
    except (ValueError, jsonschema_rs.ValidationError) as error:
        raise BadPattern(_reason(pattern)) from error
    is_valid = validator.is_valid

    def matches(text: str) -> bool:
        try:
            return bool(is_valid(text))
        except UnicodeEncodeError:
            return False

    return matches


def _reason(pattern: str) -> str:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return str(error)
    return "it has look-around, back-references or something else that has no linear-time match"
