"""HTTP: what is sent, what counts as success, and what may be repeated."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import quote

import pytest

from eventwire.errors import Refused, Rejected, Unavailable
from eventwire.services.declare import Credentials, Repetition, Target
from eventwire.services.http import SERVICE
from tests.servers import closed_port
from tests.services.answering import answering

OPERATION = SERVICE.operation("request")


@pytest.fixture
def server():
    with answering() as state:
        yield state


def build(values, **settings):
    return OPERATION.build({"method": "POST", **values}, Target(settings, "test", "ew_key"))


def request(values, *, secrets=None, **settings):
    """Send one request through an account with these settings; returns the response."""

    async def run():
        web = await SERVICE.connect(Credentials(settings, secrets or {}))
        try:
            return await OPERATION.send(web, build(values, **settings))
        finally:
            await web.close()

    return asyncio.run(run())


def test_a_json_body_is_sent_as_it_is_shown(server):
    response = request({"url": f"{server.url}/customers", "json": {"name": "Ana ü", "n": [1, None]}})
    (received,) = server.received
    assert (received.method, received.path) == ("POST", "/customers")
    assert received.header("content-type") == "application/json"
    assert received.header("user-agent").startswith("eventwire/")
    assert received.json() == {"name": "Ana ü", "n": [1, None]}
    assert response["status"] == 200
    assert response["body"] == {"ok": True}


def test_a_form_and_a_query_are_encoded(server):
    values = {
        "url": f"{server.url}/x?a=1",
        "form": {"name": "A & B", "tag": ["x", "y"], "none": None},
        "query": {"q": "ü=&"},
    }
    request(values)
    (received,) = server.received
    assert received.body == b"name=A+%26+B&tag=x&tag=y"
    assert received.path == "/x?a=1&q=%C3%BC%3D%26"


def test_a_text_body_and_headers(server):
    request(
        {
            "url": f"{server.url}/",
            "method": "PUT",
            "body": "hello",
            "headers": {"X-Event": "e", "Content-Type": "text/csv"},
        }
    )
    (received,) = server.received
    assert (received.method, received.body) == ("PUT", b"hello")
    assert received.header("content-type") == "text/csv"
    assert received.header("x-event") == "e"


@pytest.mark.parametrize(
    ("base", "url", "whole"),
    [
        ("https://api.example/v1", "customers/7", "https://api.example/v1/customers/7"),
        ("https://api.example/v1/", "/customers", "https://api.example/v1/customers"),
        ("https://api.example/v1", "https://other.example/x", "https://other.example/x"),
        (None, "https://other.example/x", "https://other.example/x"),
        ("https://api.example/v1", "customers:batch", "https://api.example/v1/customers:batch"),
        ("https://api.example/v1", "a?next=https://x.example/", "https://api.example/v1/a?next=https://x.example/"),
        ("https://api.example/v1", "?page=2", "https://api.example/v1/?page=2"),
        ("https://api.example/v1", "//evil.example", "https://api.example/v1/evil.example"),
        ("https://api.example/v1", "https:evil.example", "https://api.example/v1/https:evil.example"),
    ],
)
def test_a_url_is_joined_to_the_base(base, url, whole):
    assert build({"url": url}, **({"base-url": base} if base else {}))["url"] == whole


@pytest.mark.parametrize(
    "url", ["/customers", "ftp://x/y", "file:///etc/passwd", "http://", "http://x:99999/", "http://x:0/"]
)
def test_a_url_that_leads_nowhere_is_rejected(url):
    with pytest.raises(Rejected, match="is no http or https address"):
        build({"url": url})


@pytest.mark.parametrize(
    ("settings", "secrets", "header", "value", "shown"),
    [
        (
            {"authentication": "basic", "username": "u"},
            {"password": "p:w"},
            "authorization",
            "Basic dTpwOnc=",
            "Basic •••",
        ),
        ({"authentication": "bearer"}, {"token": "t0ken"}, "authorization", "Bearer t0ken", "Bearer •••"),
        (
            {"authentication": "header", "header-name": "x-api-key"},
            {"header-value": "s3cret"},
            "x-api-key",
            "s3cret",
            "•••",
        ),
    ],
)
def test_authentication_is_sent_and_shown_masked(server, settings, secrets, header, value, shown):
    request({"url": f"{server.url}/"}, secrets=secrets, **settings)
    assert server.received[0].header(header) == value
    assert build({"url": f"{server.url}/"}, **settings)["headers"][header] == shown


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(
    ("settings", "secrets", "echoed"),
    [
        ({"authentication": "bearer"}, {"token": "tok/4711 ü"}, "no such token: tok/4711 ü"),
        ({"authentication": "bearer"}, {"token": "tok/4711 ü"}, {"seen": ["tok%2F4711%20%C3%BC", "tok/4711 ü"]}),
        (
            {"authentication": "basic", "username": "ana"},
            {"password": "geheim-1"},
            "Basic YW5hOmdlaGVpbS0x of geheim-1",
        ),
        ({"authentication": "header", "header-name": "x-key"}, {"header-value": "Key k-4711-k"}, "k-4711-k is no key"),
    ],
)
def test_an_answer_that_repeats_a_secret_is_masked(server, status, settings, secrets, echoed):
    server.answers = [(status, {"location": f"/login?key={quote(*secrets.values())}"}, echoed)]
    settings |= {"base-url": server.url}
    try:
        told = str(request({"url": "/x"}, secrets=secrets, **settings))
    except (Rejected, Unavailable) as error:
        told = f"{error} {error.response}"
    assert "•••" in told
    for each in ("4711", "geheim", "YW5hOm", "%C3%BC"):
        assert each not in told, told


def test_the_deliverys_key_is_sent_where_a_header_is_named(server):
    values = {"url": f"{server.url}/", "idempotency-header": "Idempotency-Key"}
    request(values)
    assert server.received[0].header("idempotency-key") == "ew_key"
    assert OPERATION.repetition_of(values) is Repetition.KEYED


@pytest.mark.parametrize(
    ("method", "kind"), [("GET", "safe"), ("PUT", "safe"), ("DELETE", "safe"), ("POST", "unsafe"), ("PATCH", "unsafe")]
)
def test_what_the_method_promises_decides_whether_it_is_repeated(method, kind):
    assert OPERATION.repetition_of({"method": method}) == kind


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (500, Unavailable),
        (503, Unavailable),
        (429, Unavailable),
        (401, Refused),
        (403, Refused),
        (404, Rejected),
        (302, Rejected),
    ],
)
def test_a_status_that_is_no_success_is_an_error_with_the_answer(server, status, error):
    server.answers = [(status, {"location": "/elsewhere"}, {"message": "because"})]
    with pytest.raises(error, match=f"answered {status}.*because") as raised:
        request({"url": f"{server.url}/"})
    assert type(raised.value) is error
    assert raised.value.response["status"] == status
    assert len(server.received) == 1, "a redirect is not followed"


@pytest.mark.parametrize("location", ["javascript:alert(1)//x", "http://[", "//:x"])
def test_a_redirect_that_leads_nowhere_is_the_answer_that_it_is(server, location):
    server.answers = [(302, {"location": location}, "moved")]
    with pytest.raises(Rejected, match="answered 302: moved") as raised:
        request({"url": f"{server.url}/"})
    assert raised.value.response["headers"]["location"] == location
    assert request({"url": f"{server.url}/", "expect": [302]})["status"] == 302


def test_expect_says_what_counts_as_success(server):
    server.answers = [(404, {}, "gone")]
    assert request({"url": f"{server.url}/", "expect": [200, 404]})["body"] == "gone"
    server.answers = [(201, {}, "made")]
    with pytest.raises(Rejected, match="answered 201"):
        request({"url": f"{server.url}/", "expect": 200})


def test_retry_after_is_understood_as_seconds_and_as_a_date(server):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    server.answers = [
        (503, {"retry-after": "7"}, ""),
        (503, {"retry-after": later}, ""),
        (503, {"retry-after": "soon"}, ""),
    ]
    found = []
    for _ in range(3):
        with pytest.raises(Unavailable) as raised:
            request({"url": f"{server.url}/"})
        found.append(raised.value.retry_after_seconds)
    assert found[0] == 7
    assert 80 < found[1] <= 90
    assert found[2] is None


def test_a_server_that_is_down_was_sent_nothing():
    with pytest.raises(Unavailable, match="HTTP: .*refused") as raised:
        request({"url": f"http://127.0.0.1:{closed_port()}/"})
    assert raised.value.sent is False


def test_a_name_that_does_not_resolve_was_sent_nothing():
    with pytest.raises(Unavailable) as raised:
        request({"url": "http://no-such-host.invalid/"})
    assert raised.value.sent is False


def verify(settings, secrets=None):
    """What verifying an account with these settings says."""

    async def run():
        web = await SERVICE.connect(Credentials(settings, secrets or {}))
        try:
            return await SERVICE.verify(web)
        finally:
            await web.close()

    return asyncio.run(run())


def test_verify_sends_head_to_the_base_with_the_accounts_authentication(server):
    said = verify({"base-url": f"{server.url}/v1", "authentication": "bearer"}, {"token": "t0ken"})
    assert said == f"{server.url}/v1 answered 200 OK"
    (received,) = server.received
    assert (received.method, received.path, received.body) == ("HEAD", "/v1", b"")
    assert received.header("authorization") == "Bearer t0ken"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (301, "301 Moved Permanently"),
        (404, "404 Not Found"),
        (405, "405 Method Not Allowed"),
        (503, "503"),
        (599, "599"),
    ],
)
def test_verify_takes_any_answer_that_does_not_refuse_the_credentials(server, status, words):
    server.answers = [(status, {"location": "/elsewhere"}, "")]
    assert f"answered {words}" in verify({"base-url": server.url})
    assert len(server.received) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_verify_tells_refused_credentials(server, status):
    server.answers = [(status, {}, "")]
    with pytest.raises(Refused, match=f"answered {status}"):
        verify({"base-url": server.url, "authentication": "bearer"}, {"token": "wrong"})


def test_verify_tells_a_server_that_is_down():
    with pytest.raises(Unavailable, match="refused") as raised:
        verify({"base-url": f"http://127.0.0.1:{closed_port()}"})
    assert raised.value.sent is False


def test_verify_says_that_nothing_was_called_without_a_base():
    assert "nothing was called" in verify({})


def test_an_account_s_header_replaces_one_of_the_same_name_in_any_case(server):
    headers = {"Authorization": "mine", "IDEMPOTENCY-KEY": "mine", "X-Event": "e"}
    values = {"url": f"{server.url}/", "headers": headers, "idempotency-header": "Idempotency-Key"}
    request(values, secrets={"token": "t0ken"}, authentication="bearer")
    (received,) = server.received
    assert received.header("authorization") == "Bearer t0ken"
    assert (received.header("idempotency-key"), received.header("x-event")) == ("ew_key", "e")


def test_a_host_header_chooses_among_the_sites_of_one_server(server):
    request({"url": f"{server.url}/", "headers": {"Host": "shop.example"}})
    assert server.received[0].header("host") == "shop.example"


def test_a_header_s_value_is_sent_in_utf_8(server):
    request({"url": f"{server.url}/", "headers": {"X-Name": "Änä 🤖"}})
    assert server.received[0].header("x-name").encode("latin-1").decode() == "Änä 🤖"


@pytest.mark.parametrize("name", ["X Event", "X-Event:", "", "ü", "a\r\nb"])
def test_what_cannot_be_the_name_of_a_header_is_rejected(name):
    with pytest.raises(Rejected, match="cannot be the name of a header"):
        build({"url": "https://a.example/", "headers": {name: "1"}})


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0b"])
def test_a_header_cannot_be_split(server, value):
    with pytest.raises((Rejected, Unavailable, ValueError)):
        request({"url": f"{server.url}/", "headers": {"X-Event": value}})
    assert not server.received


def test_a_long_answer_is_cut(server):
    server.answers = [(200, {}, "x" * 200_000)]
    body = request({"url": f"{server.url}/"})["body"]
    assert len(body) == 64 * 1024 + 1


def test_a_hundred_requests_at_once(server):
    async def run():
        web = await SERVICE.connect(Credentials({}, {}))
        try:
            await asyncio.gather(*(OPERATION.send(web, build({"url": f"{server.url}/{n}"})) for n in range(100)))
        finally:
            await web.close()

    asyncio.run(run())
    assert len({received.path for received in server.received}) == 100


@pytest.mark.parametrize("base", ["api.example", "ftp://api.example", "https://", "https://api.example:99999"])
def test_a_base_url_that_is_none_is_seen_without_connecting(base):
    assert "is no http or https address" in SERVICE.check_credentials(Credentials({"base-url": base}, {}))


def test_credentials_never_go_to_another_server(server):
    values = {"url": f"{server.url}/hook"}
    settings = {"base-url": "https://api.shop.example/v1", "authentication": "bearer"}
    request(values, secrets={"token": "s3cret"}, **settings)
    assert server.received[0].header("authorization") is None
    assert "authorization" not in build(values, **settings)["headers"]


def test_a_fragment_does_not_swallow_the_query():
    assert build({"url": "https://a.example/x#top", "query": {"q": 1}})["url"] == "https://a.example/x?q=1"


def test_an_answer_without_end_is_read_only_as_far_as_it_is_kept():
    """The server sends for as long as somebody reads."""

    async def run():
        hung_up = asyncio.Event()

        async def answer(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
            with suppress(ConnectionError):
                while not writer.transport.is_closing():
                    writer.write(b"x" * 65536)
                    await writer.drain()
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            hung_up.set()

        endless = await asyncio.start_server(answer, "127.0.0.1", 0)
        web = await SERVICE.connect(Credentials({}, {}))
        url = f"http://127.0.0.1:{endless.sockets[0].getsockname()[1]}/"
        async with asyncio.timeout(30):
            response = await OPERATION.send(web, build({"url": url}))
            await web.close()
            await hung_up.wait()
        endless.close()
        await endless.wait_closed()
        return response

    assert len(asyncio.run(run())["body"]) == 64 * 1024 + 1


def test_an_answer_with_a_header_that_cannot_be_read_is_one_that_was_sent(server):
    server.answers = [(200, {"location": "/ü"}, "")]
    with pytest.raises(Unavailable) as told:
        request({"url": server.url})
    assert told.value.sent and "the answer cannot be read" in str(told.value)


def test_an_answer_in_an_unknown_encoding_is_shown_all_the_same(server):
    server.answers = [(200, {"content-type": "text/plain; charset=nonsense"}, "fine")]
    assert request({"url": f"{server.url}/"})["body"] == "fine"
