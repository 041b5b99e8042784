"""Rows in columns, as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eventwire.terminal.session import Session

LEAST_ROOM = 20
"""So many columns the last cell needs beside the others."""


def draw_table(session: Session, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows under a header. The last column takes what room is left, and wraps; where there is none, it stands below the
    others, and where even those are too wide, a row is a paragraph.
    """
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header) - 1)]
    indent = sum(widths) + 2 * len(widths)
    room = session.width - indent
    if room >= max(LEAST_ROOM, longest_word(row[-1] for row in rows)):
        return "\n".join([heading(session, header, widths), *(beside(row, widths, room) for row in rows)])
    if indent - 2 <= session.width:
        shown = [below(row, widths, session.width) for row in rows]
        return "\n".join([heading(session, [*header[:-1], ""], widths), *shown])
    return "\n".join(paragraph("  ".join(row), session.width) for row in rows)


def longest_word(texts: Iterable[str]) -> int:
    """The length of what cannot be broken."""
    return max((len(word) for text in texts for word in text.split()), default=0)


def heading(session: Session, header: Sequence[str], widths: Sequence[int]) -> str:
    """The line above a table."""
    return session.style(draw_row(header, widths).rstrip(), "heading")


def beside(row: Sequence[str], widths: Sequence[int], room: int) -> str:
    """A row whose last cell stands beside the others."""
    first, *more = wrap(row[-1], room)
    indent = " " * (sum(widths) + 2 * len(widths))
    return "\n".join([draw_row([*row[:-1], first], widths).rstrip(), *(f"{indent}{line}" for line in more)])


def below(row: Sequence[str], widths: Sequence[int], width: int) -> str:
    """A row whose last cell stands below the others."""
    last = [f"  {line}" for line in wrap(row[-1], width - 2) if line]
    return "\n".join([draw_row([*row[:-1], ""], widths).rstrip(), *last])


def paragraph(text: str, width: int, indent: str = "  ") -> str:
    """Text in lines of a width, all but the first indented; words and names stay whole."""
    from textwrap import fill

    return fill(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def wrap(text: str, width: int) -> list[str]:
    """Text in lines of a width; at least one."""
    return paragraph(text, width, "").split("\n")


def draw_row(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One line of a table."""
    return "  ".join([*(cell.ljust(width) for cell, width in zip(cells, widths, strict=False)), cells[-1]])
