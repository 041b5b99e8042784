"""One connection of the web server: what a client may take of it before its request is there, and the fast path for events."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from functools import lru_cache
from typing import Any, ClassVar, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from eventwire.server.fast_path import BEGINS, FastPath
from eventwire.server.problems import Refusal, problem_of
from eventwire.server.requests import Answer

MOST_HEAD_BYTES = 65_536
"""The longest request line with all its headers; the parser itself has no bound."""
MOST_SECONDS = 60.0
"""So long a request may take to arrive, from its first byte, or from the connection on, to its last."""
LOOK_SECONDS = 5.0
END_OF_HEAD = b"\r\n\r\n"


class Protocol(HttpToolsProtocol):
    """One connection. Requests that are events go to the fast path where they can, all others to uvicorn."""

    fast_path: ClassVar[FastPath | None] = None
    """Where events go; a class of its own for each server has it."""
    head_bytes = 0
    is_between = True
    """Whether uvicorn's parser is at the begin of a request."""
    is_still_the_same = True
    """Whether no request has ended in what came last."""
    is_taking = False
    """Whether an event is on its way through the fast path."""
    is_answered = False
    """Whether its answer is written, and its client has to read before more is taken."""
    events = 0
    """How many went there."""
    held = b""
    """What came after the event that is on its way."""
    ends = False
    """Whether the connection ends with the next answer of the fast path."""

    def data_received(self, data: bytes) -> None:
        """Take in what has come; a head without end is refused."""
        if self.is_taking:
            self.held += data
            if len(self.held) > MOST_HEAD_BYTES:
                self.flow.pause_reading()
            return
        if self.is_between and data.startswith(BEGINS) and self.is_free() and self.take_event(data):
            return
        self.is_still_the_same = True
        super().data_received(data)
        if not self.reads_head():
            self.head_bytes = 0
            return
        # what came with the end of the request before is little more than one reading of the socket
        self.head_bytes += len(data) if self.is_still_the_same else 0
        if self.head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
            self.refuse("head-too-large", f"The request's line and headers are longer than {MOST_HEAD_BYTES:,} bytes.")

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls where the bytes are no request."""
        self.refuse("bad-request", "What was sent is no request of HTTP/1.1.")

    def refuse(self, code: str, sentence: str) -> None:
        """Answer what does not get as far as the application with a problem document, and end the connection."""
        problem = problem_of(Refusal(code, sentence))
        body = problem.encode()
        headers = {**problem.headers, "content-length": str(len(body)), "connection": "close"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(STATUS_LINE[problem.status] + lines.encode() + b"\r\n" + body)
        self.transport.close()

    # The fast path

    def is_free(self) -> bool:
        """Whether nothing is on its way through uvicorn."""
        return self.fast_path is not None and (self.cycle is None or self.cycle.response_complete)

    def take_event(self, data: bytes) -> bool:
        """Give an event to the fast path; False where it does not take it, or has not all of it."""
        assert self.fast_path is not None
        ends = data.find(END_OF_HEAD)
        head = self.fast_path.head(data[:ends]) if ends > 0 else None
        begins = ends + len(END_OF_HEAD)
        if head is None or len(data) < begins + head.length:
            return False
        self._unset_keepalive_if_required()
        self.is_taking = True
        self.events += 1
        self.held = data[begins + head.length :]
        self.fast_path.take(head, data[begins : begins + head.length], self.answer_event)
        return True

    def answer_event(self, answer: Answer) -> None:
        """Send the answer of the fast path, and go on with what has come meanwhile."""
        if self.transport.is_closing():
            return
        self.ends = self.ends or answer.headers.get("connection") == "close"
        self.transport.write(self.encode(answer))
        if self.flow.write_paused:
            self.is_answered = True
        else:
            self.event_is_over()

    def event_is_over(self) -> None:
        """The next request may come."""
        self.is_answered = False
        if self.ends:
            self.transport.close()
        elif self.held:
            # in a turn of its own: a client that sends many at once must not nest as many calls
            asyncio.get_running_loop().call_soon(self.go_on)
        else:
            self.is_taking = False

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        if self.is_answered:
            self.event_is_over()

    def go_on(self) -> None:
        """Take in what was held back."""
        held, self.held = self.held, b""
        self.is_taking = False
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self.data_received(held)

    def encode(self, answer: Answer) -> bytes:
        """An answer as it goes over the line."""
        head = status_and_defaults(answer.status, *self.server_state.default_headers)
        if self.ends and "connection" not in answer.headers:
            head += "connection: close\r\n"
        for name, value in answer.headers.items():
            head += f"{name}: {value}\r\n"
        return f"{head}content-length: {len(answer.body)}\r\n\r\n".encode("latin-1") + answer.body

    # uvicorn's

    def on_message_begin(self) -> None:
        """A request begins."""
        self.is_between = False
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """A request is all there."""
        self.is_between = True
        self.is_still_the_same = False
        super().on_message_complete()

    def shutdown(self) -> None:
        """The server stops: the connection ends once its answer is sent."""
        self.ends = True
        if not self.is_taking:
            super().shutdown()

    def reads_head(self) -> bool:
        """Whether a request has begun whose headers are not all there."""
        return self.scope is not None and (self.cycle is None or self.cycle.scope is not self.scope)

    def awaited(self) -> int | None:
        """What the client has to send, as a number that is another for each request; None where it is our turn, or where
        uvicorn ends the connection by itself (keep-alive).
        """
        if self.is_taking:
            return None
        if self.cycle is None or self.reads_head():
            return id(self.scope) if self.scope is not None else -self.events
        if self.cycle.more_body:
            return id(self.cycle)
        return -self.events if self.events and self.timeout_keep_alive_task is None else None


@lru_cache(maxsize=16)
def status_and_defaults(status: int, *headers: tuple[bytes, bytes]) -> str:
    """The begin of an answer, with the headers that all answers have: the date, once a second another."""
    begin = STATUS_LINE[status] + b"".join(b"%b: %b\r\n" % header for header in headers)
    return begin.decode("latin-1")


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
            since[each] = found if found is not None and found[0] == awaited else (awaited, now())
            if now() - since[each][1] > most_seconds:
                each.transport.close()
