"""HTTP out: 100 requests at once on one core, the transports that httpx can have beside aiohttp alone.

The server is a raw asyncio protocol in a process of its own, so that it is never what is measured.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from statistics import median
from typing import Any

import uvloop

REQUESTS = 2_000
AT_ONCE = 100
REPETITIONS = 5
ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}'
BODY = {"id": 7, "name": "Ana Souza", "text": "x" * 400}


class Answering(asyncio.Protocol):
    """Answers every request the same; requests come whole, since they are small."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            start = head.find(b"content-length:")
            length = int(head[start + 15 :].split(b"\r\n")[0]) if start >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            self.transport.write(ANSWER)


def serve(port: Any) -> None:
    """Serve until killed; tells its port."""
    pin(1)

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
        port.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()

    uvloop.run(run())


def pin(core: int) -> None:
    """Stay on one core, where there is another for the server."""
    with suppress(OSError, AttributeError):
        os.sched_setaffinity(0, {core})


async def timed(post: Callable[[], Awaitable[Any]]) -> float:
    """Requests a second."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with gate:
            await post()

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(REQUESTS):
            group.create_task(one())
    return REQUESTS / (time.perf_counter() - started)


async def with_httpx(url: str, transport: Any) -> float:
    """httpx over a transport."""
    import httpx

    async with httpx.AsyncClient(transport=transport, limits=httpx.Limits(max_connections=AT_ONCE)) as client:
        return await timed(lambda: client.post(url, json=BODY))


async def pool_of_httpx(url: str) -> float:
    """httpx with its own pool."""
    import httpx

    return await with_httpx(url, httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=AT_ONCE)))


async def httpx_aiohttp(url: str) -> float:
    """httpx over aiohttp."""
    from httpx_aiohttp import AiohttpTransport

    return await with_httpx(url, AiohttpTransport())


async def httpx_pyreqwest(url: str) -> float:
    """httpx over pyreqwest: what eventwire uses."""
    from pyreqwest.compatibility.httpx import HttpxTransport

    return await with_httpx(url, HttpxTransport())


async def eventwire_web(url: str) -> float:
    """eventwire's own client, as its services use it."""
    from eventwire.services.web import open_client

    client = open_client()
    try:
        return await timed(lambda: client.post(url, json=BODY))
    finally:
        await client.aclose()


async def aiohttp_alone(url: str) -> float:
    """aiohttp without httpx."""
    import aiohttp

    async with aiohttp.ClientSession() as session:

        async def post() -> None:
            async with session.post(url, json=BODY) as response:
                await response.read()

        return await timed(post)


CONTENDERS = (pool_of_httpx, httpx_aiohttp, httpx_pyreqwest, eventwire_web, aiohttp_alone)


def main() -> None:
    """Print each contender's median rate, and its ratio to aiohttp alone in the same run."""
    port = multiprocessing.Value("i", 0)
    server = multiprocessing.Process(target=serve, args=(port,), daemon=True)
    server.start()
    while not port.value:
        time.sleep(0.01)
    pin(0)
    url = f"http://127.0.0.1:{port.value}/hook"
    rates: dict[str, list[float]] = {each.__name__: [] for each in CONTENDERS}
    for _ in range(REPETITIONS):
        for each in CONTENDERS:
            rates[each.__name__].append(uvloop.run(each(url)))
    base = median(rates["aiohttp_alone"])
    for name, measured in rates.items():
        print(f"{name:20} {median(measured):8,.0f} a second   {median(measured) / base:5.2f} of aiohttp alone")
    server.kill()


if __name__ == "__main__":
    main()
