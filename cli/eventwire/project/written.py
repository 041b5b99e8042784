"""Values and tables as TOML text, as the project file has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventwire.errors import UsageError
from eventwire.language.lazy_pattern import lazy_pattern

BARE_KEY = lazy_pattern(r"[A-Za-z0-9_-]+\Z")
ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def toml_value(value: Any) -> str:
    """A value on one line: tables inline, text in the quotes that need no escapes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return toml_text(value)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{toml_key(key)} = {toml_value(each)}" for key, each in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    if value is None:
        raise UsageError("A project file cannot hold null.", next_step="Leave the value out.")
    return str(value)


def toml_text(text: str) -> str:
    """A text in double quotes; in single quotes where it holds double ones and single quotes can hold it.
    Raises UsageError.
    """
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise UsageError("What was given is no text: it holds bytes that are not UTF-8.", next_step="Give it as UTF-8.")
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return '"' + "".join(map(escaped, text)) + '"'


def escaped(char: str) -> str:
    """A character as double quotes hold it."""
    if char in ESCAPES:
        return ESCAPES[char]
    return char if char.isprintable() or char == "\u00a0" else f"\\u{ord(char):04X}" if ord(char) < 65536 else char


def toml_key(key: str) -> str:
    """A key, in quotes where it needs them."""
    return key if BARE_KEY.match(key) else '"' + "".join(map(escaped, key)) + '"'


def toml_header(*keys: str) -> str:
    """A table's header."""
    return f"[{'.'.join(map(toml_key, keys))}]"


def toml_lines(table: Mapping[str, Any]) -> list[str]:
    """A table's keys, a line each."""
    return [f"{toml_key(key)} = {toml_value(value)}" for key, value in table.items()]


def toml_block(keys: tuple[str, ...], table: Mapping[str, Any]) -> str:
    """A table with its header."""
    return "\n".join([toml_header(*keys), *toml_lines(table)]) + "\n"
