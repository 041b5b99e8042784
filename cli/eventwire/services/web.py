"""What the services over HTTP share: the client, and answers as outcomes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from eventwire.errors import Refused, Rejected, ServiceError, Unavailable
from eventwire.language.payloads import encode_json_bytes
from eventwire.services.declare import Credentials, import_client
from eventwire.services.reasons import plain_reason

if TYPE_CHECKING:
    import httpx

# Longer than any sane action; the action's own timeout ends it sooner.
LONGEST_SECONDS = 3600.0
CONNECT_SECONDS = 15.0
# How much of an answer is kept.
LONGEST_BODY = 64 * 1024
MASK = "•••".encode()
SHORTEST_SECRET = 6
"""What is shorter stands in answers that do not repeat it."""
KEPT_HEADERS = ("content-type", "retry-after", "x-request-id", "request-id")
# Statuses that may be different next time (RFC 9110, RFC 6585, RFC 8470).
PASSING = (408, 425, 429, 500, 502, 503, 504)


class Web(Struct, frozen=True):
    """A client with what it adds to every request; its `repr` shows no secret."""

    client: httpx.AsyncClient
    label: str
    """The service's name in messages."""
    headers: Mapping[str, str] = {}
    """What is added to every request: authorization, for one."""
    untrusted: str = "The server's certificate is not trusted here."
    """What to do about a certificate that is not trusted."""
    secrets: Collection[bytes] = ()
    """What an answer may repeat, and is masked in it (`secrets_of`)."""

    def __repr__(self) -> str:
        return f"Web({self.label})"

    def masked(self, body: bytes) -> bytes:
        """What came back, with the account's secrets masked."""
        for each in self.secrets:
            if each in body:
                body = body.replace(each, MASK)
        return body

    def masked_text(self, text: str) -> str:
        """A text with the account's secrets masked."""
        return self.masked(text.encode()).decode()

    async def close(self) -> None:
        """Close every connection."""
        await self.client.aclose()


def secrets_of(credentials: Credentials, *headers: str) -> tuple[bytes, ...]:
    """The secrets of an account, and headers made of them, in the ways in which an answer may write them; the longest first."""
    from json import dumps
    from urllib.parse import quote

    given = [*credentials.secrets.values(), *headers, *(each.partition(" ")[2] for each in headers)]
    written = {way for each in given for way in (each, dumps(each)[1:-1], quote(each), quote(each, ""))}
    return tuple(sorted((each.encode() for each in written if len(each) >= SHORTEST_SECRET), key=len, reverse=True))


def open_client(authorities: Sequence[bytes] = ()) -> httpx.AsyncClient:
    """A client with a fast pool: httpx's own manages 240 requests a second at 100 at once, this one 4,400.

    Redirects are not followed, and no cookie is kept: what was shown is what is called. `authorities` are certificates
    in PEM form, trusted beside the system's.
    """
    import_client("httpx", "http", "http")
    import_client("pyreqwest", "http", "http")
    from datetime import timedelta

    import httpx
    import pyreqwest.client
    from pyreqwest.compatibility.httpx import HttpxTransport

    from eventwire import __version__

    builder = (
        pyreqwest.client.ClientBuilder()
        .error_for_status(False)
        .follow_redirects(False)
        .default_cookie_store(False)
        .connect_timeout(timedelta(seconds=CONNECT_SECONDS))
        .timeout(timedelta(seconds=LONGEST_SECONDS))
    )
    for each in authorities:
        builder = builder.add_root_certificate_pem(each)
    transport = HttpxTransport(builder.build())
    return httpx.AsyncClient(
        transport=transport,
        headers={"user-agent": f"eventwire/{__version__}"},
        timeout=None,
        event_hooks={"response": [put_location_aside]},
    )


async def put_location_aside(answer: httpx.Response) -> None:
    """Move an answer's `Location` into its extensions: httpx reads where a redirect leads also when it is not followed, and
    takes an answer whose `Location` is no address for a request that could not be sent.
    """
    answer.extensions["location"] = answer.headers.pop("location", None)


async def call(
    web: Web,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    expect: Collection[int] = (),
) -> dict[str, Any]:
    """Send a request; returns status, headers and body. Raises Unavailable, Rejected or Refused.

    `expect` are the statuses that count as success; without them every 2xx does.
    """
    import httpx

    # httpx would take text for ASCII alone
    sent = [(name.encode(), value.encode()) for name, value in merged(headers or {}, web.headers).items()]
    try:
        async with web.client.stream(method, url, headers=sent, content=content) as answer:
            response = response_of(web, answer, await beginning_of(answer))
    except httpx.InvalidURL as error:
        shown = web.masked_text(url)
        shown = shown if len(shown) <= 200 else shown[:199] + "…"
        raise Rejected(f"{web.label}: {shown} is no address that can be called: {error}.") from error
    except httpx.HTTPError as error:
        raise translate(web, error) from error
    except ValueError as error:
        # the client takes no header whose value is not ASCII
        raise Unavailable(f"{web.label}: the answer cannot be read: {reason_of(error)}.") from error
    if answer.status_code in expect or (not expect and answer.is_success):
        return response
    raise refusal(web.label, answer.status_code, answer.headers.get("retry-after"), response)


def merged(headers: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Headers with others in place of those of the same name, which is the same in any case."""
    replaced = {name.lower() for name in more}
    return {**{name: value for name, value in headers.items() if name.lower() not in replaced}, **more}


def translate(web: Web, error: httpx.HTTPError) -> ServiceError:
    """What went wrong on the way, as one that may pass or one that will not."""
    import httpx

    words = web.masked_text(f"{web.label}: {reason_of(error)}.")
    if isinstance(error, httpx.UnsupportedProtocol | httpx.DecodingError | httpx.TooManyRedirects):
        return Rejected(words)
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        if "certificate" in words.lower():
            return Rejected(words, next_step=web.untrusted)
        return Unavailable(words, sent=False, next_step="Check the address, and that a server listens there.")
    return Unavailable(words)


def reason_of(error: BaseException) -> str:
    """The innermost reason that a client gives, in its own words."""
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    details = getattr(cause, "details", None)
    causes = details.get("causes") if isinstance(details, dict) else None
    words = str(causes[-1].get("message", "")) if causes else ""
    return plain_reason((words or str(error) or type(error).__name__).rstrip("."))


async def beginning_of(answer: httpx.Response) -> bytes:
    """A body as far as it is kept; the rest is never read, however long the server would go on."""
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > LONGEST_BODY:
            break
    return bytes(body)


def response_of(web: Web, answer: httpx.Response, body: bytes) -> dict[str, Any]:
    """An answer as JSON data, cut where it is long."""
    headers = {name: web.masked_text(answer.headers[name]) for name in KEPT_HEADERS if name in answer.headers}
    if (location := answer.extensions["location"]) is not None:
        headers["location"] = web.masked_text(location)
    return {"status": answer.status_code, "headers": headers, "body": body_of(answer, web.masked(body))}


def body_of(answer: httpx.Response, body: bytes) -> Any:
    """The body as JSON where it is some, else as text."""
    if not body:
        return None
    if "json" in answer.headers.get("content-type", "") and len(body) <= LONGEST_BODY:
        from json import loads

        try:
            return loads(body)
        except ValueError:
            pass  # a body that is no JSON is shown as the text it is
    text = body[:LONGEST_BODY].decode(answer.encoding or "utf-8", "replace")
    return text if len(body) <= LONGEST_BODY else text + "…"


def refusal(label: str, status: int, retry_after: str | None, response: dict[str, Any]) -> ServiceError:
    """An answer that is no success, by its status."""
    words = f"{label} answered {status}{excerpt(response['body'])}."
    if status in PASSING:
        return Unavailable(words, response=response, retry_after_seconds=seconds_of(retry_after))
    if status in (401, 403):
        return Refused(words, response=response, next_step="Give other credentials with: eventwire add:service-account")
    return Rejected(words, response=response)


def excerpt(body: Any) -> str:
    """The beginning of a body, for a message."""
    if body in (None, "", {}):
        return ""
    text = body if isinstance(body, str) else encode_json_bytes(body).decode()
    text = " ".join(text.split())
    return f": {text if len(text) <= 200 else text[:199] + '…'}".rstrip(".")


def seconds_of(retry_after: str | None) -> float | None:
    """How long `Retry-After` asks to wait: seconds, or a date (RFC 9110, section 10.2.3)."""
    if not retry_after:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds()) if moment.tzinfo else None
