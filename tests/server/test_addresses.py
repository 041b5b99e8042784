"""Which addresses somebody else's request may lead to."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address

import pytest

from eventwire.server.addresses import ForbiddenAddress, checked_addresses, is_public
from eventwire.server.outgoing import NotSent, post


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.1.2.3",
        "0.0.0.0",
        "0.1.2.3",
        "10.1.1.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.100.100.200",
        "169.254.169.254",
        "168.63.129.16",
        "192.0.0.192",
        "192.88.99.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:168.63.129.16",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::1",
        "2001:0:808:808::80ff:fffe",
        "2606:4700::5efe:a00:1",
        "2606:4700::200:5efe:a00:1",
        "fe80::1",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "3fff::1",
        "5f00::1",
        "100::1",
    ],
)
def test_what_is_no_public_address(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_what_is_one(address):
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f000001", "017700000001", "0", "localhost", "[::1]", "127.0.0.1."]
)
def test_no_way_to_write_this_machine_is_called(host):
    async def call():
        await post(f"http://{host}:9/", b"{}", {}, trusted=False)

    with pytest.raises(NotSent):
        asyncio.run(call())


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch):
    async def resolve(host, port):
        return ["8.8.8.8", "10.0.0.1"]

    monkeypatch.setattr("eventwire.server.addresses.resolve", resolve)
    with pytest.raises(ForbiddenAddress, match=r"10\.0\.0\.1"):
        asyncio.run(checked_addresses("rebind.example", 443))


def test_the_connection_goes_to_the_address_that_was_checked_whatever_the_name_means_a_moment_later(monkeypatch):
    from eventwire.server import outgoing

    asked, sent = [], []

    async def checked(host, port, allowed):
        asked.append(host)
        return ["203.0.113.7"]

    async def exchange(client, url, body, headers, extensions):
        sent.append((url.host, headers["host"], extensions))
        return outgoing.Answer(302, "", "http://127.0.0.1/")

    monkeypatch.setattr(outgoing, "checked_addresses", checked)
    monkeypatch.setattr(outgoing, "exchange", exchange)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **more: pytest.fail("the name is looked up again"))
    answer = asyncio.run(post("https://rebind.example:8443/x", b"{}", {}, trusted=False))
    assert (asked, answer.status) == (["rebind.example"], 302)
    assert sent == [("203.0.113.7", "rebind.example:8443", {"sni_hostname": "rebind.example"})]
