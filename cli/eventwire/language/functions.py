"""The built-in functions of conditions (CloudEvents SQL 1.0, section 3.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from eventwire.language.casts import to_boolean, to_integer, to_number, to_text
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.language.paths import MISSING
from eventwire.language.properties import Kind

WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
"""What Unicode calls white space (property White_Space), which TRIM takes off. Python's `strip` also takes U+001C to
U+001F, which are control characters (section 3.5.1)."""


class Function(Struct, frozen=True):
    """A built-in function. It is given arguments that are cast already, and gives MISSING where it cannot tell."""

    name: str
    parameters: tuple[Kind, ...]
    result: Kind
    run: Callable[..., Any]
    least: int
    """The fewest arguments."""
    variadic: bool = False
    """Whether the last parameter may be repeated, or left out."""

    def takes(self, count: int) -> bool:
        """Whether it can be called with this many arguments."""
        return count >= self.least and (self.variadic or count <= len(self.parameters))

    def parameter(self, position: int) -> Kind:
        """The kind of the argument at a position."""
        return self.parameters[min(position, len(self.parameters) - 1)]


_WHOLE = lazy_pattern(r"[+-]?[0-9]{1,100}")


def _is_integer(value: Any) -> bool:
    """Whether INT can read it. A text is an integer by CloudEvents SQL, of 32 bits; a number of any size is one."""
    if type(value) is str:
        return _WHOLE.fullmatch(value) is not None and -(2**31) <= int(value) < 2**31
    return to_integer(value) is not MISSING


def _trim(text: str) -> str:
    return text.strip(WHITE_SPACE)


def _left(text: str, count: int) -> str:
    return text[:count] if count >= 0 else text


def _right(text: str, count: int) -> str:
    if count < 0:
        return text
    return text[-count:] if count else ""


def _substring(text: str, position: int, length: int | None = None) -> Any:
    if abs(position) > len(text) or (length is not None and length < 0):
        return MISSING
    if position == 0:
        return ""
    begin = position - 1 if position > 0 else len(text) + position
    return text[begin : None if length is None else begin + length]


def _concat(*texts: str) -> str:
    return "".join(texts)


def _concat_with(delimiter: str, *texts: str) -> str:
    return delimiter.join(texts)


_TEXT, _INTEGER, _NUMBER, _BOOLEAN, _ANY = Kind.STRING, Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN, Kind.ANY

FUNCTIONS: Mapping[str, Function] = {
    each.name: each
    for each in (
        Function("LENGTH", (_TEXT,), _INTEGER, len, 1),
        Function("CONCAT", (_TEXT,), _TEXT, _concat, 0, variadic=True),
        Function("CONCAT_WS", (_TEXT, _TEXT), _TEXT, _concat_with, 1, variadic=True),
        Function("LOWER", (_TEXT,), _TEXT, str.lower, 1),
        Function("UPPER", (_TEXT,), _TEXT, str.upper, 1),
        Function("TRIM", (_TEXT,), _TEXT, _trim, 1),
        Function("LEFT", (_TEXT, _INTEGER), _TEXT, _left, 2),
        Function("RIGHT", (_TEXT, _INTEGER), _TEXT, _right, 2),
        Function("SUBSTRING", (_TEXT, _INTEGER, _INTEGER), _TEXT, _substring, 2),
        Function("ABS", (_NUMBER,), _NUMBER, abs, 1),
        Function("INT", (_ANY,), _INTEGER, to_integer, 1),
        Function("STRING", (_ANY,), _TEXT, to_text, 1),
        Function("BOOL", (_ANY,), _BOOLEAN, to_boolean, 1),
        Function("IS_INT", (_ANY,), _BOOLEAN, _is_integer, 1),
        Function("IS_BOOL", (_ANY,), _BOOLEAN, lambda value: to_boolean(value) is not MISSING, 1),
    )
}

CASTS: Mapping[Kind, Callable[[Any], Any]] = {
    _TEXT: to_text,
    _INTEGER: to_integer,
    _NUMBER: to_number,
    _BOOLEAN: to_boolean,
    _ANY: lambda value: value,
}
"""How an argument becomes a parameter's kind."""
