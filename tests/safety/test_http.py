"""A payload never changes a request: as many requests, with the same headers, to the same server, and each value whole."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import httpx
import pytest

from eventwire.engine.run import IncomingEvent
from eventwire.errors import PayloadError
from tests.safety.hostile import NIGHTLY, NORMAL, any_text, each_hostile
from tests.safety.recording import Recording
from tests.safety.wired import SECRET, Wired, account, action, sent

KEY = "sk_test_safety"
TOKEN = "xoxb-safety"
ENVIRON = {
    "EVENTWIRE_STRIPE_TEST_SECRET_KEY": KEY,
    "EVENTWIRE_SLACK_TEST_TOKEN": TOKEN,
    "EVENTWIRE_API_TEST_TOKEN": "t0ken",
}
REFUSABLE = {"path", "relative", "alone", "header", "stripe-id"}
"""Actions whose place cannot hold every text; all others take any."""
IN_ADDRESSES = {"inquery", "query"}
LONGEST_ADDRESS = 65_536


def http(name, url, /, to="web", **fields):
    return action(name, to, "request", url=url, **fields)


def actions(web):
    """An action for every place in a request."""
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "*{text}*"}}
    stripe = {"description": "{text}", "metadata": {"text": "{text}"}, "parameters": {"nested": {"list": ["{text}"]}}}
    return "".join(
        [
            http("path", f"{web}/path/{{text}}/end?fixed=1#none"),
            http("inquery", f"{web}/inquery?a={{text}}&b=2"),
            http("relative", "/{text}/end", to="api"),
            http("alone", "{text}", to="api"),
            http("query", f"{web}/query?c=3", query={"a": "{text}", "b": ["{text}", "<{text}>"]}),
            http("header", f"{web}/header", headers={"X-Text": "{text}", "X-Beside": "<{text}>", "X-Other": "2"}),
            http("json", f"{web}/json", json={"text": "{text}", "list": ["{text}", {"in": "<{text}>"}], "fixed": 1}),
            http("form", f"{web}/form", form={"a": "{text}", "b": ["{text}", "2"]}),
            http("body", f"{web}/body", body="{text}"),
            action("slack", "slack", "post-message", channel="#c", text="*{text}* <!here>", username="{text}"),
            action("slack-blocks", "slack", "post-message", channel="#c", text="x", blocks=[block]),
            action("stripe", "stripe", "create-customer", name="{text}", **stripe),
            action("stripe-id", "stripe", "update-customer", id="{text}", name="{text}"),
        ]
    )


def accounts(web):
    return "".join(
        [
            account("web", "http"),
            account("api", "http", **{"base-url": f"{web}/api/v1", "authentication": "bearer"}),
            account("slack", "slack", **{"kind": "bot", "api-base": f"{web}/slack"}),
            account("stripe", "stripe", **{"api-base": f"{web}/stripe"}),
        ]
    )


class Web:
    """A project whose accounts are all at one recording server."""

    def __init__(self, folder):
        self.recording = Recording()
        runner = asyncio.Runner()
        address = f"http://127.0.0.1:{runner.run(self.recording.start())}"
        self.wired = Wired(folder, accounts(address) + actions(address), ENVIRON, runner)
        self.plain = self.requests_of("plain")

    def requests_of(self, text):
        """The requests that an event with this text makes, by their action's name."""
        records = self.wired.send(text)
        found = {name_of(each): each for each in self.recording.take()}
        assert set(found) == {name for name, record in records.items() if sent(record)}
        return found

    def check(self, text):
        found = self.requests_of(text)
        is_long = len(quote(text)) > LONGEST_ADDRESS / 3
        assert set(self.plain) - set(found) <= REFUSABLE | (IN_ADDRESSES if is_long else set())
        for name, request in found.items():
            assert request.method == "POST"
            assert request.names == self.plain[name].names, "no header more, none less"
            assert SECRET.encode() not in request.body or SECRET in text
            ARRIVED[name](text, request)

    def close(self):
        self.wired.do(self.recording.stop())
        self.wired.close()


def name_of(request):
    """The action that a request comes of, by the part of its address that no payload touches."""
    first, *rest = urlsplit(request.target).path.removeprefix("/").split("/")
    if first == "api":
        return "relative" if rest[-1] == "end" and len(rest) == 3 else "alone"
    if first == "slack":
        return "slack-blocks" if b'"blocks"' in request.body and json.loads(request.body).get("blocks") else "slack"
    if first == "stripe":
        return "stripe" if rest == ["v1", "customers"] else "stripe-id"
    return first


def path(text, request):
    parts = request.target.split("/")
    assert (parts[:2], parts[3:]) == (["", "path"], ["end?fixed=1"])
    assert unquote(parts[2], errors="strict") == text


def in_query(text, request):
    assert request.target.startswith("/inquery?")
    assert query(request) == [("a", text), ("b", "2")]
    # and not a plus for a space, which only forms read so
    assert unquote(request.target.partition("a=")[2].partition("&b=")[0]) == text


def relative(text, request):
    assert request.header("authorization") == b"Bearer t0ken"
    assert request.target.startswith("/api/v1/") and request.target.endswith("/end")
    assert unquote(request.target.removeprefix("/api/v1/").removesuffix("/end")) == text
    assert request.target.count("/") == 4


def alone(text, request):
    assert request.header("authorization") == b"Bearer t0ken"
    assert request.target.count("/") == 3
    assert unquote(request.target.removeprefix("/api/v1/")) == text


def in_table(text, request):
    assert query(request) == [("c", "3"), ("a", text), ("b", text), ("b", f"<{text}>")]


def header(text, request):
    assert request.header("x-text") == text.encode()
    assert request.header("x-beside") == b"<" + text.encode() + b">"
    assert request.header("x-other") == b"2"


def in_json(text, request):
    assert json.loads(request.body) == {"text": text, "list": [text, {"in": f"<{text}>"}], "fixed": 1}


def form(text, request):
    assert form_of(request) == [("a", text), ("b", text), ("b", "2")]


def body(text, request):
    assert request.body == text.encode()


def slack(text, request):
    message = json.loads(request.body)
    assert message == {"channel": "#c", "text": f"*{escaped(text)}* <!here>", "username": text}
    assert message["text"].count("<") == 1, "no mention and no link but the project's own"
    assert request.header("authorization") == f"Bearer {TOKEN}".encode()


def slack_blocks(text, request):
    (block,) = json.loads(request.body)["blocks"]
    assert block == {"type": "section", "text": {"type": "mrkdwn", "text": f"*{escaped(text)}*"}}


def stripe(text, request):
    fields = {"description": text, "metadata[text]": text, "name": text, "nested[list][0]": text}
    assert sorted(form_of(request)) == sorted(fields.items())
    assert request.header("authorization") == f"Bearer {KEY}".encode()


def stripe_id(text, request):
    assert request.target.startswith("/stripe/v1/customers/") and request.target.count("/") == 4
    assert unquote(request.target.removeprefix("/stripe/v1/customers/")) == text
    assert form_of(request) == [("name", text)]


ARRIVED = {
    "path": path,
    "inquery": in_query,
    "relative": relative,
    "alone": alone,
    "query": in_table,
    "header": header,
    "json": in_json,
    "form": form,
    "body": body,
    "slack": slack,
    "slack-blocks": slack_blocks,
    "stripe": stripe,
    "stripe-id": stripe_id,
}


def query(request):
    return pairs(urlsplit(request.target).query)


def form_of(request):
    return pairs(request.body.decode("ascii"))


def pairs(text):
    return parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict")


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    made = Web(tmp_path_factory.mktemp("web"))
    yield made
    made.close()


@each_hostile
def test_a_hostile_text_arrives_whole_and_changes_nothing_else(web, text):
    web.check(text)


@any_text(NORMAL)
def test_any_text_arrives_whole_and_changes_nothing_else(web, text):
    web.check(text)


@pytest.mark.nightly
@any_text(NIGHTLY)
def test_any_text_arrives_whole_and_changes_nothing_else_at_length(web, text):
    web.check(text)


def test_what_a_place_can_hold_is_not_refused(web):
    """The test of the tests: a harmless text goes through every action."""
    assert set(web.plain) == set(ARRIVED)


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    """Addresses that choose a part of a host's name or its port; nothing is sent."""
    parts = [
        account("web", "http"),
        http("tenant", "https://{text}.shop.example/x"),
        http("middle", "https://a-{text}.shop.example/x"),
        http("port", "https://shop.example:{text}/x"),
    ]
    wired = Wired(tmp_path_factory.mktemp("hosts"), "".join(parts))
    yield wired
    wired.close()


def check_hosts(wired, text):
    incoming = IncomingEvent("e", {"id": 7, "secret": SECRET, "text": text})
    record = wired.do(wired.pipeline.run(incoming, dry_run=True))
    for each in record.filters[0].actions:
        if each.error is not None:
            assert each.error["kind"] == "rejected"
            continue
        for parts in (urlsplit(each.request["url"]), httpx.URL(each.request["url"])):
            host = parts.hostname if hasattr(parts, "hostname") else parts.host
            assert host == "shop.example" or host.endswith(".shop.example")
            assert parts.path == "/x"
        assert "@" not in each.request["url"]


@each_hostile
def test_a_hostile_text_never_chooses_the_server(hosts, text):
    check_hosts(hosts, text)


@any_text(NORMAL)
def test_any_text_never_chooses_the_server(hosts, text):
    check_hosts(hosts, text)


@pytest.mark.parametrize("half", ["\ud800", "a\udfffb", "\udc00\ud800"])
def test_half_a_character_is_refused_before_anything_is_sent(web, half):
    with pytest.raises(PayloadError, match="half a character"):
        web.wired.send(half)
    assert web.recording.take() == []
