"""Reading templates: text with wildcards in braces."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from eventwire.errors import did_you_mean
from eventwire.language.findings import Finding, LanguageError
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.language.numbers import NumberTooLarge, read_decimal
from eventwire.language.paths import MISSING, ROOTS, Path, format_path, read_path
from eventwire.language.pipes import PIPES

LONGEST = 1_000_000
"""A template's text has at most this many characters."""


class Pipe(Struct, frozen=True):
    """One pipe of a wildcard."""

    name: str
    argument: Any = MISSING
    start: int = 0
    end: int = 0


class Wildcard(Struct, frozen=True):
    """A property named in braces, with its pipes."""

    path: Path
    pipes: tuple[Pipe, ...] = ()
    root: str = "payload"
    """`payload`, or what the path leads out of it to: `event`."""
    text: str = ""
    """As it was written, braces included."""
    start: int = 0
    end: int = 0
    keys: tuple[str | int, ...] = ()
    """The way to the text that holds it, inside a table."""

    @property
    def name(self) -> str:
        """The property as wildcards name it."""
        own = format_path(self.path)
        return own if self.root == "payload" else f"{self.root}.{own}"

    @property
    def has_default(self) -> bool:
        """Whether something stands in where the property is missing."""
        return any(pipe.name == "default" and pipe.argument is not None for pipe in self.pipes)


_BRACE = lazy_pattern(r"\{\{|\}\}|[{}]")
_SPACE = lazy_pattern(r"\s*")
_PIPE_NAME = lazy_pattern(r"[A-Za-z_][\w-]*")
_STRING = lazy_pattern(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_APOSTROPHES = lazy_pattern(r"'(?:[^'\\]|\\.)*+'", re.DOTALL)
_NUMBER = lazy_pattern(r"-?[0-9]+(?:\.[0-9]+)?")
_CONSTANTS = {"true": True, "false": False, "null": None}


def parse_text(
    text: str, keys: tuple[str | int, ...] = (), roots: Collection[str] = ROOTS
) -> tuple[tuple[str, ...], tuple[Wildcard, ...]]:
    """A text as its literal parts and the wildcards between them: one part more than wildcards.

    Raises LanguageError.
    """
    try:
        return _Reader(text, roots, keys).read()
    except LanguageError as error:
        raise LanguageError(replace(finding, keys=keys) for finding in error.findings) from None


class _Reader:
    def __init__(self, text: str, roots: Collection[str], keys: tuple[str | int, ...]) -> None:
        self.text = text
        self.roots = roots
        self.keys = keys

    def read(self) -> tuple[tuple[str, ...], tuple[Wildcard, ...]]:
        text = self.text
        if len(text) > LONGEST:
            raise self.error("too-long", f"The text is longer than {LONGEST:,} characters.", 0, len(text))
        parts: list[str] = []
        wildcards: list[Wildcard] = []
        literal: list[str] = []
        position = 0
        while match := _BRACE.search(text, position):
            literal.append(text[position : match.start()])
            position = match.end()
            if match[0] == "{":
                parts.append("".join(literal))
                literal = []
                wildcards.append(self.wildcard(match.start()))
                position = wildcards[-1].end
            elif match[0] == "}":
                message = "The brace } closes nothing."
                raise self.error("unopened-brace", message, match.start(), match.end(), "Write }} for a brace as text.")
            else:
                literal.append(match[0][0])
        parts.append("".join([*literal, text[position:]]))
        return tuple(parts), tuple(wildcards)

    def error(self, rule: str, message: str, start: int, end: int, next_step: str | None = None) -> LanguageError:
        return LanguageError([Finding(rule, message, start, end, next_step)])

    def skip(self, position: int) -> int:
        match = _SPACE.match(self.text, position)
        return match.end() if match else position

    def wildcard(self, start: int) -> Wildcard:
        position = self.skip(start + 1)
        if self.text[position : position + 1] == "}":
            step = "Name a property: {name}. Write {{}} for braces as text."
            raise self.error("empty-wildcard", "The wildcard {} names no property.", start, position + 1, step)
        root, path, position = self.path(start, position)
        pipes = []
        position = self.skip(position)
        while self.text[position : position + 1] == "|":
            pipe, position = self.pipe(start, self.skip(position + 1))
            pipes.append(pipe)
            position = self.skip(position)
        if self.text[position : position + 1] != "}":
            raise self.unclosed(start, position)
        end = position + 1
        return Wildcard(path, tuple(pipes), root, self.text[start:end], start, end, self.keys)

    def path(self, start: int, position: int) -> tuple[str, Path, int]:
        try:
            path, end = read_path(self.text, position)
        except LanguageError as error:
            finding = error.findings[0]
            if finding.start >= len(self.text):
                raise self.unclosed(start, len(self.text)) from None
            step = "A wildcard is {property}. Write {{ for a brace as text."
            raise self.error("bad-wildcard", finding.message, finding.start, finding.end, step) from None
        if len(path) > 1 and path[0] in self.roots and self.text[position] != "`":
            return str(path[0]), path[1:], end
        return "payload", path, end

    def unclosed(self, start: int, position: int) -> LanguageError:
        if position >= len(self.text):
            step = "Close it with }, or write {{ for a brace as text."
            return self.error("unclosed-brace", "The brace { is never closed.", start, len(self.text), step)
        message = f"{self.text[position]!r} cannot stand in a wildcard here."
        step = (
            "A wildcard is {property | pipe}; names with other characters stand in `backticks`. Write {{ for a brace."
        )
        return self.error("bad-wildcard", message, position, position + 1, step)

    def pipe(self, start: int, position: int) -> tuple[Pipe, int]:
        match = _PIPE_NAME.match(self.text, position)
        if match is None:
            if position >= len(self.text):
                raise self.unclosed(start, position)
            step = f"Pipes are {', '.join(PIPES)}."
            raise self.error("unknown-pipe", "A pipe's name is expected after |.", position, position + 1, step)
        kind = PIPES.get(match[0])
        if kind is None:
            step = did_you_mean(match[0], PIPES) or f"Pipes are {', '.join(PIPES)}."
            raise self.error("unknown-pipe", f"There is no pipe {match[0]}.", match.start(), match.end(), step)
        argument, end = MISSING, match.end()
        colon = self.skip(end)
        if self.text[colon : colon + 1] == ":":
            argument, end = self.argument(start, self.skip(colon + 1))
        if problem := kind.check_argument(argument):
            raise self.error("bad-argument", f"The pipe {kind.name} {problem}.", match.start(), end)
        return Pipe(kind.name, argument, match.start(), end), end

    def argument(self, start: int, position: int) -> tuple[Any, int]:
        text = self.text
        if match := _STRING.match(text, position) or _APOSTROPHES.match(text, position):
            return self.string(match[0], position), match.end()
        if match := _NUMBER.match(text, position):
            return self.number(match[0], position), match.end()
        match = _PIPE_NAME.match(text, position)
        if match and match[0] in _CONSTANTS:
            return _CONSTANTS[match[0]], match.end()
        if position >= len(text):
            raise self.unclosed(start, position)
        end = match.end() if match else position + 1
        step = (
            f'Put text in quotes: "{match[0]}".' if match else "Give a number, a text in quotes, true, false or null."
        )
        raise self.error("bad-argument", f"{text[position:end]} is no value.", position, end, step)

    def string(self, quoted: str, position: int) -> str:
        if quoted[0] == "'":
            quoted = '"' + quoted[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'
        try:
            return str(json.loads(quoted, strict=False))
        except ValueError as error:
            step = 'Escapes are those of JSON: \\n, \\t, \\", \\\\.'
            message = f"The text {quoted[:40]} cannot be read."
            raise self.error("bad-argument", message, position, position + len(quoted), step) from error

    def number(self, text: str, position: int) -> Any:
        try:
            return read_decimal(text) if "." in text else int(text)
        except (NumberTooLarge, ValueError) as error:
            message = "The number is too large to work with."
            raise self.error("bad-argument", message, position, position + len(text)) from error
