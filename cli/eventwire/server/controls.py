"""What others have sent, on the way to somebody's terminal."""

from __future__ import annotations

from collections.abc import Mapping

# C0 but for tab and line end, DEL, C1, line and paragraph separators, and marks that turn the direction of what follows
CONTROLS: Mapping[int, str] = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (
        *(code for code in range(32) if chr(code) not in "\t\n"),
        *range(127, 160),
        0x061C,
        *range(0x200E, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
    )
}
LINE_ENDS: Mapping[int, str] = {9: "\\t", 10: "\\n"}


def printable(text: str) -> str:
    """A text that can move no cursor, colour nothing and hide nothing: what would is written as its number."""
    return text.translate(CONTROLS)


def one_line(text: str) -> str:
    """A text of somebody else's within a sentence of ours: it cannot begin a line of its own."""
    return printable(text).translate(LINE_ENDS)
