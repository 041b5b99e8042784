"""Rows in columns, as text."""

from __future__ import annotations

from collections.abc import Sequence

from eventwire.terminal.session import Session


def draw_table(session: Session, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows under a header; the last column takes what room is left, and wraps."""
    from textwrap import wrap

    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header) - 1)]
    indent = sum(widths) + 2 * len(widths)
    room = max(20, session.width - indent)
    lines = [session.style(draw_row(header, widths), "heading")]
    for row in rows:
        first, *more = wrap(row[-1], room) or [""]
        lines.append(draw_row([*row[:-1], first], widths).rstrip())
        lines += [" " * indent + line for line in more]
    return "\n".join(lines)


def draw_row(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One line of a table."""
    return "  ".join([*(cell.ljust(width) for cell, width in zip(cells, widths, strict=False)), cells[-1]])
