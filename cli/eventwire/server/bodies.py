"""Bodies of requests: read by their content type, unpacked within a limit."""

from __future__ import annotations

import zlib
from typing import Any
from urllib.parse import parse_qsl

from eventwire.errors import EventwireError, PayloadError
from eventwire.language.payloads import read_payload

LIMIT_BYTES = 1024 * 1024
"""The largest body that is read, unpacked."""
MOST_FIELDS = 1000
FORM = "application/x-www-form-urlencoded"


class UnreadableBody(EventwireError):
    """A body that cannot be read, with the HTTP status that says so: 400, 413 or 415."""

    code = "unreadable-body"

    def __init__(self, status: int, message: str, next_step: str | None = None) -> None:
        super().__init__(message, next_step=next_step)
        self.status = status


def unpack(body: bytes, encoding: str | None, limit_bytes: int = LIMIT_BYTES) -> bytes:
    """A body without its content encoding: gzip, deflate or none. It is never unpacked beyond the limit.
    Raises UnreadableBody.
    """
    name = (encoding or "identity").strip().lower()
    if name not in ("identity", "gzip", "x-gzip", "deflate"):
        raise UnreadableBody(415, f"The content encoding {name[:40]} is not known here.", "Send gzip, or none.")
    if name == "identity":
        return within(body, limit_bytes)
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | (16 if "gzip" in name else 0))
    try:
        unpacked = unpacker.decompress(body, limit_bytes + 1)
    except zlib.error as error:
        raise UnreadableBody(400, f"The body is not {name}: {error}.", "Send it whole, and once packed.") from error
    within(unpacked, limit_bytes)
    if not unpacker.eof or unpacker.unused_data:
        raise UnreadableBody(400, f"The body is not one whole piece of {name}.", "Send it whole, and once packed.")
    return unpacked


def within(body: bytes, limit_bytes: int) -> bytes:
    """A body that is not too large. Raises UnreadableBody."""
    if len(body) > limit_bytes:
        raise UnreadableBody(
            413,
            f"The body is more than {limit_bytes:,} bytes long.",
            "Send a reference to large data in place of the data.",
        )
    return body


def media_type(content_type: str | None) -> str:
    """A content type without its parameters, in lower case."""
    return (content_type or "").partition(";")[0].strip().lower()


def is_json(kind: str) -> bool:
    """Whether a media type is one of JSON."""
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def read_body(body: bytes, content_type: str | None, limit_bytes: int = LIMIT_BYTES) -> dict[str, Any]:
    """A JSON object, or the fields of a form as texts. Raises UnreadableBody, PayloadError."""
    kind = media_type(content_type)
    if kind == FORM:
        return read_form(body)
    if kind and not is_json(kind):
        raise UnreadableBody(415, f"The content type {kind[:60]} is not known here.", "Send application/json.")
    return read_payload(body, limit_bytes=limit_bytes)


def read_form(body: bytes) -> dict[str, Any]:
    """A form's fields; one that is there several times is a list. Raises UnreadableBody."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError as error:
        raise UnreadableBody(400, f"The form cannot be read: {error}.", "Send it percent-encoded, in UTF-8.") from error
    fields: dict[str, Any] = {}
    for name, value in pairs:
        before = fields.get(name)
        fields[name] = value if before is None else [*(before if isinstance(before, list) else [before]), value]
    return fields


def read_packed_json(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """The JSON object that a form carries in one field, as GitHub's and Slack's do; the form where it has no such field.
    Raises PayloadError.
    """
    packed = fields.get(name)
    if not isinstance(packed, str):
        return fields
    try:
        return read_payload(packed)
    except PayloadError as error:
        raise PayloadError(f"The field {name}: {error.message}", next_step=error.next_step) from error
