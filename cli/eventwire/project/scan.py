"""Where everything stands in a TOML text: the place of each key and value, and of each statement.

A TOML parser gives values without their places. This scanner gives places without values: it reads a text that a
parser has accepted already, so it need not be strict. It runs only where a place is asked for, that is for messages
and edits.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from msgspec import Struct

from eventwire.language.lazy_pattern import lazy_pattern

Keys = tuple[str | int, ...]
"""The way to a value: names of tables and keys, and positions in lists."""


class Mark(NamedTuple):
    """Where a key and its value begin and end, in characters of the text. A list's element is its own key."""

    key_start: int
    key_end: int
    value_start: int
    value_end: int


class Statement(NamedTuple):
    """A table's header or a `key = value`, in whole lines."""

    is_header: bool
    keys: Keys
    start: int
    """Where its first line begins."""
    end: int
    """Where the line after it begins."""


class _Open(Struct):
    """A list or inline table that is being read."""

    is_list: bool
    keys: Keys
    key_start: int
    key_end: int
    start: int
    length: int = 0


_BLANK = lazy_pattern(r"(?:[ \t]*+(?:#[^\n]*+)?\r?\n)*+")
_TRIVIA = lazy_pattern(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_REST_OF_LINE = lazy_pattern(r"[^\n]*+\n?")
_SPACE = lazy_pattern(r"[ \t]*+")
_STRING = (
    r'"""(?:[^"\\]|\\.|""?(?!"))*+"""(?:""?)?'
    r"|'''(?:[^']|''?(?!'))*+'''(?:''?)?"
    r'|"(?:[^"\\]|\\.)*+"'
    r"|'[^']*+'"
)
_SCALAR = lazy_pattern(rf"{_STRING}|\d{{4}}-\d\d-\d\d[Tt ]\d\d:[^\s,\]}}#]*+|[^\s,\]}}#]++", re.DOTALL)
_KEY_PART = lazy_pattern(r"""[ \t]*+("(?:[^"\\]|\\.)*+"|'[^']*+'|[^\s.=\]"']++)[ \t]*+""")


class Scan:
    """A scanned text: `marks` by the way to each value, and `statements` in the order of the text."""

    __slots__ = ("_lists", "marks", "statements", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.marks: dict[Keys, Mark] = {}
        self.statements: list[Statement] = []
        self._lists: dict[Keys, int] = {}
        self._read()

    def _read(self) -> None:
        table: Keys = ()
        position = self._skip(_BLANK, 0)
        while (start := self._skip(_SPACE, position)) < len(self.text):
            is_header = self.text[start] == "["
            if is_header:
                table, end = self._read_header(start)
                keys = table
            else:
                keys, end = self._read_pair(table, start)
            end = self._skip(_REST_OF_LINE, end)
            self.statements.append(Statement(is_header, keys, position, end))
            position = self._skip(_BLANK, end)

    def _read_header(self, start: int) -> tuple[Keys, int]:
        is_list = self.text.startswith("[[", start)
        parts, position = self._read_key(start + 1 + is_list)
        end = position + 1 + is_list
        keys: Keys = ()
        for part, part_start, part_end in parts[:-1]:
            keys = self._enter((*keys, part))
            self.marks.setdefault(keys, Mark(part_start, part_end, start, end))
        part, part_start, part_end = parts[-1]
        keys = (*keys, part)
        if is_list:
            self.marks.setdefault(keys, Mark(part_start, part_end, start, end))
            self._lists[keys] = self._lists.get(keys, -1) + 1
        keys = self._enter(keys)
        # a table may have been implied by one below it; its own header is the better place
        self.marks[keys] = Mark(part_start, part_end, start, end)
        return keys, end

    def _enter(self, keys: Keys) -> Keys:
        """The table at these keys, which is the last one where there is a list of them."""
        return (*keys, self._lists[keys]) if keys in self._lists else keys

    def _read_pair(self, table: Keys, start: int) -> tuple[Keys, int]:
        keys, key_start, key_end, position = self._read_key_of_pair(table, start)
        return keys, self._read_value(keys, key_start, key_end, position)

    def _read_key_of_pair(self, table: Keys, start: int) -> tuple[Keys, int, int, int]:
        parts, position = self._read_key(start)
        keys = table
        for part, part_start, part_end in parts[:-1]:
            keys = (*keys, part)
            self.marks.setdefault(keys, Mark(part_start, part_end, part_start, part_end))
        part, part_start, part_end = parts[-1]
        return (*keys, part), part_start, part_end, self._skip(_SPACE, position + 1)

    def _read_key(self, position: int) -> tuple[list[tuple[str, int, int]], int]:
        """A dotted key's parts with their places, and the place behind it."""
        parts = []
        while match := _KEY_PART.match(self.text, position):
            parts.append((_name(match[1]), match.start(1), match.end(1)))
            position = match.end()
            if not self.text.startswith(".", position):
                break
            position += 1
        return parts, position

    def _read_value(self, keys: Keys, key_start: int, key_end: int, position: int) -> int:
        """Mark a value and all that it holds. A loop, because values may be nested deeper than calls may."""
        opened: list[_Open] = []
        while True:
            if self.text[position] in "[{":
                is_list = self.text[position] == "["
                opened.append(_Open(is_list, keys, key_start, key_end, position))
                position = self._skip(_TRIVIA, position + 1)
            else:
                end = self._skip(_SCALAR, position)
                self.marks[keys] = Mark(key_start, key_end, position, end)
                position = self._skip_comma(end) if opened else end
            while opened and self.text[position] in "]}":
                done = opened.pop()
                position += 1
                self.marks[done.keys] = Mark(done.key_start, done.key_end, done.start, position)
                position = self._skip_comma(position) if opened else position
            if not opened:
                return position
            keys, key_start, key_end, position = self._read_element_key(opened[-1], position)

    def _read_element_key(self, inside: _Open, position: int) -> tuple[Keys, int, int, int]:
        if not inside.is_list:
            return self._read_key_of_pair(inside.keys, position)
        inside.length += 1
        return (*inside.keys, inside.length - 1), position, position, position

    def _skip(self, pattern: re.Pattern[str], position: int) -> int:
        match = pattern.match(self.text, position)
        return match.end() if match else position

    def _skip_comma(self, position: int) -> int:
        position = self._skip(_TRIVIA, position)
        return self._skip(_TRIVIA, position + 1) if self.text.startswith(",", position) else position


def _name(written: str) -> str:
    """A key's part as it is meant, without quotes and escapes."""
    if written.startswith("'"):
        return written[1:-1]
    if not written.startswith('"'):
        return written
    import tomli

    name: str = tomli.loads(f"name = {written}")["name"]
    return name


_ESCAPED = lazy_pattern(r"\\(?:u.{4}|U.{8}|x..|[ \t]*\r?\n[ \t\r\n]*|.)|\r\n|.", re.DOTALL)
_LITERAL = lazy_pattern(r"\r\n|.", re.DOTALL)


def written_offset(written: str, offset: int) -> int:
    """Where the character at `offset` of a string stands in the string as written, with its quotes and escapes."""
    quote = written[:3] if written[:3] in ('"""', "'''") else written[0]
    start = len(quote)
    if start == 3:
        start += len(written[3:5]) if written.startswith("\r\n", 3) else int(written.startswith("\n", 3))
    count = 0
    for token in (_ESCAPED if quote[0] == '"' else _LITERAL).finditer(written, start, len(written) - len(quote)):
        is_continuation = token[0][0] == "\\" and quote == '"""' and token[0][1] in " \t\r\n"
        if is_continuation:
            continue
        if count == offset:
            return token.start()
        count += 1
    return len(written) - len(quote)
