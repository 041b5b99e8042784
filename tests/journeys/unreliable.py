"""A way to a server that cannot be relied on: it drops what is on its way, resets connections, or is slow."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from typing import Self
from urllib.parse import urlsplit

EVERY = 12
"""One in so many pieces of data meets its fate."""
DELAY_SECONDS = 0.05


class Unreliable:
    """A proxy in a thread of its own, in front of one server."""

    def __init__(self, url: str, behaviour: str) -> None:
        """`behaviour`: `drop` (a piece of data is lost, and the connection ends), `reset`, `delay`, or `reliable`."""
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._behaviour = behaviour
        self._random = random.Random(7)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self) -> None:
        """Listen."""
        self._do(self._listen())

    def stop(self) -> None:
        """Cut every connection, and refuse new ones."""
        self._do(self._close())

    def become_reliable(self) -> None:
        """Do no more harm from now on."""
        self._behaviour = "reliable"

    def _do(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)  # type: ignore[arg-type]

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.05)  # transports close in the turns after

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream: asyncio.StreamWriter | None = None
        try:
            answers, upstream = await asyncio.open_connection(*self._target)
            self._writers |= {writer, upstream}
            await asyncio.gather(self._pass_on(reader, upstream, writer), self._pass_on(answers, writer, upstream))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for each in (writer, upstream):
                if each is not None:
                    each.transport.abort()
                    self._writers.discard(each)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            if self._behaviour != "reliable" and self._random.randrange(EVERY) == 0:
                if self._behaviour == "delay":
                    await asyncio.sleep(DELAY_SECONDS)
                elif self._behaviour == "reset":
                    reset(back)
                    raise ConnectionResetError
                else:
                    raise ConnectionAbortedError
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError


def reset(writer: asyncio.StreamWriter) -> None:
    """Let a connection end by RST: nothing is sent any more, and what was received is thrown away."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
