"""What a client may take of the server before its request is there: so many bytes, and so much time."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES = 65_536
"""The longest request line with all its headers; the parser itself has no bound."""
MOST_SECONDS = 60.0
"""So long a request may take to arrive, from its first byte, or from the connection on, to its last."""
LOOK_SECONDS = 5.0
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Protocol(HttpToolsProtocol):
    """One connection."""

    head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Take in what has come; a head without end is refused."""
        super().data_received(data)
        if not self.reads_head():
            self.head_bytes = 0
            return
        self.head_bytes += len(data)
        if self.head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(TOO_LARGE)
            self.transport.close()

    def reads_head(self) -> bool:
        """Whether a request has begun whose headers are not all there."""
        return self.scope is not None and (self.cycle is None or self.cycle.scope is not self.scope)

    def awaited(self) -> Any:
        """What the client has to send, as something that is another for each request; None where it is our turn, or where
        uvicorn ends the connection by itself (keep-alive).
        """
        if self.cycle is None or self.reads_head():
            return self.scope or self
        return self.cycle if self.cycle.more_body else None


async def close_slow(connections: Collection[Any], most_seconds: float = MOST_SECONDS) -> None:
    """Close the connections whose client takes too long, for as long as the server runs. It is done for all at once, since
    a timer for each request costs more than the request's head.
    """
    since: dict[Protocol, tuple[int, float]] = {}
    now = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(min(LOOK_SECONDS, most_seconds / 4))
        before, since = since, {}
        for each in cast("list[Protocol]", list(connections)):
            awaited = each.awaited()
            if awaited is None:
                continue
            found = before.get(each)
            since[each] = found if found is not None and found[0] == id(awaited) else (id(awaited), now())
            if now() - since[each][1] > most_seconds:
                each.transport.close()
