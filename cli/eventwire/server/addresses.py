"""Where a request may go that somebody else has asked for: to public addresses, and to hosts allowed by name.

A host is resolved once, every address it has is checked, and the connection goes to an address that was checked: a name
that means something else a moment later changes nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from eventwire.errors import EventwireError

Address = IPv4Address | IPv6Address

NAT64 = IPv6Network("64:ff9b::/96")
NOT_PUBLIC = [
    ip_network(each)
    for each in (
        "192.0.0.0/24",  # what providers answer metadata at (Oracle: 192.0.0.192), and protocols use among themselves
        "192.88.99.0/24",  # relays of 6to4, which is given up
        "64:ff9b:1::/48",  # NAT64 of one's own network (RFC 8215)
        "fec0::/10",  # site-local, which is given up (RFC 3879)
        "3fff::/20",  # documentation (RFC 9637)
        "5f00::/16",  # segment routing (RFC 9602)
    )
]
"""What some versions of Python take for public."""
ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214, section 6.1
METADATA = {ip_address("168.63.129.16")}
"""Public by its number, and yet the platform's own inside a cloud (Azure)."""


class ForbiddenAddress(EventwireError):
    """A host that must not be called, or that does not exist."""

    code = "forbidden"


async def checked_addresses(host: str, port: int, allowed_hosts: Collection[str] = ()) -> list[str]:
    """The addresses of a host, every one of them public; those of a host allowed by name, whatever they are. Raises
    ForbiddenAddress.
    """
    addresses = await resolve(host, port)
    if host.lower().rstrip(".") in {each.lower() for each in allowed_hosts}:
        return addresses
    for each in addresses:
        if not is_public(ip_address(each)):
            raise ForbiddenAddress(
                f"{host} is {each}, which is no public address. Nothing was sent.",
                next_step="Only addresses of the project file, and hosts allowed by name, may be private.",
            )
    return addresses


async def resolve(host: str, port: int) -> list[str]:
    """Every address of a host, as numbers. Raises ForbiddenAddress where it has none."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "its name cannot be written"
        raise ForbiddenAddress(
            f"{host[:100]} cannot be found: {reason}. Nothing was sent.", next_step="See that the address is right."
        ) from error
    # an IPv6 address may carry the interface it is of, behind a %
    return list(dict.fromkeys(str(address[4][0]).partition("%")[0] for address in found))


def is_public(address: Address) -> bool:
    """Whether an address is one that everybody can reach: not private, loopback, link-local, reserved, and not one of those
    written as another.
    """
    inner = embedded(address) if isinstance(address, IPv6Address) else None
    if inner is not None:
        return is_public(inner)
    if address in METADATA or any(address in each for each in NOT_PUBLIC):
        return False
    if address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    return address.is_global


def embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to: mapped, by NAT64, 6to4, Teredo or ISATAP."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.sixtofour is not None:
        return address.sixtofour
    if int(address) >> 32 & 0xFFFFFFFF in ISATAP:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.teredo[1] if address.teredo is not None else None
