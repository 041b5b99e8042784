"""Notifications: that only the browser can read them, that its push service knows who sends, and where they never go."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from eventwire.server import push
from eventwire.server.entries import Entry
from eventwire.server.outgoing import Answer
from eventwire.server.problems import Refusal
from eventwire.server.push import Pusher, Subscription, list_subscriptions, notification, public_key, sealed

SECRET = bytes(range(16))
ENTRY = Entry(
    "01hf7", "log", "live", "log", "succeeded", 1_700_000_000.0, "Deployed", avatar="🚀", kind="text", content="2.4.1"
)


def text_of(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def bytes_of(text: str) -> bytes:
    return urlsafe_b64decode(text + "===")


@pytest.fixture
def browser():
    """The key that only the browser has."""
    return ec.generate_private_key(ec.SECP256R1())


def subscription_of(browser, endpoint="https://push.example/send/abc"):
    raw = browser.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return Subscription(endpoint, text_of(raw), text_of(SECRET), "ana")


def test_only_the_browser_can_read_it(store, browser):
    body, headers = sealed(store, subscription_of(browser), notification(ENTRY))
    assert headers["content-encoding"] == "aes128gcm" and b"Deployed" not in body
    told = json.loads(http_ece.decrypt(body, private_key=browser, auth_secret=SECRET, version="aes128gcm"))
    assert told == {
        "title": "🚀 Deployed",
        "body": "2.4.1",
        "url": "/event/01hf7",
        "tag": "01hf7",
        "environment": "live",
    }


def test_the_push_service_can_tell_who_sends(store, browser):
    _, headers = sealed(store, subscription_of(browser), b"{}")
    header = headers.get("Authorization") or headers["authorization"]
    fields = dict(each.strip().split("=", 1) for each in header.removeprefix("vapid ").split(","))
    assert fields["k"] == public_key(store)
    signed, _, signature = fields["t"].rpartition(".")
    claims = json.loads(bytes_of(signed.partition(".")[2]))
    assert claims["aud"] == "https://push.example"
    raw = bytes_of(signature)
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes_of(fields["k"]))
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    key.verify(der, signed.encode(), ec.ECDSA(SHA256()))  # raises where it is another's


def test_the_servers_key_stays_the_same(store):
    assert public_key(store) == public_key(store)


def test_a_browser_is_remembered_until_it_wants_none(store, browser):
    pusher = Pusher(store)
    assert not pusher.is_wanted
    pusher.subscribe(subscription_of(browser))
    assert pusher.is_wanted and Pusher(store).is_wanted
    pusher.unsubscribe("https://push.example/send/abc")
    assert not pusher.is_wanted and list_subscriptions(store) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": "http://push.example/abc"},
        {"endpoint": "https:///abc"},
        {"endpoint": "https://x.example/" + "a" * 3000},
        {"public_key": "AAAA"},
        {"secret": "not base 64 §"},
    ],
)
def test_what_is_no_browsers_is_refused(store, browser, changes):
    given = subscription_of(browser)
    with pytest.raises(Refusal):
        Pusher(store).subscribe(
            Subscription(**{name: changes.get(name, getattr(given, name)) for name in given.__struct_fields__})
        )


def test_it_never_goes_to_this_machine(store, browser, monkeypatch):
    connected = []
    monkeypatch.setattr("eventwire.server.outgoing.exchange", lambda *given: connected.append(given))
    pusher = Pusher(store)
    pusher.subscribe(subscription_of(browser, "https://127.0.0.1:9/abc"))
    asyncio.run(pusher.push(ENTRY, list_subscriptions(store)[0]))
    assert connected == [] and pusher.is_wanted


def test_a_browser_that_is_gone_is_forgotten(store, browser, monkeypatch):
    async def post(*given, **options):
        return Answer(410, "gone")

    monkeypatch.setattr(push, "post", post)
    pusher = Pusher(store)
    pusher.subscribe(subscription_of(browser))
    asyncio.run(pusher.push(ENTRY, list_subscriptions(store)[0]))
    assert not pusher.is_wanted
