"""Names for runs and deliveries."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from hashlib import sha256

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
DIGITS = {char: position for position, char in enumerate(ALPHABET)}
DIGITS_OF_BYTES = bytes(ord(ALPHABET[byte & 31]) for byte in range(256))
RANDOM_LENGTH = 16
_random: list[str] = []
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]


def new_run_id() -> str:
    """A name for a run: 26 characters that sort by time, as a ULID does (48 bits of milliseconds, 80 random)."""
    return time_part(time.time_ns() // 1_000_000) + (_random.pop() if _random else random_text())


@lru_cache(maxsize=4)
def time_part(milliseconds: int) -> str:
    """The ten characters of an id that are its time: events that come together share them."""
    return in_base_32(milliseconds, 40)


def random_text() -> str:
    """80 random bits, five a character.

    From the operating system, but a few hundred ids' at once: each call lets the journal's thread go first, which makes it
    forty microseconds under load.
    """
    if not _random:
        block = os.urandom(RANDOM_LENGTH * 512).translate(DIGITS_OF_BYTES).decode()
        _random.extend(block[start : start + RANDOM_LENGTH] for start in range(0, len(block), RANDOM_LENGTH))
    return _random.pop()


def first_id(seconds: float) -> str:
    """The smallest id of a run that came in at a moment, seconds since 1970: ids sort by time."""
    return time_part(max(0, int(seconds * 1000))) + "0" * RANDOM_LENGTH


def in_base_32(number: int, highest: int) -> str:
    """A number, two characters for ten bits each, from those that begin at bit `highest` down."""
    return "".join([PAIRS[(number >> shift) & 1023] for shift in range(highest, -10, -10)])


def number_of(run: str) -> int:
    """A whole number of 63 bits for a run, in the order of their ids: the milliseconds, and 20 of the random bits."""
    value = 0
    for char in run[:26].ljust(26, "0"):
        value = value << 5 | DIGITS.get(char, 0)
    return min(value >> 60, (1 << 63) - 1)


def delivery_key(run: str, action_digest: str) -> str:
    """A delivery's idempotency key: the same over its attempts and replays, and never another delivery's."""
    return f"ew_{run}{action_digest}"


def action_digest(filter_name: str, action: str) -> str:
    """What tells an action from the others of its event: 14 hexadecimal digits."""
    return sha256(f"{filter_name}\0{action}".encode()).hexdigest()[:14]
