"""Tokens of conditions, by CloudEvents SQL 1.0 section 2.2 with the additions of this superset."""

from __future__ import annotations

import re
from typing import NamedTuple

from eventwire.language.findings import Finding, LanguageError
from eventwire.language.lazy_pattern import lazy_pattern

LONGEST = 1_000_000
"""A condition has at most this many characters."""


class Token(NamedTuple):
    """One token: its kind, its text as written, and where it stands."""

    kind: str
    """`name`, `quoted` (a name in backticks), `number`, `text`, `symbol` or `end`."""
    text: str
    start: int
    end: int

    word: str
    """A plain name in upper case, to compare with keywords; empty for other tokens."""


_TOKEN = lazy_pattern(
    r"""
      (?P<space>\s+)
    | (?P<text>'(?:[^'\\]|\\.|'')*+'|"(?:[^"\\]|\\.|"")*+")
    | (?P<quoted>`(?:[^`]|``)*+`)
    | (?P<name>[0-9]*+[^\W\d]\w*+)
    | (?P<number>[0-9]++(?:\.[0-9]++(?:[eE][+-]?[0-9]++)?)?)
    | (?P<symbol><>|!=|<=|>=|[=<>+\-*/%(),.\[\]])
    """,
    re.VERBOSE | re.DOTALL,
)


def tokenize(text: str) -> list[Token]:
    """The tokens of a condition, with one of kind `end` behind them. Raises LanguageError."""
    if len(text) > LONGEST:
        message = f"The condition is {len(text):,} characters long; the most that is read is {LONGEST:,}."
        raise LanguageError([Finding("too-long", message, 0, len(text), "Split it into several filters.")])
    tokens = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unreadable(text, position)
        kind = match.lastgroup or ""
        if kind != "space":
            written = match[0]
            tokens.append(Token(kind, written, position, match.end(), written.upper() if kind == "name" else ""))
        position = match.end()
    tokens.append(Token("end", "", len(text), len(text), ""))
    return tokens


_INSTEAD = {
    "&": "Write AND.",
    "|": "Write OR.",
    "!": "Write NOT, or != for not equal.",
    "~": "Write MATCHES for a regular expression.",
    ";": "A condition is one expression, without a semicolon.",
    "{": "A condition names properties without braces: amount > 100.",
    "}": "A condition names properties without braces: amount > 100.",
    "$": "A name with $ in it stands in `backticks`.",
    "@": "A name with @ in it stands in `backticks`.",
    ":": "A name with : in it stands in `backticks`.",
}


def _unreadable(text: str, position: int) -> LanguageError:
    char = text[position]
    if char in "'\"`":
        what = "name" if char == "`" else "text"
        return LanguageError(
            [
                Finding(
                    "unclosed-quote",
                    f"The quote {char} is never closed.",
                    position,
                    len(text),
                    f"Close the {what} with {char}." + ("" if char == "`" else f" Inside it, write \\{char}."),
                )
            ]
        )
    message = f"{char!r} has no meaning in a condition."
    return LanguageError([Finding("bad-character", message, position, position + 1, _INSTEAD.get(char))])


def text_value(token: Token) -> str:
    r"""What a text literal says: `\\`, `\'` and `\"` lose their backslash, any other backslash stays.

    A quote that is doubled inside the same quotes is one quote.
    """
    quote, inner = token.text[0], token.text[1:-1]
    if "\\" not in inner and quote not in inner:
        return inner
    return re.sub(rf"\\(['\"\\])|({quote}){quote}", lambda match: match[1] or match[2], inner)


def quoted_name(token: Token) -> str:
    """What a name in backticks says."""
    return token.text[1:-1].replace("``", "`")


def write_text(value: str) -> str:
    """A text as a literal: the inverse of `text_value`."""
    quote = '"' if "'" in value and '"' not in value else "'"
    return quote + value.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote
