"""API keys: `ew_test_…` and `ew_live_…`. The environment is part of the key, and so is a checksum.

    ew_test_ 7f3k9q2m 0c4v…(32) 5hq8x0b
             id       secret    checksum

The id finds the key, the checksum tells one that was mistyped from one that is unknown, and the whole is stored as its
SHA-256: 160 random bits need no slow hash. A key is shown once, when it is made.
"""

from __future__ import annotations

import hmac
import os
import time
import zlib
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from eventwire.errors import EventwireError, UsageError, did_you_mean
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.project.names import cannot_be_named, name_problem

if TYPE_CHECKING:
    from eventwire.server.store import Store

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
ID_LENGTH, SECRET_LENGTH, CHECKSUM_LENGTH = 8, 32, 7
USE_SECONDS = 60.0  # how exactly the last use is kept: not every request is worth a write
DAY_SECONDS = 86_400.0

_KEY = lazy_pattern(rf"ew_(test|live)_([{ALPHABET}]{{{ID_LENGTH + SECRET_LENGTH}}})([{ALPHABET}]{{{CHECKSUM_LENGTH}}})")
COLUMNS = "id, name, environment, created_at, expires_at, last_used_at"


class KeyRefused(EventwireError):
    """A request's key does not count. `reason` is `missing`, `no-key`, `mistyped`, `unknown`, `expired` or `removed`."""

    code = "key-refused"

    def __init__(self, reason: str, message: str, next_step: str) -> None:
        super().__init__(message, next_step=next_step)
        self.reason = reason


class ApiKey(Struct, frozen=True):
    """A key as it is stored: everything but the key. Times are seconds since 1970."""

    id: str
    name: str
    environment: str
    created_at: float
    expires_at: float | None
    last_used_at: float | None

    def state(self, now: float) -> str:
        """`active` or `expired`."""
        return "expired" if self.expires_at is not None and now >= self.expires_at else "active"


def make_key(environment: str) -> str:
    """A new key."""
    text = random_text(ID_LENGTH + SECRET_LENGTH)
    return f"ew_{environment}_{text}{checksum(environment, text)}"


def add_key(
    store: Store, name: str, environment: str, expires_in_days: float | None = None, now: float | None = None
) -> str:
    """Make a key and store it; returns the key, which cannot be seen again. Raises UsageError where the name is taken."""
    problem = name_problem(name)
    if problem:
        raise UsageError(f"{cannot_be_named(name, 'key')}.", next_step=problem)
    now = time.time() if now is None else now
    expires_at = None if expires_in_days is None else now + expires_in_days * DAY_SECONDS
    key = make_key(environment)
    with store.transaction() as connection:
        if connection.execute("SELECT 1 FROM api_keys WHERE name = ? AND removed_at IS NULL", (name,)).fetchone():
            raise UsageError(
                f'There is a key "{name}" already.',
                next_step="Several keys work at once: give the new one another name, then remove the old one.",
            )
        connection.execute(
            "INSERT INTO api_keys (id, name, environment, hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
            (id_of(key), name, environment, sha256(key.encode()).digest(), now, expires_at),
        )
    return key


def list_keys(store: Store) -> list[ApiKey]:
    """The keys there are, by name; expired ones too, removed ones not."""
    return [
        ApiKey(*row) for row in store.rows(f"SELECT {COLUMNS} FROM api_keys WHERE removed_at IS NULL ORDER BY name")
    ]


def remove_key(store: Store, name: str, now: float | None = None) -> None:
    """Remove a key: from now on it is refused, and told to have been removed. Raises UsageError."""
    now = time.time() if now is None else now
    with store.transaction() as connection:
        removed = connection.execute(
            "UPDATE api_keys SET removed_at = ? WHERE name = ? AND removed_at IS NULL", (now, name)
        )
        if not removed.rowcount:
            names = [each for (each,) in connection.execute("SELECT name FROM api_keys WHERE removed_at IS NULL")]
            raise unknown_key(name, names)


def unknown_key(name: str, names: list[str]) -> UsageError:
    """The error for a key's name that is not there."""
    return UsageError(
        f'There is no key "{name}".', next_step=did_you_mean(name, names) or "See them with: eventwire list keys"
    )


def check_key(store: Store, key: str | None, now: float | None = None) -> ApiKey:
    """The stored key of a key that a request brings. Raises KeyRefused, StoreError."""
    now = time.time() if now is None else now
    key = read_key(key)
    row = store.first(f"SELECT hash, removed_at, {COLUMNS} FROM api_keys WHERE id = ?", (id_of(key),))
    # compared also where there is no such key, so that an answer takes as long
    known = hmac.compare_digest(row[0] if row else bytes(32), sha256(key.encode()).digest())
    if row is None or not known:
        raise KeyRefused("unknown", "The key is not known here.", "Make one with: eventwire add:key")
    found = ApiKey(*row[2:])
    if row[1] is not None:
        raise KeyRefused(
            "removed", f'The key "{found.name}" has been removed.', "Make a new one with: eventwire add:key"
        )
    if found.state(now) == "expired":
        raise KeyRefused("expired", f'The key "{found.name}" has expired.', "Make a new one with: eventwire add:key")
    note_use(store, found, now)
    return found


def read_key(key: str | None) -> str:
    """A key that looks like one, its checksum right. Raises KeyRefused."""
    if not key:
        raise KeyRefused("missing", "The request has no key.", "Send the header: Authorization: Bearer KEY")
    match = _KEY.fullmatch(key)
    if match is None:
        if key.startswith(("ew_test_", "ew_live_")):
            raise mistyped()
        raise KeyRefused("no-key", "What was sent is no key of eventwire's.", "A key begins with ew_test_ or ew_live_.")
    if not hmac.compare_digest(checksum(match[1], match[2]), match[3]):
        raise mistyped()
    return key


def mistyped() -> KeyRefused:
    """The error for a key that cannot be one, whoever made it."""
    return KeyRefused("mistyped", "The key is not whole: its checksum is wrong.", "Copy it again, all of it.")


def bearer_key(authorization: str | None) -> str | None:
    """The key of an Authorization header; None where it has none."""
    scheme, _, key = (authorization or "").strip().partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def note_use(store: Store, key: ApiKey, now: float) -> None:
    """Keep when a key was last used."""
    if key.last_used_at is not None and now - key.last_used_at < USE_SECONDS:
        return
    with store.transaction() as connection:
        connection.execute("UPDATE api_keys SET last_used_at = ? WHERE id = ?", (now, key.id))


def describe_key(key: ApiKey, now: float) -> dict[str, Any]:
    """A key as data, without the key."""
    return {
        "name": key.name,
        "environment": key.environment,
        "begins": f"ew_{key.environment}_{key.id}",
        "state": key.state(now),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
    }


def id_of(key: str) -> str:
    """The part of a key that is no secret."""
    return key[8 : 8 + ID_LENGTH]


def checksum(environment: str, text: str) -> str:
    """The CRC-32 of a key's other parts."""
    return encode(zlib.crc32(f"ew_{environment}_{text}".encode()), CHECKSUM_LENGTH)


def random_text(length: int) -> str:
    """Random characters of the alphabet, five bits each."""
    return encode(int.from_bytes(os.urandom((length * 5 + 7) // 8)), length)


def encode(number: int, length: int) -> str:
    """The lowest bits of a number, five a character."""
    return "".join(ALPHABET[(number >> 5 * position) & 31] for position in reversed(range(length)))
