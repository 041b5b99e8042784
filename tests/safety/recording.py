"""A server that keeps the exact bytes of every request, and reads them as strictly as HTTP/1.1 is written."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import NamedTuple

LONGEST = 1 << 24
ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}'


class Recorded(NamedTuple):
    """One request."""

    method: str
    target: str
    """What stands between method and version, as it came."""
    headers: list[tuple[str, bytes]]
    """Names in lower case, values as they came."""
    body: bytes

    def header(self, name: str) -> bytes:
        (value,) = [value for key, value in self.headers if key == name]
        return value

    @property
    def names(self) -> list[str]:
        return sorted(name for name, _ in self.headers)


class Recording:
    """Answers every request the same, and keeps it; what is no request of a known length breaks it."""

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self.broken: list[bytes] = []
        self.serving: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen; returns the port."""
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, limit=LONGEST)
        return int(self.server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Listen no more, and let go of every connection."""
        self.server.close()
        for task in self.serving:
            task.cancel()
        await asyncio.gather(*self.serving, return_exceptions=True)

    def take(self) -> list[Recorded]:
        """The requests since the last time."""
        assert not self.broken
        taken, self.requests = self.requests, []
        return taken

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests, one after the other."""
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    self.requests.append(await self.read(head, reader))
                    writer.write(ANSWER)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self.serving.discard(task)

    async def read(self, head: bytes, reader: asyncio.StreamReader) -> Recorded:
        """One request by its head."""
        first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        try:
            method, target, version = first.decode("ascii").split(" ")
            assert version == "HTTP/1.1"
            headers = [header_of(line) for line in lines]
            (length,) = [int(value) for name, value in headers if name == "content-length"] or [0]
        except (ValueError, AssertionError):
            self.broken.append(head)
            raise
        return Recorded(method, target, headers, await reader.readexactly(length))


def header_of(line: bytes) -> tuple[str, bytes]:
    """A header's name and value; a line that holds neither, or an end of line of any kind, is none."""
    assert not set(line) & {0, 10, 13}, line
    name, colon, value = line.partition(b":")
    assert colon and name and name == name.strip(), line
    return name.decode("ascii").lower(), value.removeprefix(b" ")
