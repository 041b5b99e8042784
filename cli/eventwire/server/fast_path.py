"""The fast path for `POST /events/NAME`: a plain JSON payload, whole, with no header that asks for anything unusual.

It is what nearly every sender sends, and answers what the event API answers; anything else takes the usual way through the web
server. It saves the request's task, its scope, and reading headers that are the same as in the request before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from msgspec import Struct

from eventwire.engine.record import RunRecord
from eventwire.errors import EventwireError
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.server.api import Api
from eventwire.server.bodies import LIMIT_BYTES
from eventwire.server.keys import bearer_key
from eventwire.server.request_headers import read_idempotency_key, read_preferences
from eventwire.server.requests import Answer
from eventwire.server.runner import Accepted

Answered = Callable[[Answer], None]
BEGINS = b"POST /events/"
RESPONDS_ASYNC = {"preference-applied": "respond-async"}
MOST_HEADS = 1_000
LONGEST_HEAD = 4_096
"""Longer ones are read the usual way, and not kept."""
UNUSUAL = frozenset(("transfer-encoding", "content-encoding", "expect", "upgrade", "trailer", "te", "http2-settings"))
"""Headers that need the whole web server."""

_REQUEST_LINE = lazy_pattern(r"POST /events/([A-Za-z0-9_.-]+) HTTP/1\.1")
# stricter than HTTP: what is written another way is read the usual way
_HEADER = lazy_pattern(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)")


class Head(Struct, frozen=True):
    """What a request line and its headers say."""

    event: str
    path: str
    length: int
    """Of the body, in bytes."""
    key: str | None
    """The API key."""
    responds_async: bool
    idempotency_key: str | None


class FastPath:
    """Takes events for the event API."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._heads: dict[bytes, Head | None] = {}
        """What was read before, by its very bytes; None for what takes the usual way."""

    def head(self, data: bytes) -> Head | None:
        """What a request's head says, which ends before its empty line; None for one that takes the usual way."""
        try:
            return self._heads[data]
        except KeyError:
            pass
        found = read_head(data) if len(data) <= LONGEST_HEAD else None
        if found is None or found.idempotency_key is None:  # which is another in each request
            if len(self._heads) >= MOST_HEADS:
                self._heads.clear()
            if len(data) <= LONGEST_HEAD:
                self._heads[data] = found
        return found

    def take(self, head: Head, body: bytes, answered: Answered) -> None:
        """Take an event; `answered` is called with the answer, now or later."""
        api = self._api
        try:
            key = api.check_token(head.key)
            api.check_name(head.event)
            prepared = api.prepare_plain(head.event, body, key, head.idempotency_key)
            api.runner.admit_soon(prepared, partial(self._admitted, head, answered))
        except Exception as error:
            answered(api.failed(error, head.path))

    def _admitted(self, head: Head, answered: Answered, accepted: Accepted | None, error: Exception | None) -> None:
        """Answer at once where that is preferred, otherwise once every outcome is durable."""
        api = self._api
        try:
            if accepted is None:
                assert error is not None
                answer = api.failed(error, head.path)
            elif head.responds_async:
                api.runner.finish_later(accepted)
                answer = api.answer_accepted_one(accepted, RESPONDS_ASYNC)
            elif accepted.first is not None:
                self._await_first(head, answered, accepted)
                return
            else:
                api.runner.finish_soon(accepted, partial(self._ended, head, answered, accepted))
                return
        except Exception as bug:  # a client that waits is told even so
            answer = api.failed(bug, head.path)
        answered(answer)

    def _ended(
        self, head: Head, answered: Answered, accepted: Accepted, record: RunRecord | None, error: Exception | None
    ) -> None:
        if record is None:
            assert error is not None
            answered(self._api.failed(error, head.path))
        else:
            answered(self._api.answer_of(record, accepted))

    def _await_first(self, head: Head, answered: Answered, accepted: Accepted) -> None:
        """Answer once the first run with the event's key has ended, which may be another process's."""
        api = self._api

        async def answer() -> None:
            try:
                answered(await api.answer_ended([accepted], False))
            except Exception as error:
                answered(api.failed(error, head.path))

        api.runner.keep(answer(), f"run {accepted.id}")


def read_head(data: bytes) -> Head | None:
    """A request's head; None where anything about it is unusual."""
    first, *lines = data.decode("latin-1").split("\r\n")
    asked = _REQUEST_LINE.fullmatch(first)
    if asked is None:
        return None
    headers: dict[str, str] = {}
    for line in lines:
        header = _HEADER.fullmatch(line)
        if header is None or header[1].lower() in headers:
            return None
        headers[header[1].lower()] = header[2]
    if not is_plain(headers):
        return None
    prefer, idempotency_key = headers.get("prefer"), headers.get("idempotency-key")
    try:
        return Head(
            asked[1],
            f"/events/{asked[1]}",
            int(headers["content-length"]),
            bearer_key(headers.get("authorization")),
            prefer is not None and read_preferences([prefer]).respond_async,
            None if idempotency_key is None else read_idempotency_key([idempotency_key]),
        )
    except EventwireError:  # told the usual way
        return None


def is_plain(headers: dict[str, str]) -> bool:
    """Whether there is a JSON body of a known length, and nothing that the usual way has to look at."""
    length = headers.get("content-length", "")
    return (
        "host" in headers
        and headers.get("content-type") == "application/json"
        and length.isdigit()
        and len(length) < 8
        and int(length) <= LIMIT_BYTES
        and headers.get("connection", "keep-alive").lower() == "keep-alive"
        and not UNUSUAL.intersection(headers)
        and not any(name.startswith("ce-") for name in headers)
    )
