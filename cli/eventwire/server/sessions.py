"""Being signed in: sessions by cookie, links that sign in once, and the tokens that forms carry (CSRF)."""

from __future__ import annotations

import hmac
import secrets
import time
from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec import Struct

from eventwire.server.users import LOCAL, Role, User

if TYPE_CHECKING:
    from eventwire.server.store import Store

SESSION_SECONDS = 30 * 86_400.0
"""How long a session lasts at the most."""
IDLE_SECONDS = 7 * 86_400.0
"""How long one lasts that is not used."""
SEEN_SECONDS = 60.0  # how exactly it is kept when it was last used
LINK_SECONDS = 600.0
"""How long a link to sign in with is good for."""


class Signed(Struct, frozen=True):
    """Who is signed in."""

    name: str
    role: Role
    csrf_token: str
    """What every form of this session carries, and every request that changes something."""


def start_session(store: Store, user: User | None, now: float | None = None) -> str:
    """Sign in; returns the cookie's value, which cannot be seen again. No user is one of this machine's links."""
    now = time.time() if now is None else now
    token = secrets.token_urlsafe(32)
    with store.transaction() as connection:
        connection.execute("DELETE FROM sessions WHERE expires_at < ? OR seen_at < ?", (now, now - IDLE_SECONDS))
        connection.execute(
            "INSERT INTO sessions VALUES (?, ?, ?, ?, ?)",
            (hash_of(token), user.name if user else None, now, now, now + SESSION_SECONDS),
        )
    return token


def find_session(store: Store, token: str | None, now: float | None = None) -> Signed | None:
    """Who a cookie's value stands for; None where the session is over, or never was."""
    if not token:
        return None
    now = time.time() if now is None else now
    row = store.first(
        "SELECT sessions.user, role, seen_at FROM sessions LEFT JOIN users ON users.name = sessions.user"
        " WHERE hash = ? AND expires_at > ? AND seen_at > ?",
        (hash_of(token), now, now - IDLE_SECONDS),
    )
    if row is None:
        return None
    if now - row[2] >= SEEN_SECONDS:
        with store.transaction() as connection:
            connection.execute("UPDATE sessions SET seen_at = ? WHERE hash = ?", (now, hash_of(token)))
    role = Role(row[1]) if row[0] is not None else Role.ADMIN
    return Signed(row[0] or LOCAL, role, csrf_token(token))


def open_sessions(store: Store, now: float | None = None) -> set[bytes]:
    """The hashes of all cookies that are signed in."""
    now = time.time() if now is None else now
    rows = store.rows("SELECT hash FROM sessions WHERE expires_at > ? AND seen_at > ?", (now, now - IDLE_SECONDS))
    return {token for (token,) in rows}


def end_session(store: Store, token: str) -> None:
    """Sign out."""
    with store.transaction() as connection:
        connection.execute("DELETE FROM sessions WHERE hash = ?", (hash_of(token),))


def make_link_token(store: Store, now: float | None = None) -> str:
    """The token of a link that signs in once, within ten minutes: for the user who started the server."""
    now = time.time() if now is None else now
    token = secrets.token_urlsafe(32)
    with store.transaction() as connection:
        connection.execute("DELETE FROM sign_in_links WHERE expires_at < ?", (now,))
        connection.execute(
            "INSERT INTO sign_in_links (hash, expires_at) VALUES (?, ?)", (hash_of(token), now + LINK_SECONDS)
        )
    return token


def use_link(store: Store, token: str, now: float | None = None) -> str | None:
    """Sign in by a link; returns the cookie's value, or None where the link was used, is too old, or never was."""
    now = time.time() if now is None else now
    with store.transaction() as connection:
        used = connection.execute(
            "UPDATE sign_in_links SET used_at = ? WHERE hash = ? AND used_at IS NULL AND expires_at > ?",
            (now, hash_of(token), now),
        )
        if not used.rowcount:
            return None
    return start_session(store, None, now)


def csrf_token(token: str) -> str:
    """The token for a session's forms: it can be told from the cookie, and the cookie not from it."""
    return hmac.new(token.encode(), b"csrf", sha256).hexdigest()


def is_own_form(signed: Signed, token: str | None) -> bool:
    """Whether a form or request carries its session's token."""
    return token is not None and hmac.compare_digest(signed.csrf_token.encode(), token.encode())


def hash_of(token: str) -> bytes:
    """How a token is stored."""
    return sha256(token.encode()).digest()
