"""Names for runs and deliveries."""

from __future__ import annotations

import os
import time
from hashlib import sha256

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u


def new_run_id() -> str:
    """A name for a run: 26 characters that sort by time, as a ULID does (48 bits of milliseconds, 80 random)."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(125, -5, -5))


def delivery_key(run: str, filter_name: str, action: str) -> str:
    """A delivery's idempotency key: the same over its attempts and replays, and never another delivery's."""
    digest = sha256(f"{run}\0{filter_name}\0{action}".encode()).hexdigest()
    return f"ew_{digest[:40]}"
