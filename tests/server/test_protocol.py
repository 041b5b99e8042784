"""What a client may take of the server before its request is there."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from eventwire.server.protocol import MOST_HEAD_BYTES, close_slow
from eventwire.server.serving import allow_many_files, open_socket, web_server

MOMENT = 0.4


@asynccontextmanager
async def serving():
    """A server that reads a body and answers in a while, and closes the slow after a moment: its port."""

    async def application(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        if scope["path"] == "/slowly":
            await asyncio.sleep(MOMENT * 4)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    listening = open_socket("127.0.0.1", 0)
    server = web_server(application)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    closing = asyncio.create_task(close_slow(server.server_state.connections, MOMENT))
    try:
        yield listening.getsockname()[1]
    finally:
        closing.cancel()
        server.should_exit = True
        await running


async def answer(port, *parts):
    """What comes back, up to the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()


def test_who_takes_too_long_to_send_is_cut_off():
    async def work():
        async with serving() as port:
            beginnings = (b"", b"GET / HT", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{")
            assert await asyncio.gather(*(answer(port, each) for each in beginnings)) == [b"", b"", b""]

    asyncio.run(work())


def test_who_sends_a_second_request_too_slowly_is_cut_off_after_the_first():
    async def work():
        async with serving() as port:
            got = await answer(port, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"GET / HT")
            assert got.count(b"200 OK") == 1

    asyncio.run(work())


def test_who_waits_for_an_answer_is_not_cut_off():
    async def work():
        async with serving() as port:
            assert b"200 OK" in await answer(port, b"GET /slowly HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")

    asyncio.run(work())


def test_a_body_of_any_length_is_no_head():
    async def work():
        async with serving() as port:
            body = b"x" * (MOST_HEAD_BYTES * 3)
            head = f"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            assert b"200 OK" in await answer(port, head, body)

    asyncio.run(work())


def test_a_head_without_end_is_refused():
    async def work():
        async with serving() as port:
            assert b" 431 " in await answer(port, b"GET / HTTP/1.1\r\nx: ", b"a" * (MOST_HEAD_BYTES + 1))

    asyncio.run(work())


def test_the_process_may_have_as_many_files_as_the_machine_allows():
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, before[1]), before[1]))
    try:
        allow_many_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
