"""The project file as text: reading it, and finding the place of everything in it."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eventwire.errors import Place, Problem, ProjectError
from eventwire.language.lazy_pattern import lazy_pattern

if TYPE_CHECKING:
    from eventwire.project.scan import Keys, Mark, Scan

PROJECT_FILE = "eventwire.toml"
_WIDEST_EXCERPT = 100
_BOM = "\ufeff"

# A line that holds what may be a secret is never quoted in a message, whether a secret belongs there or not.
_SECRET_LINE = lazy_pattern(
    r"""(?i)(password|passphrase|secret|token|api[-_]?key|private[-_]?key)["']?\s*=|\b(?:ew|[sr]k)_(test|live)_|\bxox[a-z]-"""
    r"""|\bwhsec_|://[^\s/:@"']+:[^\s@"']+@"""
)


class Document:
    """A TOML text that was read: its data, and the place of everything in it."""

    __slots__ = ("_scan", "_starts", "bom", "data", "path", "shown", "text")

    def __init__(self, text: str, path: Path) -> None:
        self.path = path
        self.shown = path.name
        """What the file is called in messages."""
        self.bom = text.startswith(_BOM)
        self.text = text.removeprefix(_BOM)
        self._scan: Scan | None = None
        self._starts: list[int] | None = None
        self.data: dict[str, Any] = self._parse()

    @classmethod
    def read(cls, path: Path) -> Document:
        """Read a file. Raises ProjectError with line, column, a sentence and the next step."""
        return cls(_decode(read_bytes(path), path), path)

    def place(self, keys: Keys, *, of: str = "value") -> Place:
        """Where a key or its value begins; of what holds it, where there is no such key."""
        mark = self._mark(keys)
        return self._place(mark.key_start if of == "key" else mark.value_start)

    def place_at(self, keys: Keys, offset: int) -> Place:
        """Where the character at `offset` of a string value stands."""
        return self._place(self._position_at(keys, offset))

    def length_at(self, keys: Keys, start: int, end: int) -> int:
        """How many characters the part from `start` to `end` of a string value takes as it is written."""
        return max(1, self._position_at(keys, end) - self._position_at(keys, start))

    def length(self, keys: Keys, *, of: str = "value") -> int:
        """How many characters a key or its value takes, as it is written."""
        mark = self._mark(keys)
        return max(1, mark.key_end - mark.key_start if of == "key" else mark.value_end - mark.value_start)

    def excerpt(self, place: Place, length: int = 1) -> str:
        """A place's line with carets below the part that is meant; empty where the line may hold a secret."""
        if place.line is None or place.column is None:
            return ""
        line = self._line(place.line)
        return "" if not line.strip() or _SECRET_LINE.search(line) else draw_excerpt(line, place.column, length)

    @property
    def scan(self) -> Scan:
        """Every place; made when it is first asked for."""
        if self._scan is None:
            from eventwire.project.scan import Scan

            self._scan = Scan(self.text)
        return self._scan

    def _parse(self) -> dict[str, Any]:
        # tomli is tomllib, compiled: it reads ten thousand filters in 0.7 s, tomllib in 1.3 s
        import tomli

        try:
            return tomli.loads(self.text)
        except tomli.TOMLDecodeError as error:
            raise ProjectError([self._syntax_problem(error.msg, error.lineno, error.colno)]) from error
        except RecursionError as error:
            sentence = "Tables and lists are nested too deep to be read."
            raise ProjectError([Problem("toml-syntax", sentence, Place(self.shown), "Nest less.")]) from error

    def _syntax_problem(self, message: str, line: int, column: int) -> Problem:
        written = self._line(line)
        rule, sentence, next_step = explain_syntax(message, written)
        if rule == "duplicate-key":
            # the parser stops behind the value; what is meant is the key
            column = len(written) - len(written.lstrip()) + 1
        place = Place(self.shown, line, column)
        return Problem(rule, sentence, place, next_step, excerpt=self.excerpt(place) or None)

    def _mark(self, keys: Keys) -> Mark:
        from eventwire.project.scan import Mark

        while keys and keys not in self.scan.marks:
            keys = keys[:-1]
        return self.scan.marks.get(keys, Mark(0, 1, 0, 1))

    def _position_at(self, keys: Keys, offset: int) -> int:
        from eventwire.project.scan import written_offset

        mark = self._mark(keys)
        written = self.text[mark.value_start : mark.value_end]
        is_string = keys in self.scan.marks and written[:1] in ("'", '"')
        return mark.value_start + (written_offset(written, offset) if is_string else 0)

    def _place(self, position: int) -> Place:
        line = bisect_right(self._line_starts(), position)
        return Place(self.shown, line, position - self._line_starts()[line - 1] + 1)

    def _line_starts(self) -> list[int]:
        if self._starts is None:
            lines = self.text.split("\n")
            self._starts = list(accumulate((len(line) + 1 for line in lines[:-1]), initial=0))
        return self._starts

    def _line(self, number: int) -> str:
        starts = [*self._line_starts()[number - 1 : number + 1], len(self.text) + 1]
        return self.text[starts[0] : starts[1] - 1].removesuffix("\r")


def read_bytes(path: Path) -> bytes:
    """A file's content. Raises ProjectError with what keeps it from being read."""
    try:
        return path.read_bytes()
    except IsADirectoryError as error:
        problem = Problem("unreadable", f"{path} is a folder, not a file.", None, f"Remove or rename {path}.")
        raise ProjectError([problem]) from error
    except OSError as error:
        sentence = f"{path} cannot be read: {error.strerror or error}."
        raise ProjectError([Problem("unreadable", sentence, None, "See that it exists and may be read.")]) from error


def _decode(content: bytes, path: Path) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode(errors="replace")) + 1
        sentence = f"The file is not UTF-8: the byte 0x{content[error.start]:02x} cannot stand here."
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            sentence = "The file is UTF-16, not UTF-8."
        place = Place(path.name, before.count(b"\n") + 1, column)
        raise ProjectError([Problem("encoding", sentence, place, "Save it as UTF-8 in your editor.")]) from error


def explain_syntax(message: str, line: str) -> tuple[str, str, str]:
    """A parser's message as a rule, a sentence and a next step."""
    if message.startswith(_DUPLICATE):
        return ("duplicate-key", *_explain_duplicate(message, line))
    if message.startswith("Illegal character"):
        return ("toml-syntax", *_explain_character(message))
    sentence, next_step = _SYNTAX.get(message, (f"This is not TOML: {message[:1].lower()}{message[1:]}.", None))
    return "toml-syntax", sentence, next_step or "See https://toml.io/en/v1.0.0 for how it is written."


_DUPLICATE = ("Cannot overwrite", "Cannot declare", "Cannot mutate", "Cannot redefine", "Duplicate inline table key")


def _explain_duplicate(message: str, line: str) -> tuple[str, str]:
    if line.lstrip().startswith("["):
        return f"The table {line.strip()} stands here a second time.", "Merge the two into one."
    named = message.removeprefix("Duplicate inline table key ").strip("'")
    key = named if named != message else line.split("=")[0].strip()
    return f"The key {_quote(key)} stands here a second time.", "Keep one of the two."


def _explain_character(message: str) -> tuple[str, str]:
    # ast takes 5 ms to import, and only a broken file needs it
    from ast import literal_eval

    char = literal_eval(message.removeprefix("Illegal character "))
    if char in "\r\n":
        return "The text's closing quote is missing.", "Close it with the quote that opens it, on the same line."
    return f"The character U+{ord(char):04X} cannot stand here.", "Remove it, or write it as an escape."


_CLOSE = ("The text's closing quote is missing.", "Close it with the quote that opens it.")
_SYNTAX = {
    "Invalid value": ("There is no valid value here.", 'Text stands in quotes: key = "text".'),
    "Expected '=' after a key in a key/value pair": ("A key is followed by = and a value.", 'Write: key = "value"'),
    "Invalid statement": ("This is neither a table's header nor a key.", 'Write [table] or key = "value".'),
    "Expected ']' at the end of a table declaration": ("The table's header is not closed.", "Close it with ]."),
    "Expected ']]' at the end of an array declaration": ("The table's header is not closed.", "Close it with ]]."),
    "Unterminated string": _CLOSE,
    'Expected "\'"': _CLOSE,
    "Expected newline or end of document after a statement": (
        "Something follows here that does not belong on this line.",
        "Start a new line, or close the quote or bracket before it.",
    ),
    "Unclosed array": ("The list is not closed, or a comma is missing.", "Close it with ]."),
    "Unclosed inline table": ("The inline table is not closed, or a comma is missing.", "Close it with }."),
    "Unescaped '\\' in a string": (
        "A backslash in double quotes begins an escape, and this is none.",
        "Write \\\\ for a backslash, or put the text in single quotes.",
    ),
}


def _quote(key: str) -> str:
    return f'"{key}"' if len(key) <= 60 else f'"{key[:59]}…"'


def draw_excerpt(line: str, column: int, length: int) -> str:
    """A line, cut where it is long, and carets below `length` characters of it from `column` on."""
    start = min(column - 1, len(line))
    carets = max(1, min(length, len(line) - start))
    first = max(0, start - _WIDEST_EXCERPT // 2) if len(line) > _WIDEST_EXCERPT else 0
    last = min(len(line), first + _WIDEST_EXCERPT)
    before, after = "…" if first else "", "…" if last < len(line) else ""
    shown = before + printable(line[first:last]) + after
    indent = width(before + printable(line[first:start]))
    marked = width(printable(line[start : min(start + carets, last)])) or 1
    return f"  {shown}\n  {' ' * indent}{'^' * marked}"


def printable(text: str) -> str:
    """Text that moves no cursor and rings no bell."""
    return "".join(char if char.isprintable() else " " if char == "\t" else "·" for char in text)


def width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
