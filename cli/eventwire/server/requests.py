"""A request as the event API sees it, and its answer: ASGI without a framework, since routing costs half of what a
request may.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from msgspec import Struct

from eventwire.language.payloads import encode_json_bytes
from eventwire.server.bodies import UnreadableBody, unpack

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Request:
    """A request; its body is read when it is asked for."""

    __slots__ = ("_raw", "_receive", "headers", "method", "path")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self._raw = scope["headers"]
        self.headers: Mapping[str, str] = {name.decode("latin-1"): value.decode("latin-1") for name, value in self._raw}
        """By name in lower case; of those that are there twice, the last."""
        self._receive = receive

    def all(self, name: bytes) -> list[str]:
        """Every header of a name."""
        return [value.decode("latin-1") for key, value in self._raw if key == name]

    async def body(self, limit_bytes: int) -> bytes:
        """The body, unpacked. Raises UnreadableBody where it is too large, or cut off."""
        length = self.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and (len(length) > 18 or int(length) > limit_bytes):
            raise too_large(limit_bytes)
        message = await self._receive()
        body: bytes = message.get("body", b"")
        if message.get("more_body"):
            parts, size = [body], len(body)
            while message.get("more_body"):
                message = await self._receive()
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > limit_bytes:
                    raise too_large(limit_bytes)
            body = b"".join(parts)
        if message["type"] == "http.disconnect":
            raise UnreadableBody(400, "The request was cut off.")
        encoding = self.headers.get("content-encoding")
        return body if encoding is None and len(body) <= limit_bytes else unpack(body, encoding, limit_bytes)


def too_large(limit_bytes: int) -> UnreadableBody:
    """The refusal of a body before it is read whole."""
    return UnreadableBody(
        413,
        f"The body is more than {limit_bytes:,} bytes long.",
        "Send a reference to large data in place of the data.",
    )


class Answer(Struct, frozen=True):
    """What a request is answered with."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}

    async def send(self, send: Send) -> None:
        """Send it."""
        headers = [(name.encode(), value.encode("latin-1")) for name, value in self.headers.items()]
        headers.append((b"content-length", str(len(self.body)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


JSON = {"content-type": "application/json"}


def json_answer(status: int, document: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer that is one JSON document."""
    return Answer(status, encode_json_bytes(document), {**JSON, **(headers or {})})
