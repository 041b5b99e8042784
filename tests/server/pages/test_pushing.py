"""Notifications from the page to the push service: who may subscribe, and which entries are sent."""

from __future__ import annotations

import json

import pytest

from eventwire.server import push
from eventwire.server.outgoing import Answer
from eventwire.server.users import Role, remove_user, save_user
from tests.server.pages.serving import CUSTOMER, until
from tests.server.pages.test_signing_in import PASSWORD, sign_in

KEYS = {
    "public_key": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "secret": "BTBZMqHH6r4Tts7J_aSIgg",
}


def test_entries_that_ask_for_it_are_sent_and_others_are_not(visitor, monkeypatch):
    sent = []

    async def post(address, body, headers, *, trusted):
        sent.append((address, trusted))
        return Answer(201, "")

    monkeypatch.setattr(push, "post", post)
    visitor.post("/notifications", 204, endpoint="https://push.example/abc", **KEYS)
    visitor.server.run("new-customer", CUSTOMER)
    visitor.server.log(json.dumps({"name": "quiet"}).encode())
    visitor.server.log(json.dumps({"name": "loud", "notify": True}).encode())
    until(lambda: sent)
    assert sent == [("https://push.example/abc", False)]
    visitor.post("/notifications", 204, endpoint="https://push.example/abc", wanted="no")
    assert not visitor.server.pages.site.pusher.is_wanted


def test_a_browser_gets_the_key_it_subscribes_with(visitor):
    key = json.loads(visitor.get("/notifications"))["key"]
    assert len(key) == 87
    assert "showNotification" in visitor.get("/worker.js")


def test_what_is_no_subscription_is_refused(visitor):
    visitor.post("/notifications", 400, endpoint="http://127.0.0.1/", public_key="x", secret="y")


@pytest.mark.parametrize("how", ["removed", "signed out"])
def test_whoever_is_signed_out_gets_none_any_more(stranger, monkeypatch, how):
    sent = []

    async def post(address, body, headers, *, trusted):
        sent.append(address)
        return Answer(201, "")

    monkeypatch.setattr(push, "post", post)
    store = stranger.server.runner.store
    for name in ("ana", "bea"):
        save_user(store, name, Role.VIEWER, PASSWORD)
        sign_in(stranger, name)
        stranger.post("/notifications", 204, endpoint=f"https://push.example/{name}", **KEYS)
    if how == "removed":
        remove_user(store, "bea")
    else:
        stranger.post("/sign-out", endpoint="https://push.example/bea")
    stranger.server.log(json.dumps({"name": "loud", "notify": True}).encode())
    until(lambda: sent)
    assert sent == ["https://push.example/ana"]


def test_a_browser_that_the_server_has_forgotten_may_ask_again(visitor):
    endpoint = "https://push.example/abc"
    path = f"/notifications?endpoint={endpoint}"
    assert not json.loads(visitor.get(path))["is_subscribed"]
    visitor.post("/notifications", 204, endpoint=endpoint, **KEYS)
    assert json.loads(visitor.get(path))["is_subscribed"]
