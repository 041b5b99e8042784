"""Names for runs and deliveries."""

from __future__ import annotations

import os
import time
from hashlib import sha256

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
DIGITS = {char: position for position, char in enumerate(ALPHABET)}
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]


def new_run_id() -> str:
    """A name for a run: 26 characters that sort by time, as a ULID does (48 bits of milliseconds, 80 random)."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    return in_base_32(number)


def first_id(seconds: float) -> str:
    """The smallest id of a run that came in at a moment, seconds since 1970: ids sort by time."""
    return in_base_32(max(0, int(seconds * 1000)) << 80)


def in_base_32(number: int) -> str:
    """A number of 128 bits as 26 characters."""
    return "".join([PAIRS[(number >> shift) & 1023] for shift in range(120, -10, -10)])


def number_of(run: str) -> int:
    """A whole number for a run, in the order of their ids: the milliseconds, and 20 of the random bits."""
    value = 0
    for char in run[:26].ljust(26, "0"):
        value = value << 5 | DIGITS.get(char, 0)
    return value >> 60


def delivery_key(run: str, filter_name: str, action: str) -> str:
    """A delivery's idempotency key: the same over its attempts and replays, and never another delivery's."""
    digest = sha256(f"{run}\0{filter_name}\0{action}".encode()).hexdigest()
    return f"ew_{digest[:40]}"
