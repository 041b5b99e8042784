"""The fast path for events: the same answers as the usual way, on the same connections, and nothing else goes through it."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from contextlib import asynccontextmanager

import pytest

from eventwire.server.application import Application
from eventwire.server.bodies import LIMIT_BYTES
from eventwire.server.fast_path import LONGEST_HEAD, MOST_HEADS, FastPath, read_head
from eventwire.server.protocol import close_slow
from eventwire.server.serving import web_server
from tests.server.serving import PROJECT, served, until

PLAIN = ("host: x", "content-type: application/json")
MOMENT = 0.4
VARYING = re.compile(rb"[0-9a-hjkmnp-tv-z]{26}|date: [^\r]+|content-length: \d+|\"[a-z]+_ms\": ?[0-9.]+")


class Counting(FastPath):
    """One that counts what it takes."""

    taken = 0

    def take(self, head, body, answered):
        self.taken += 1
        super().take(head, body, answered)


class Talk:
    """A served project behind a socket."""

    def __init__(self, shop, port, fast_path):
        self.shop, self.port, self.fast_path = shop, port, fast_path

    def request(self, body, *lines, name="order", environment="test", key=None, line=None):
        """A request as it goes over the line; `line` is another request line."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        key = self.shop.keys[environment] if key is None else key
        head = [line or f"POST /events/{name} HTTP/1.1", *PLAIN, f"authorization: Bearer {key}", *lines]
        return "\r\n".join([*head, f"content-length: {len(body)}", "", ""]).encode() + body

    async def open(self):
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def send(self, *parts, pause=0.0):
        """The answers to what is sent over one connection, up to its end a moment after the last."""
        reader, writer = await self.open()
        got = b""
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
            while chunk := await asyncio.wait_for(reader.read(65536), MOMENT):
                got += chunk
        except TimeoutError:
            pass
        finally:
            writer.close()
        return got


def talking(folder, work, **more):
    """Do some work with a served project behind a socket."""

    async def behind_a_socket(shop):
        application = Application(shop.runner)
        fast_path = Counting(application.api)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            server = web_server(application, fast_path)
            running = asyncio.create_task(server.serve(sockets=[listening]))
            talk = Talk(shop, listening.getsockname()[1], fast_path)
            talk.server = server
            try:
                await work(talk)
            finally:
                server.should_exit = True
                await running

    served(folder, behind_a_socket, **more)


def statuses(got):
    return [int(each) for each in re.findall(rb"HTTP/1\.1 (\d{3})", got)]


@asynccontextmanager
async def held_back(talk):
    """The journal takes nothing, until the block ends."""
    journal, waiting = talk.shop.runner.journal, []
    begin_soon = journal.begin_soon
    journal.begin_soon = lambda *arguments: waiting.append(arguments)
    try:
        yield waiting
    finally:
        journal.begin_soon = begin_soon
        for each in waiting:
            begin_soon(*each)


CASES = {
    "an event": ({"id": 7}, (), {}),
    "at once": ({"id": 7}, ("prefer: respond-async",), {}),
    "other preferences": ({"id": 7}, ("prefer: wait=3, respond-async",), {}),
    "live": ({"id": 7}, (), {"environment": "live"}),
    "no action": ({"id": 7}, (), {"name": "nothing"}),
    "no action, at once": ({"id": 7}, ("prefer: respond-async",), {"name": "nothing"}),
    "violations": ({"id": "x", "total": []}, (), {}),
    "no JSON": (b"{", (), {}),
    "no object": ([1], (), {}),
    "a key twice": (b'{"id":1,"id":2}', (), {}),
    "nothing": (b"", (), {}),
    "no such event": ({"id": 7}, (), {"name": "ordre"}),
    "a bad key": ({"id": 7}, (), {"key": "ew_test_nothing"}),
    "no key": ({"id": 7}, (), {"key": " "}),
    "large": ({"id": 7, "note": "x" * 50_000}, (), {}),
}


@pytest.mark.parametrize("case", CASES)
def test_it_answers_what_the_usual_way_does(tmp_path, case):
    body, lines, more = CASES[case]

    async def work(talk):
        fast = await talk.send(talk.request(body, *lines, **more))
        taken = talk.fast_path.taken
        # a header that it does not take, and that the usual way passes over
        usual = await talk.send(talk.request(body, *lines, "te: trailers", **more))
        assert talk.fast_path.taken == taken == (case != "no key")
        assert VARYING.sub(b"?", fast) == VARYING.sub(b"?", usual)
        assert statuses(fast)

    talking(tmp_path, work)


def test_an_idempotency_key_gives_the_first_report_and_refuses_another_payload(tmp_path):
    async def work(talk):
        keyed = "idempotency-key: order-7"
        got = await talk.send(*[talk.request({"id": 7}, keyed)] * 3, talk.request({"id": 8}, keyed), pause=0.05)
        assert statuses(got) == [201, 201, 201, 422]
        assert talk.fast_path.taken == 4
        assert talk.shop.lines() == [talk.shop.lines()[0]]

    talking(tmp_path, work)


UNUSUAL = [
    b"GET /events/order HTTP/1.1",
    b"POST /events/order HTTP/1.0",
    b"POST /events/order?x=1 HTTP/1.1",
    b"POST /events/or%64er HTTP/1.1",
    b"POST /events/a/b HTTP/1.1",
    b"POST  /events/order HTTP/1.1",
    b"POST http://x/events/order HTTP/1.1",
    b"content-length: 4",
    b"content-length: 3, 3",
    b"content-length: +3",
    b"content-length: -3",
    b"content-length: 0x3",
    "content-length: \u0663".encode(),
    b"content-length: 99999999999999999999",
    b"content-length:",
    f"content-length: {LIMIT_BYTES + 1}".encode(),
    b"transfer-encoding: chunked",
    b"Transfer-Encoding: identity",
    b"content-encoding: gzip",
    b"expect: 100-continue",
    b"upgrade: h2c",
    b"connection: close",
    b"connection: keep-alive, upgrade",
    b"host: y",
    b"content-type: application/cloudevents+json",
    b"ce-specversion: 1.0",
    b"CE-Id: 1",
    b"idempotency-key: a\xff",
    b'idempotency-key: "a',
    b"x: a\n y: b",
    b"x: a\rb",
    b"x: a\x00b",
    b" x: folded",
    b"x : a",
    b"x",
    b": a",
    b"",
]


@pytest.mark.parametrize("line", UNUSUAL)
def test_what_is_unusual_takes_the_usual_way(line):
    lines = [b"POST /events/order HTTP/1.1", *(each.encode() for each in PLAIN), b"content-length: 3"]
    assert read_head(b"\r\n".join(lines)) is not None
    name = line.partition(b":")[0].lower()
    if b"HTTP/" in line:
        lines[0] = line
    elif name in (b"content-length", b"content-type") and line != b"content-length: 4":
        lines = [line if each.startswith(name) else each for each in lines]
    else:
        lines.append(line)
    assert read_head(b"\r\n".join(lines)) is None


def test_events_that_come_at_once_are_answered_in_their_order_whichever_way_they_take(tmp_path):
    async def work(talk):
        requests = [
            talk.request({"id": number}, *(["te: trailers"] if number % 3 == 2 else []))
            if number != 5
            else b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n"
            for number in range(12)
        ]
        got = await talk.send(b"".join(requests))
        assert statuses(got) == [200 if number == 5 else 201 for number in range(12)]
        assert [each["id"] for each in talk.shop.lines()] == [number for number in range(12) if number != 5]
        assert talk.fast_path.taken >= 2  # what came in the same piece as one of the others goes with it

    talking(tmp_path, work)


def test_a_request_may_come_in_any_two_pieces(tmp_path):
    async def work(talk):
        request = talk.request({"id": 7})
        for position in range(1, len(request), 7):
            reader, writer = await talk.open()
            writer.write(request[:position])
            await writer.drain()
            await asyncio.sleep(0.005)
            # what follows takes the fast path again
            for part in (request[position:], request):
                writer.write(part)
                got = b""
                while b'"filters":[' not in got:
                    got += await asyncio.wait_for(reader.read(65536), 5)
                assert statuses(got) == [201]
            writer.close()
        assert talk.fast_path.taken >= len(range(1, len(request), 7))

    talking(tmp_path, work)


def test_what_comes_while_an_event_is_on_its_way_waits_for_its_answer(tmp_path):
    async def work(talk):
        reader, writer = await talk.open()
        async with held_back(talk) as waiting:
            writer.write(talk.request({"id": 1}))
            await until(lambda: len(waiting) == 1)
            writer.write(talk.request({"id": 2}) + talk.request({"id": 3}, "te: trailers"))
            await asyncio.sleep(0.05)
            assert len(waiting) == 1
        got = b""
        while got.count(b'"filters":[') < 3:
            got += await asyncio.wait_for(reader.read(65536), 5)
        assert statuses(got) == [201] * 3
        assert [each["id"] for each in talk.shop.lines()] == [1, 2, 3]
        writer.close()

    talking(tmp_path, work)


def test_a_client_that_goes_loses_its_answer_and_not_its_event(tmp_path):
    async def work(talk):
        _, writer = await talk.open()
        async with held_back(talk) as waiting:
            writer.write(talk.request({"id": 1}))
            await until(lambda: waiting)
            writer.close()
            await writer.wait_closed()
            await until(lambda: not talk.server.server_state.connections)
        await until(lambda: [each["id"] for each in talk.shop.lines()] == [1])
        await until(lambda: talk.shop.runner.under_way == 0)

    talking(tmp_path, work)


def test_a_client_that_does_not_read_is_given_no_more_than_it_has_room_for(tmp_path):
    echo = PROJECT.replace("line = {", 'line = { note = "{note}",').replace("total =", 'note = "string", total =')

    async def work(talk):
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", talk.port))
            # each answer says what was sent
            requests = [talk.request({"id": number, "note": "x" * 60_000}) for number in range(200)]
            sending = asyncio.create_task(loop.sock_sendall(client, b"".join(requests)))
            taken = -1
            while talk.shop.runner.under_way or taken != len(talk.shop.lines()):
                taken = len(talk.shop.lines())
                await asyncio.sleep(0.3)
            assert 0 < taken < 200
            answers, rest, begin = 0, b"", b"HTTP/1.1 201 Created"
            while answers < 200:
                got = rest + await asyncio.wait_for(loop.sock_recv(client, 1 << 20), 30)
                answers += got.count(begin)
                rest = got[1 - len(begin) :]  # one may begin with what came last
            await sending
            assert [each["id"] for each in talk.shop.lines()] == list(range(200))

    talking(tmp_path, work, project=echo)


def test_a_connection_that_has_nothing_to_say_is_closed_and_one_that_has_is_not(tmp_path):
    async def work(talk):
        closing = asyncio.create_task(close_slow(talk.server.server_state.connections, MOMENT))
        busy, quiet = await talk.open(), await talk.open()
        for _, writer in (busy, quiet):
            writer.write(talk.request({"id": 1}))
        for _ in range(8):
            await asyncio.sleep(MOMENT / 3)
            busy[1].write(talk.request({"id": 2}))
        got = await asyncio.wait_for(quiet[0].read(), 5)
        assert statuses(got) == [201]
        got = b""
        while len(statuses(got)) < 9:
            got += await asyncio.wait_for(busy[0].read(65536), 5)
        assert not busy[0].at_eof()
        for _, writer in (busy, quiet):
            writer.close()
        closing.cancel()

    talking(tmp_path, work)


def test_stopping_answers_what_is_on_its_way_and_then_ends_the_connection(tmp_path):
    async def work(talk):
        reader, writer = await talk.open()
        async with held_back(talk) as waiting:
            writer.write(talk.request({"id": 1}))
            await until(lambda: waiting)
            talk.server.should_exit = True
            await asyncio.sleep(0.2)
        got = await asyncio.wait_for(reader.read(), 5)
        assert statuses(got) == [201]
        assert b"connection: close" in got
        writer.close()

    talking(tmp_path, work)


def test_what_was_read_before_is_known_by_its_bytes_within_bounds(tmp_path):
    async def work(talk):
        fast_path = talk.fast_path
        heads = [talk.request({"id": 7}, f"x: {number}").partition(b"\r\n\r\n")[0] for number in range(MOST_HEADS + 5)]
        assert all(fast_path.head(each) == fast_path.head(each) for each in heads)
        assert 0 < len(fast_path._heads) <= MOST_HEADS
        long = talk.request({"id": 7}, f"x: {'x' * LONGEST_HEAD}").partition(b"\r\n\r\n")[0]
        keyed = talk.request({"id": 7}, "idempotency-key: k").partition(b"\r\n\r\n")[0]
        assert fast_path.head(long) is None
        assert fast_path.head(keyed).idempotency_key == "k"
        assert long not in fast_path._heads
        assert keyed not in fast_path._heads

    talking(tmp_path, work)


def test_a_key_that_was_removed_counts_no_more(tmp_path, monkeypatch):
    async def work(talk):
        assert statuses(await talk.send(talk.request({"id": 1}))) == [201]
        with talk.shop.runner.store.transaction() as connection:
            connection.execute("UPDATE api_keys SET removed_at = 1")
        talk.fast_path._api._keys.clear()
        got = await talk.send(talk.request({"id": 2}))
        assert statuses(got) == [401]
        assert talk.fast_path.taken == 2

    talking(tmp_path, work)


def test_a_bug_is_answered_and_told_and_leaves_nothing_under_way(tmp_path):
    told: list[str] = []

    async def work(talk):
        pipeline = talk.shop.runner.pipelines["test"]
        pipeline.accept_soon = lambda run, done: 1 / 0
        assert statuses(await talk.send(talk.request({"id": 1}))) == [500]
        assert talk.shop.runner.under_way == 0

    talking(tmp_path, work, told=told)
    assert any("ZeroDivisionError" in each for each in told)


def test_a_bug_after_the_event_is_in_the_journal_is_answered_too(tmp_path):
    told: list[str] = []

    async def work(talk):
        talk.shop.runner.finish_soon = talk.shop.runner.finish_later = lambda *arguments: 1 / 0
        for lines in ((), ("prefer: respond-async",)):
            assert statuses(await talk.send(talk.request({"id": 1}, *lines))) == [500]

    talking(tmp_path, work, told=told)
    assert len([each for each in told if "ZeroDivisionError" in each]) == 2
