"""One POST to a button's server: ten seconds, no redirects, and no address that it must not reach."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from eventwire.errors import EventwireError, MissingExtra
from eventwire.server.addresses import ForbiddenAddress, checked_addresses
from eventwire.services.web import put_location_aside

if TYPE_CHECKING:
    import httpx

SECONDS = 10.0
ANSWER_BYTES = 4096
"""So much of an answer is kept; the rest is not read."""


class NotSent(EventwireError):
    """It is certain that nothing reached the server."""

    code = "not-sent"


class AnswerLost(EventwireError):
    """It was sent, or may have been, and no answer came: nobody knows what the server did."""

    code = "answer-lost"


class Answer(Struct, frozen=True):
    """What a server answered."""

    status: int
    text: str
    location: str | None = None
    """Where a redirect leads, which is not followed."""


async def post(
    address: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    trusted: bool,
    allowed_hosts: Collection[str] = (),
    seconds: float = SECONDS,
) -> Answer:
    """Send a POST and read the answer. An address is `trusted` where it is from the project file; any other must be public,
    or allowed by name. Raises NotSent, AnswerLost, MissingExtra.
    """
    try:
        async with asyncio.timeout(seconds):
            return await send(address, body, headers, trusted, allowed_hosts)
    except TimeoutError:
        raise AnswerLost(f"There was no answer within {seconds:g} seconds.") from None


async def send(
    address: str, body: bytes, headers: Mapping[str, str], trusted: bool, allowed_hosts: Collection[str]
) -> Answer:
    """Send it to the first of the host's addresses that can be connected to."""
    httpx = import_httpx()
    url = read_address(httpx, address, trusted)
    given = {**headers, "accept-encoding": "identity", "connection": "close"}
    targets: list[tuple[Any, dict[str, Any]]] = [(url, {})]
    if not trusted:
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            numbers = await checked_addresses(url.host, port, allowed_hosts)
        except ForbiddenAddress as error:
            raise NotSent(error.message, next_step=error.next_step) from error
        # the certificate is checked for the name, the connection goes to the number
        targets = [(url.copy_with(host=each), {"sni_hostname": url.host}) for each in numbers]
        given["host"] = url.netloc.decode("ascii")
    async with httpx.AsyncClient(
        trust_env=False, follow_redirects=False, timeout=None, event_hooks={"response": [put_location_aside]}
    ) as client:
        for target, extensions in targets:
            try:
                return await exchange(client, target, body, given, extensions)
            except (httpx.ConnectError, httpx.UnsupportedProtocol) as error:
                failed = NotSent(f"{url.host} cannot be reached: {reason_of(error)}.")
            except httpx.HTTPError as error:
                raise AnswerLost(f"{url.host} gave no answer that can be read: {reason_of(error)}.") from error
            except httpx.InvalidURL as error:
                raise NotSent(f"The address cannot be used: {error}.") from error
    raise failed


async def exchange(
    client: httpx.AsyncClient, url: httpx.URL, body: bytes, headers: Mapping[str, str], extensions: dict[str, Any]
) -> Answer:
    """One request and the beginning of its answer."""
    kept = b""
    async with client.stream("POST", url, content=body, headers=dict(headers), extensions=extensions) as response:
        async for chunk in response.aiter_raw():
            kept += chunk
            if len(kept) >= ANSWER_BYTES:
                break
    text = kept[:ANSWER_BYTES].decode("utf-8", "replace").replace("\0", "\ufffd")
    return Answer(response.status_code, text, response.extensions["location"])


def read_address(library: Any, address: str, trusted: bool) -> httpx.URL:
    """An address that can be called. Raises NotSent."""
    try:
        url: httpx.URL = library.URL(address)
    except (library.InvalidURL, ValueError, TypeError) as error:
        raise NotSent(f"The address cannot be used: {error}.") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise NotSent("The address does not begin with https:// or http:// and a host.")
    if url.userinfo and not trusted:
        raise NotSent("The address holds a name or a password, which are not sent.")
    return url


def reason_of(error: Exception) -> str:
    """Why a request failed, in a few words."""
    return str(error).rstrip(".") or type(error).__name__


def import_httpx() -> Any:
    """The client library. Raises MissingExtra."""
    try:
        import httpx
    except ImportError as error:
        raise MissingExtra("server", "server", "Pressing buttons needs a library") from error
    return httpx
