"""Payloads: JSON objects, read strictly and written without loss."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from eventwire.errors import PayloadError
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.language.numbers import NumberTooLarge, read_decimal

if TYPE_CHECKING:
    import msgspec

LIMIT_BYTES = 32 * 1024 * 1024
"""The largest payload that is read."""
LIMIT_DEPTH = 64
"""How deep objects and lists may be nested."""
LOOKS_LIKE = 'A payload is one JSON object, for example: {"id": 7, "name": "Ana"}'

_BOM = b"\xef\xbb\xbf"
_STRINGS = lazy_pattern(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKETS = lazy_pattern(r"[\[{]|[\]}]")


def read_payload(data: str | bytes, *, limit_bytes: int = LIMIT_BYTES, depth: int = LIMIT_DEPTH) -> dict[str, Any]:
    """Read a JSON object. Raises PayloadError with what is wrong, and line and column where there is one."""
    payload = _read(data, limit_bytes, depth)[0]
    return payload if type(payload) is dict else _object(payload)


def _object(payload: Any) -> dict[str, Any]:
    """A payload that is an object. Raises PayloadError."""
    if type(payload) is not dict:
        raise PayloadError(
            f"The payload is {describe_type(payload)}, not a JSON object.",
            next_step='A payload looks like {"name": "value"}.',
        )
    return payload


def read_payload_text(data: bytes, *, limit_bytes: int = LIMIT_BYTES) -> tuple[dict[str, Any], str]:
    """A JSON object, and its text as `encode_json` writes it. Raises what `read_payload` does."""
    payload, written = _read(data, limit_bytes, LIMIT_DEPTH)
    return payload if type(payload) is dict else _object(payload), written.decode()


def read_json(data: str | bytes, *, limit_bytes: int = LIMIT_BYTES, depth: int = LIMIT_DEPTH) -> Any:
    """Read any JSON value, as strictly. Raises PayloadError.

    Numbers keep every digit: integers of any size up to 4,300 digits, decimals as float where that is exact and as
    Decimal otherwise. A byte order mark is passed over.
    """
    return _read(data, limit_bytes, depth)[0]


def _read(data: str | bytes, limit_bytes: int, depth: int) -> tuple[Any, bytes]:
    """A JSON value, and the same written again."""
    raw = data if type(data) is bytes else _as_bytes(data)
    if len(raw) > limit_bytes:
        raise _too_large(len(raw), limit_bytes)
    if raw.startswith(_BOM):
        raw = raw[3:]
    try:
        payload = _decoder().decode(raw)
    except (ValueError, RecursionError) as error:  # msgspec's errors and UnicodeDecodeError are ValueErrors
        raise _diagnose(raw, depth) from error
    if _has_more(raw, b"{[", depth) and _is_deeper(payload, depth):
        raise _too_deep(depth)
    written = _encoder()(payload)
    # A key that is there twice leaves more colons in the text than there are when the payload is written again. An
    # escaped colon could make up for one, so texts that hold any are read again, slowly.
    if raw != written and (raw.count(b":") != written.count(b":") or (b"\\" in raw and b"\\u003" in raw)):
        _refuse_duplicates(raw)
    return payload, written


def _has_more(raw: bytes, characters: bytes, most: int) -> bool:
    """Whether a text has more than so many of some characters. `bytes.count` looks at every byte by itself, four times slower."""
    left = most
    for character in characters:
        at = raw.find(character)
        while at >= 0:
            left -= 1
            if left < 0:
                return True
            at = raw.find(character, at + 1)
    return False


def _as_bytes(data: str | bytes) -> bytes:
    if isinstance(data, bytes):
        return data
    try:
        return data.encode()
    except UnicodeEncodeError as error:
        raise _lone_surrogate(data, error.start) from error


@cache
def _decoder() -> msgspec.json.Decoder[Any]:
    import msgspec

    return msgspec.json.Decoder(float_hook=read_decimal)


def decode_json(text: str | bytes) -> Any:
    """The data of JSON text that eventwire wrote itself; numbers keep every digit."""
    return _decoder().decode(text)


def _is_deeper(payload: Any, limit: int) -> bool:
    """Whether objects and lists are nested deeper than a limit."""
    level = [payload] if type(payload) is dict or type(payload) is list else []
    for _ in range(limit):
        level = [
            each
            for container in level
            for each in (container.values() if type(container) is dict else container)
            if type(each) is dict or type(each) is list
        ]
    return bool(level)


def _refuse_duplicates(raw: bytes) -> None:
    """Raise PayloadError where an object has a key twice."""
    json.loads(raw, object_pairs_hook=_without_duplicates, parse_int=str, parse_float=str)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise PayloadError(
            f'The payload has the key "{twice}" twice in one object.',
            next_step="Keep one of the two: which of them counts differs from reader to reader.",
        )
    return result


def _diagnose(raw: bytes, limit: int) -> PayloadError:
    """Why a text could not be read, slowly and exactly."""
    if not raw.strip():
        return PayloadError("The payload is empty.", next_step="An event without properties has the payload {}.")
    if b"\x00" in raw:
        return PayloadError(
            f"The payload has a zero byte at offset {raw.index(0)}: it is not JSON text in UTF-8.",
            next_step="Write the file as UTF-8. A zero character inside a string is written \\u0000.",
        )
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return PayloadError(
            f"The payload is not UTF-8: the byte 0x{raw[error.start]:02x} at offset {error.start} does not belong.",
            next_step="Write the file as UTF-8.",
        )
    if _depth_of(text) > limit:
        return _too_deep(limit)
    return _diagnose_text(text)


def _diagnose_text(text: str) -> PayloadError:
    try:
        payload = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
            parse_float=read_decimal,
            parse_int=_read_integer,
        )
    except PayloadError as error:
        return error
    except json.JSONDecodeError as error:
        return PayloadError(
            f"The payload is not JSON: {_in_lower_case(error.msg)} at line {error.lineno}, column {error.colno}.",
            next_step=LOOKS_LIKE,
        )
    except NumberTooLarge as error:
        return PayloadError(
            f"The payload has a number that is too large to work with: {str(error)[:30]}…",
            next_step="Send it as text.",
        )
    return _unreadable(payload, text)


def _unreadable(payload: Any, text: str) -> PayloadError:
    written = json.dumps(payload, ensure_ascii=False, default=str)
    position = next((index for index, char in enumerate(written) if "\ud800" <= char <= "\udfff"), None)
    if position is not None:
        return _lone_surrogate(written, position)
    return PayloadError(f"The payload is not JSON that can be read: {text[:40]!r}.", next_step=LOOKS_LIKE)


def _in_lower_case(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _refuse_constant(name: str) -> Any:
    raise PayloadError(
        f"The payload has the value {name}, which JSON does not have.",
        next_step="Send null, or leave the property out.",
    )


def _read_integer(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise NumberTooLarge(text) from error


def _depth_of(text: str) -> int:
    """How deep brackets are nested outside strings."""
    depth = deepest = 0
    for match in _BRACKETS.finditer(_STRINGS.sub("", text)):
        depth += 1 if match[0] in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _too_deep(limit: int) -> PayloadError:
    return PayloadError(
        f"The payload is nested more than {limit} levels deep.", next_step="Send it flatter, or the deep part as text."
    )


def _too_large(size: int, limit: int) -> PayloadError:
    return PayloadError(
        f"The payload is {size:,} bytes long; the most that is read is {limit:,}.",
        next_step="Send a reference to large data in place of the data.",
    )


def _lone_surrogate(text: str, position: int) -> PayloadError:
    return PayloadError(
        f"The payload has half a character, \\u{ord(text[position]):04x}, which is no Unicode text.",
        next_step="Characters beyond U+FFFF are written as two \\u escapes in a row, or plainly in UTF-8.",
    )


def describe_type(value: Any) -> str:
    """What kind of JSON value it is, with its article: `a list`."""
    if value is None:
        return "null"
    names: dict[type, str] = {bool: "a boolean", str: "text", dict: "an object", list: "a list", int: "an integer"}
    return names.get(type(value), "a number")


def encode_json(value: Any, *, indent: bool = False) -> str:
    """A value as JSON text: Decimal as a number with every digit, dates and times as ISO 8601."""
    if not indent:
        try:
            return _encoder()(value).decode()
        except UnicodeEncodeError:
            pass  # which is written slowly
    return encode_json_bytes(value, indent=indent).decode()


def encode_json_bytes(value: Any, *, indent: bool = False) -> bytes:
    """A value as JSON in UTF-8."""
    try:
        data = _encoder()(value)
    except UnicodeEncodeError:
        data = json.dumps(value, default=_plain).encode()
    if not indent:
        return data
    import msgspec

    return msgspec.json.format(data, indent=2)


@cache
def _encoder() -> Callable[[Any], bytes]:
    import msgspec

    return msgspec.json.Encoder(decimal_format="number", enc_hook=_plain).encode


def _plain(value: Any) -> Any:
    """What stands for a value that JSON has no form for."""
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)


def plain_value(value: Any) -> Any:
    """A value without the wrappers that a TOML reader may have put around it."""
    if isinstance(value, Mapping):
        return {str(key): plain_value(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_value(each) for each in value]
    return value.unwrap() if hasattr(value, "unwrap") else value
