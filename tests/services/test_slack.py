"""Slack: each documented request checked by a plain server."""

from __future__ import annotations

import asyncio

import pytest

from eventwire.errors import Refused, Rejected, Unavailable
from eventwire.services.declare import Credentials, Target
from eventwire.services.slack import SERVICE
from tests.services.answering import answering

POST = SERVICE.operation("post-message")


@pytest.fixture
def server():
    with answering() as state:
        yield state


def post(server, values, kind):
    secrets = {"webhook-url": f"{server.url}/services/T0/B0/secret"} if kind == "webhook" else {"token": "xoxb-1"}
    settings = {"kind": kind, "api-base": f"{server.url}/api"}

    async def run():
        web = await SERVICE.connect(Credentials(settings, secrets))
        try:
            return await POST.send(web, POST.build(values, Target(settings, "test", "k")))
        finally:
            await web.close()

    return asyncio.run(run())


def test_a_webhook_gets_the_message(server):
    server.answers = [(200, {}, "ok")]
    assert post(server, {"text": 'Ana said "hi" & <bye>'}, "webhook")["body"] == "ok"
    (received,) = server.received
    assert received.path == "/services/T0/B0/secret"
    assert received.json() == {"text": 'Ana said "hi" & <bye>'}
    assert received.header("authorization") is None


def test_a_bot_posts_to_a_channel(server):
    server.answers = [(200, {}, {"ok": True, "ts": "1.2", "channel": "C1"})]
    blocks = [{"type": "divider"}]
    answer = post(server, {"channel": "#sales", "text": "hi", "blocks": blocks, "thread-ts": "1.0"}, "bot")
    assert answer["body"]["ts"] == "1.2"
    (received,) = server.received
    assert received.path == "/api/chat.postMessage"
    assert received.header("authorization") == "Bearer xoxb-1"
    assert received.json() == {"channel": "#sales", "text": "hi", "blocks": blocks, "thread_ts": "1.0"}


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("channel_not_found", Rejected),
        ("invalid_auth", Refused),
        ("ratelimited", Unavailable),
        ("too_many_attachments", Rejected),
    ],
)
def test_an_answer_of_200_that_is_no_success_is_an_error(server, word, error):
    server.answers = [(200, {}, {"ok": False, "error": word})]
    with pytest.raises(error, match=f"Slack said {word}") as raised:
        post(server, {"channel": "#x", "text": "hi"}, "bot")
    assert type(raised.value) is error


def test_a_webhooks_refusal_does_not_show_its_address(server):
    server.answers = [(404, {}, "no_service")]
    with pytest.raises(Rejected, match="no_service") as raised:
        post(server, {"text": "hi"}, "webhook")
    assert "secret" not in str(raised.value)


def test_too_many_messages_wait_as_slack_asks(server):
    server.answers = [(429, {"retry-after": "3"}, "rate_limited")]
    with pytest.raises(Unavailable) as raised:
        post(server, {"text": "hi"}, "webhook")
    assert raised.value.retry_after_seconds == 3


@pytest.mark.parametrize(("values", "kind"), [({}, "webhook"), ({"text": ""}, "webhook"), ({"text": "hi"}, "bot")])
def test_a_message_that_slack_would_not_take_is_not_sent(values, kind):
    with pytest.raises(Rejected):
        POST.build(values, Target({"kind": kind}, "test", "k"))


def test_a_bot_is_verified_by_asking_who_it_is(server):
    server.answers = [(200, {}, {"ok": True, "user": "wire", "team": "Shop"})]

    async def run():
        web = await SERVICE.connect(Credentials({"kind": "bot", "api-base": f"{server.url}/api"}, {"token": "xoxb-1"}))
        try:
            return await SERVICE.verify(web)
        finally:
            await web.close()

    assert asyncio.run(run()) == "Slack, wire in Shop"
    assert server.received[0].path == "/api/auth.test"


def test_a_token_that_is_none_is_seen_without_connecting():
    assert (
        SERVICE.check_credentials(Credentials({"kind": "bot"}, {"token": "abc"})) == "a bot's token begins with xoxb-."
    )
