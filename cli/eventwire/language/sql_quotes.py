"""Where in an SQL statement the quotes and comments are, so that no wildcard stands inside one."""

from __future__ import annotations

from collections.abc import Sequence

from eventwire.language.lazy_pattern import lazy_pattern

_OPENING = lazy_pattern(r"""'|"|`|--|/\*|\$(?:[A-Za-z_]\w*)?\$""")
_LABELS = {"'": "a text in quotes", '"': "a quoted name", "`": "a quoted name", "--": "a comment", "/*": "a comment"}


def wildcards_in_quotes(parts: Sequence[str]) -> list[tuple[int, str]]:
    """The wildcards of a statement that stand inside quotes or comments: their number, and inside of what."""
    inside = ""
    found = []
    for number, part in enumerate(parts[:-1]):
        inside = _scan(part, inside)
        if inside:
            found.append((number, _LABELS.get(inside, "a text in dollar quotes")))
    return found


def _scan(text: str, inside: str) -> str:
    """What is open at the end of a text that begins inside of something."""
    position = 0
    while position < len(text):
        if inside:
            closing = {"--": "\n", "/*": "*/"}.get(inside, inside)
            end = text.find(closing, position)
            if end < 0:
                return inside
            position, inside = end + len(closing), ""
            continue
        match = _OPENING.search(text, position)
        if match is None:
            return ""
        position, inside = match.end(), match[0]
    return inside
