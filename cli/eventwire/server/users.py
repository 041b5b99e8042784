"""Users of the pages: names, passwords and roles.

Passwords are kept as argon2id hashes. Hashing takes 50 milliseconds by intent: a server calls `check_password` in a
thread.
"""

from __future__ import annotations

import time
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from eventwire.errors import EventwireError, MissingExtra, UsageError, did_you_mean
from eventwire.language.lazy_pattern import lazy_pattern

if TYPE_CHECKING:
    from sqlite3 import Connection

    from argon2 import PasswordHasher

    from eventwire.server.store import Store

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1000
_NAME = lazy_pattern(r"[a-z0-9][a-z0-9._+@-]{0,63}")
LOCAL = "local"
"""The actor who signed in by a link of this machine; no user is called so."""
ATTEMPTS = 10
ATTEMPT_SECONDS = 300.0


class Role(StrEnum):
    """What a user may do: each may what those before it may."""

    VIEWER = "viewer"
    """See events, runs and pipelines."""
    OPERATOR = "operator"
    """Press buttons and replay."""
    ADMIN = "admin"
    """Everything that the pages can do."""

    def allows(self, needed: Role) -> bool:
        """Whether it may what another role may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class SignInRefused(EventwireError):
    """A name and a password that do not belong together, or too many attempts."""

    code = "sign-in-refused"


class User(Struct, frozen=True):
    """Somebody who may sign in. Times are seconds since 1970."""

    name: str
    role: Role
    created_at: float
    last_sign_in_at: float | None = None


def save_user(
    store: Store, name: str, role: Role | None, password: str | None, now: float | None = None
) -> tuple[User, bool]:
    """Add a user, or change one's role or password, which ends the user's sessions. Returns the user, and whether it is
    new. Raises UsageError, MissingExtra.
    """
    problem = user_name_problem(name) or (password_problem(password) if password is not None else None)
    if problem:
        raise UsageError(problem, next_step="Choose another.")
    hashed = hasher().hash(password) if password is not None else None
    now = time.time() if now is None else now
    with store.transaction() as connection:
        row = connection.execute("SELECT role, password_hash, created_at FROM users WHERE name = ?", (name,)).fetchone()
        if row is None and (role is None or hashed is None):
            raise UsageError(f'There is no user "{name}" yet, who needs a role and a password.', next_step="Give both.")
        before: tuple[str, str | None, float] = row or (str(role), hashed, now)
        user = User(name, role or Role(before[0]), before[2])
        connection.execute(
            "INSERT INTO users (name, role, password_hash, created_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET role = excluded.role, password_hash = excluded.password_hash",
            (name, user.role, hashed or before[1], user.created_at),
        )
        sign_out_everywhere(connection, name)
    return user, row is None


def list_users(store: Store) -> list[User]:
    """The users, by name."""
    rows = store.rows("SELECT name, role, created_at, last_sign_in_at FROM users ORDER BY name")
    return [User(name, Role(role), *times) for name, role, *times in rows]


def remove_user(store: Store, name: str) -> None:
    """Remove a user, who is signed out everywhere. Raises UsageError."""
    with store.transaction() as connection:
        if not connection.execute("DELETE FROM users WHERE name = ?", (name,)).rowcount:
            raise unknown_user(name, [each for (each,) in connection.execute("SELECT name FROM users")])
        sign_out_everywhere(connection, name)


def sign_out_everywhere(connection: Connection, name: str) -> None:
    """End a user's sessions, and the notifications of the user's browsers."""
    connection.execute("DELETE FROM sessions WHERE user = ?", (name,))
    connection.execute("DELETE FROM push_subscriptions WHERE actor = ?", (name,))


def unknown_user(name: str, names: list[str]) -> UsageError:
    """The error for a user who is not there."""
    return UsageError(
        f'There is no user "{name}".', next_step=did_you_mean(name, names) or "See them with: eventwire list users"
    )


def check_password(store: Store, name: str, password: str, now: float | None = None) -> User:
    """The user of a name and a password. Takes as long for a name that is unknown. Raises SignInRefused."""
    from argon2.exceptions import InvalidHashError, VerificationError

    now = time.time() if now is None else now
    row = store.first("SELECT password_hash, name, role, created_at FROM users WHERE name = ?", (name.strip().lower(),))
    try:
        hasher().verify(row[0] if row else unknown_hash(), password[: LONGEST_PASSWORD + 1])
    except (VerificationError, InvalidHashError):
        row = None
    if row is None:
        raise SignInRefused("The name or the password is wrong.", next_step="Try again.")
    with store.transaction() as connection:
        connection.execute("UPDATE users SET last_sign_in_at = ? WHERE name = ?", (now, row[1]))
        if hasher().check_needs_rehash(row[0]):
            connection.execute("UPDATE users SET password_hash = ? WHERE name = ?", (hasher().hash(password), row[1]))
    return User(row[1], Role(row[2]), row[3], now)


class Attempts:
    """How often signing in has failed lately, by name and by address, so that nobody can try passwords for long."""

    def __init__(self) -> None:
        self._failed: dict[str, list[float]] = {}

    def check(self, *who: str, now: float) -> None:
        """Raise SignInRefused where one of them has failed too often."""
        for each in who:
            lately = [at for at in self._failed.get(each, ()) if now - at < ATTEMPT_SECONDS]
            if len(lately) >= ATTEMPTS:
                seconds = int(lately[0] + ATTEMPT_SECONDS - now) + 1
                raise SignInRefused("Signing in has failed too often.", next_step=f"Try again in {seconds} seconds.")

    def note_failure(self, *who: str, now: float) -> None:
        """Remember a failure."""
        self._failed = {
            each: kept
            for each, times in self._failed.items()
            if (kept := [at for at in times if now - at < ATTEMPT_SECONDS])
        }
        for each in who:
            self._failed.setdefault(each, []).append(now)

    def take_back(self, *who: str) -> None:
        """The latest attempt has not failed after all."""
        for each in who:
            if times := self._failed.get(each):
                times.pop()


def user_name_problem(name: str) -> str | None:
    """What is wrong with a user's name, in a sentence, or None."""
    if name == LOCAL:
        return f'"{LOCAL}" stands for whoever signs in by a link of the server\'s machine.'
    if _NAME.fullmatch(name):
        return None
    return "A user's name has 64 characters at most: lower-case letters, digits and . _ + @ -, not one of them first."


def password_problem(password: str) -> str | None:
    """What is wrong with a password, in a sentence, or None."""
    if len(password) < SHORTEST_PASSWORD:
        return f"A password has {SHORTEST_PASSWORD} characters at least."
    return f"A password has {LONGEST_PASSWORD} characters at most." if len(password) > LONGEST_PASSWORD else None


@cache
def hasher() -> PasswordHasher:
    """What hashes passwords. Raises MissingExtra."""
    try:
        from argon2 import PasswordHasher
    except ImportError as error:
        raise MissingExtra("server", "server", "Users' passwords need a library") from error
    return PasswordHasher()


@cache
def unknown_hash() -> str:
    """A hash that no password is known for."""
    import secrets

    return hasher().hash(secrets.token_urlsafe(32))


def describe_user(user: User) -> dict[str, Any]:
    """A user as data."""
    return {
        "name": user.name,
        "role": str(user.role),
        "created_at": user.created_at,
        "last_sign_in_at": user.last_sign_in_at,
    }
