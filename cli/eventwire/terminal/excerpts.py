"""Excerpts of the project file, a line with carets below it, in terminals that are narrower."""

from __future__ import annotations

import re
from itertools import accumulate, pairwise

from eventwire.project.toml import width

_CARETS = re.compile(r" +\^+")
INDENT = "  "


def fit_excerpts(text: str, columns: int) -> str:
    """A text whose excerpts are cut around their carets, which would not stand below what they mean otherwise."""
    lines = text.split("\n")
    for number, (line, below) in enumerate(pairwise(lines)):
        if _CARETS.fullmatch(below) and width(line) > columns:
            lines[number : number + 2] = cut(line.removeprefix(INDENT), below.removeprefix(INDENT), columns)
    return "\n".join(lines)


def cut(line: str, carets: str, columns: int) -> tuple[str, str]:
    """The part of a line that is as wide as the terminal, with the carets in the middle of it, and the carets."""
    room = max(columns - len(INDENT), 10)
    start, marked = carets.index("^"), min(carets.count("^"), room - 2)
    ends = list(accumulate(map(width, line)))
    left = max(0, min(start - (room - marked) // 2, ends[-1] - room))
    inside = [char for char, end in zip(line, ends, strict=True) if left + 1 < end <= left + room - 1]
    before = "…" if left else line[0]
    after = "…" if ends[-1] > left + room else line[-1]
    return f"{INDENT}{before}{''.join(inside)}{after}", f"{INDENT}{' ' * (start - left)}{'^' * marked}"
