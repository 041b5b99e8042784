"""A line to a server that tests can mute and cut."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress


class Line:
    """What stands between a client and its server; `port` is where it listens."""

    def __init__(self):
        self.port = 0
        self.ends = []
        self.listening = None
        self.muted = False
        self.used = asyncio.Event()
        """Something was sent since it was muted."""

    def mute(self):
        """Let no answer through any more."""
        self.muted = True

    def cut(self):
        for end in self.ends:
            end.transport.abort()

    def close(self):
        """Cut it, and let nobody in again."""
        self.listening.close()
        self.cut()


@asynccontextmanager
async def line_to(host, port):
    line = Line()

    async def there(reader, writer):
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                if line.muted:
                    line.used.set()
        writer.close()

    async def back(reader, writer):
        with suppress(OSError):
            while data := await reader.read(65536):
                if not line.muted:
                    writer.write(data)
        writer.close()

    async def answer(reader, writer):
        from_server, to_server = await asyncio.open_connection(host, port)
        line.ends += [writer, to_server]
        await asyncio.gather(there(reader, to_server), back(from_server, writer))

    line.listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    line.port = line.listening.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        line.listening.close()
