"""Buttons: what is sent, what completes one, who may press it when, and where a press never goes."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import certifi
import pytest
import trustme
from standardwebhooks.webhooks import Webhook

from eventwire.errors import CredentialError
from eventwire.project.read import read_project
from eventwire.server import addresses, outgoing
from eventwire.server.addresses import is_public
from eventwire.server.buttons import (
    STALE_SECONDS,
    EventButton,
    PressedEvent,
    button_state,
    buttons_of_actions,
    buttons_of_project,
    claim,
    find_signing_secrets,
    list_presses,
    press,
)
from eventwire.server.log_body import read_actions
from eventwire.server.problems import Refusal
from eventwire.server.signatures import make_secret
from eventwire.server.store import Store
from tests.project.projects import SHOP, write
from tests.services.answering import answering

SECRET = make_secret()
NOW = 1_700_000_000.25
EVENT = PressedEvent("01hf7", "new-customer", NOW - 60, "live")


@pytest.fixture
def server():
    with answering() as state:
        yield state


def button_for(url, **changes):
    return EventButton(**{"key": "ban", "text": "Ban", "url": url, "meta": {"id": 7}, "trusted": True, **changes})


def push(store, button, now=NOW, event=EVENT, **options):
    return asyncio.run(press(store, event, button, actor="ana", secrets=[SECRET], now=now, **options))


def refused(store, button, now=NOW):
    with pytest.raises(Refusal) as raised:
        push(store, button, now)
    assert raised.value.next_step
    return raised.value.code


def test_what_is_sent_is_signed_and_completes_it(store, server):
    pressed = push(store, button_for(f"{server.url}/ops?x=1"))
    (request,) = server.received
    assert (request.method, request.path) == ("POST", "/ops?x=1")
    assert request.json() == {
        "event": {
            "id": "01hf7",
            "name": "new-customer",
            "key": "ban",
            "meta": {"id": 7},
            "createdAt": "2023-11-14T22:12:20.250Z",
            "environment": "live",
            "pressedBy": "ana",
            "pressedAt": "2023-11-14T22:13:20.250Z",
        }
    }
    assert request.header("content-type") == "application/json"
    assert request.header("webhook-timestamp") == "1700000000"
    signed = {name: request.header(name) for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
    given = Webhook(SECRET).sign(signed["webhook-id"], pressed_time(), request.body.decode())
    assert signed["webhook-signature"] == given
    assert (pressed.state, pressed.status, pressed.answer, pressed.error) == ("completed", 200, '{"ok": true}', None)
    assert list_presses(store, "01hf7") == [pressed]
    assert (pressed.actor, pressed.pressed_at) == ("ana", NOW)
    assert pressed.duration_ms > 0


def pressed_time():
    from datetime import UTC, datetime

    return datetime.fromtimestamp(int(NOW), UTC)


def test_201_completes_it_and_it_cannot_be_pressed_again(store, server):
    server.answers = [(201, {}, "made")]
    button = button_for(server.url)
    assert push(store, button).state == "completed"
    assert button_state(store, EVENT, button, NOW) == "completed"
    assert refused(store, button) == "conflict"
    assert len(server.received) == 1


@pytest.mark.parametrize("status", [202, 204, 301, 400, 404, 500, 503])
def test_anything_else_is_told_exactly_and_leaves_it_pressable(store, server, status):
    server.answers = [(status, {}, "no such user"), (200, {}, "ok")]
    button = button_for(server.url)
    failed = push(store, button)
    assert (failed.state, failed.status) == ("failed", status)
    assert failed.error == f"The server answered {status}; 200 or 201 would complete it."
    assert failed.answer == ("" if status == 204 else "no such user")
    assert button_state(store, EVENT, button, NOW) == "pressable"
    assert push(store, button).state == "completed"
    assert [each.state for each in list_presses(store, EVENT.id)] == ["failed", "completed"]


def test_a_second_try_has_the_same_id_and_a_second_press_another(store, server):
    server.answers = [(500, {}, ""), (200, {}, ""), (200, {}, "")]
    button = button_for(server.url, repeat=True)
    for _ in range(3):
        push(store, button)
    first, again, second = (request.header("webhook-id") for request in server.received)
    assert first == again
    assert second != first


def test_a_redirect_is_not_followed(store, server):
    server.answers = [(302, {"location": f"{server.url}/elsewhere"}, ""), (200, {}, "")]
    pressed = push(store, button_for(f"{server.url}/here"))
    assert pressed.state == "failed"
    assert f"It points to {server.url}/elsewhere, which is not followed." in pressed.error
    assert [request.path for request in server.received] == ["/here"]


@pytest.mark.parametrize(
    "location", ["javascript:alert(1)//x", "http://[", "//:x", "http://a\x01b/", "http://" + "a" * 70_000]
)
def test_a_redirect_that_leads_nowhere_is_an_answer_all_the_same(store, server, location):
    server.answers = [(302, {"location": location}, "moved")]
    pressed = push(store, button_for(server.url))
    assert (pressed.state, pressed.status, pressed.answer) == ("failed", 302, "moved"), pressed.error
    assert "It points to" in pressed.error
    assert len(server.received) == 1


def test_it_expires(store, server):
    button = button_for(server.url, expire_in_minutes=2)
    assert button_state(store, EVENT, button, NOW + 59) == "pressable"
    assert button_state(store, EVENT, button, NOW + 60) == "expired"
    assert refused(store, button, NOW + 60) == "gone"
    assert server.received == []
    assert push(store, button, NOW + 59).state == "completed"


def test_a_link_is_not_pressed(store):
    link = button_for("https://shop.example", external=True)
    assert button_state(store, EVENT, link, NOW) == "link"
    assert refused(store, link) == "bad-request"


def test_of_two_clicks_at_once_one_is_sent(store, server):
    button = button_for(server.url)

    async def both():
        pressing = [press(store, EVENT, button, actor=who, secrets=[SECRET], now=NOW) for who in ("ana", "bob")]
        return await asyncio.gather(*pressing, return_exceptions=True)

    results = asyncio.run(both())
    assert sorted(type(each).__name__ for each in results) == ["Press", "Refusal"]
    assert len(server.received) == 1


@pytest.mark.parametrize("attempt", range(10))
def test_of_clicks_in_several_processes_one_is_claimed(tmp_path, attempt):
    def click(number):
        with Store(tmp_path) as store:
            try:
                claim(store, EVENT, button_for("https://shop.example"), f"user{number}", NOW)
            except Refusal:
                return 0
            return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(click, range(8))) == 1


def test_a_press_that_was_cut_off_is_unknown_and_can_be_tried_again(store, server):
    button = button_for(server.url)
    claim(store, EVENT, button, "ana", NOW)
    assert button_state(store, EVENT, button, NOW + 1) == "pressing"
    assert refused(store, button, NOW + 1) == "conflict"
    later = NOW + STALE_SECONDS
    assert push(store, button, later).state == "completed"
    first, _ = list_presses(store, EVENT.id)
    assert (first.state, first.error) == ("unknown", "The server stopped meanwhile; whether it arrived is not known.")


@pytest.fixture
def silent():
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_without_an_answer_it_is_unknown_and_stays_pressable(store, silent, monkeypatch):
    monkeypatch.setattr(outgoing.post, "__kwdefaults__", {"allowed_hosts": (), "seconds": 0.2})
    button = button_for(silent)
    pressed = push(store, button)
    assert pressed.state == "unknown"
    assert pressed.error == "There was no answer within 0.2 seconds. Whether it arrived is not known."
    assert button_state(store, EVENT, button, NOW) == "pressable"


def test_a_press_that_is_cancelled_is_kept_as_unknown(store, silent):
    async def cancel():
        task = asyncio.create_task(press(store, EVENT, button_for(silent), actor="ana", secrets=[SECRET], now=NOW))
        await asyncio.sleep(0.05)
        assert [each.state for each in list_presses(store, EVENT.id)] == ["pressing"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancel())
    assert [each.state for each in list_presses(store, EVENT.id)] == ["unknown"]


def test_a_server_that_is_down_was_not_reached(store):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    pressed = push(store, button_for(f"http://127.0.0.1:{port}"))
    assert pressed.state == "failed"
    assert pressed.error.startswith("127.0.0.1 cannot be reached: ")


def test_a_long_answer_is_kept_in_part(store, server):
    server.answers = [(200, {}, "x" * 1_000_000)]
    assert push(store, button_for(server.url)).answer == "x" * 4096


def test_a_secret_that_can_be_none_is_told_and_leaves_it_pressable(store, server):
    button = button_for(server.url)
    with pytest.raises(CredentialError):
        asyncio.run(press(store, EVENT, button, actor="ana", secrets=["short"], now=NOW))
    assert button_state(store, EVENT, button, NOW) == "pressable"
    assert server.received == []


# Where a press never goes


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://127.1:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f000001:{port}/",
        "http://0177.0.0.1:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://[::1]:{port}/",
        "http://0.0.0.0:{port}/",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://[fd00:ec2::254]/",
        "http://public@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}\\@public.example/",
        "http://nowhere.invalid/",
        "http:///x",
        "ftp://127.0.0.1/",
        "http://ex\u3002ample\x00/",
        "http://" + "a" * 300 + "/",
    ],
)
def test_others_addresses_never_reach_this_machine_or_its_network(store, server, url):
    port = server.url.rpartition(":")[2]
    button = button_for(url.replace("{port}", port), trusted=False)
    pressed = push(store, button)
    assert (pressed.state, pressed.status) == ("failed", None)
    assert pressed.error
    assert server.received == []


def test_a_host_that_is_allowed_by_name_is_reached(store, server):
    port = server.url.rpartition(":")[2]
    for name, arrives in (("localhost", True), ("127.0.0.1", False)):
        pressed = push(
            store, button_for(f"http://{name}:{port}/", key=name, trusted=False), allowed_hosts=["LocalHost"]
        )
        assert (pressed.state == "completed") is arrives
    assert [request.header("host") for request in server.received] == [f"localhost:{port}"]


def resolving(monkeypatch, *answers):
    """A resolver that gives these addresses, one answer after the other; returns the questions it was asked."""
    asked, left = [], list(answers)

    async def resolve(host, port):
        asked.append(host)
        return left.pop(0)

    monkeypatch.setattr(addresses, "resolve", resolve)
    return asked


def test_a_name_is_looked_up_once_and_the_checked_address_is_called(store, server, monkeypatch):
    asked = resolving(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    called = []

    async def exchange(client, url, body, headers, extensions):
        called.append((str(url), headers["host"], extensions))
        return outgoing.Answer(200, "")

    monkeypatch.setattr(outgoing, "exchange", exchange)
    assert push(store, button_for("https://shop.example:8443/x", trusted=False)).state == "completed"
    assert asked == ["shop.example"]
    assert called == [("https://93.184.216.34:8443/x", "shop.example:8443", {"sni_hostname": "shop.example"})]


def test_a_name_with_one_private_address_among_public_ones_is_not_called(store, monkeypatch):
    resolving(monkeypatch, ["93.184.216.34", "10.0.0.7"])
    pressed = push(store, button_for("https://shop.example/", trusted=False))
    assert pressed.error == "shop.example is 10.0.0.7, which is no public address. Nothing was sent."


def test_the_next_address_is_tried_where_one_cannot_be_connected_to(store, server, monkeypatch):
    resolving(monkeypatch, ["127.0.0.2", "127.0.0.1"])
    url = server.url.replace("127.0.0.1", "shop.example")
    assert push(store, button_for(url, trusted=False), allowed_hosts=["shop.example"]).state == "completed"


def test_a_certificate_is_checked_for_the_name(store, tmp_path, monkeypatch):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "ca.pem"))
    for name, state in (("shop.example", "completed"), ("other.example", "failed")):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        with answering(context) as server:
            resolving(monkeypatch, ["127.0.0.1"])
            url = server.url.replace("127.0.0.1", "shop.example")
            button = button_for(url, key=name.partition(".")[0], trusted=False)
            assert push(store, button, allowed_hosts=["shop.example"]).state == state


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::5db8:d822", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.0.1", False),
        ("100.64.0.1", False),
        ("100.100.100.200", False),
        ("168.63.129.16", False),
        ("169.254.169.254", False),
        ("192.0.2.1", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::127.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("fd00:ec2::254", False),
        ("ff02::1", False),
    ],
)
def test_which_addresses_are_public(address, public):
    assert is_public(ip_address(address)) is public


# Where buttons come from


def test_buttons_of_the_project_are_rendered_and_trusted(tmp_path):
    text = (
        SHOP
        + '\n[events.new-customer.buttons.ban]\ntext = "Ban {name}"\nurl = "http://localhost/{id}/{name}"\n'
        + 'meta = { id = "{id}", who = "{event.environment}: {name}" }\nexpire-in-minutes = 5\nstyle = "danger"\n'
    )
    buttons = read_project(write(tmp_path, text)).events["new-customer"].buttons
    (button,) = buttons_of_project(buttons, {"id": 7, "name": "Ana/../B"}, {"environment": "live"})
    assert button == EventButton(
        "ban", "Ban Ana/../B", "http://localhost/7/Ana%2F..%2FB", False, 5, {"id": 7, "who": "live: Ana/../B"}, "danger",
        trusted=True,
    )  # fmt: skip


def test_buttons_that_came_with_an_event_are_not_trusted():
    action = {"key": "ban", "url": "http://10.0.0.1/", "buttonText": "Ban", "expireIn": 3, "repeat": 1, "meta": "x"}
    (button,) = buttons_of_actions(read_actions([action]))
    assert button == EventButton("ban", "Ban", "http://10.0.0.1/", False, 3, "x", None, repeat=True, trusted=False)


def test_the_secret_of_presses_is_looked_up(monkeypatch):
    environ = {"EVENTWIRE_BUTTONS_LIVE_SECRET": "whsec_a", "EVENTWIRE_BUTTONS_LIVE_FORMER_SECRET": "whsec_b"}
    assert find_signing_secrets("shop", "live", environ) == ["whsec_a", "whsec_b"]
    import keyring

    kept = {("eventwire:shop", "buttons.test"): json.dumps({"secret": "whsec_c"})}
    monkeypatch.setattr("eventwire.accounts.keyring.describe_keyring", lambda: "kept")
    monkeypatch.setattr(keyring, "get_password", lambda service, user: kept.get((service, user)))
    assert find_signing_secrets("shop", "test", environ) == ["whsec_c"]
    with pytest.raises(CredentialError) as raised:
        find_signing_secrets("other", "test", environ)
    assert "EVENTWIRE_BUTTONS_TEST_SECRET" in raised.value.next_step
