"""Sentences on a terminal: broken between words where it is narrower, while links, paths and commands stay whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

from eventwire.project.toml import width

INDENT = "  "
_COLOUR = r"\x1b\[[0-9;]*m"
# an argument as a shell reads it; a comma or a semicolon at its end is the sentence's
_ARGUMENT = r"""(?:'[^']*'|"[^"]*"|[^\s'",;]|[,;](?=\S))+"""
_UNIT = re.compile(
    rf"""
    (?P<gap>\s*)
    (?P<unit>
        (?:{_COLOUR})*
        (?:
            `[^`]*`\S*
            | export\ {_ARGUMENT}\S*
            | (?:eventwire\ [a-z]|pip\ install\ ){_ARGUMENT}(?:(?<!\.)\ (?!\(){_ARGUMENT})*\S*
            | \S+
        )
    )
    """,
    re.VERBOSE,
)


def wrapped(text: str, columns: int) -> str:
    """A text whose lines fit into so many columns, but for what cannot be broken."""
    return "\n".join(line for given in text.split("\n") for line in lines_of(given, columns))


def lines_of(line: str, columns: int) -> Iterator[str]:
    """A line as several, all but the first a little more indented than it is."""
    if shown_width(line) <= columns:
        yield line
        return
    indent = line[: len(line) - len(line.lstrip(" "))] + INDENT
    current = ""
    for match in _UNIT.finditer(line):
        longer = current + match[0]
        if current.strip() and shown_width(longer) > columns:
            yield current
            longer = indent + match["unit"]
        current = longer
    yield current


def shown_width(text: str) -> int:
    """How many columns a text takes; colours take none."""
    return width(re.sub(_COLOUR, "", text))
