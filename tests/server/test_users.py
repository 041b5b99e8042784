"""Users, sessions and links: who may sign in, for how long, and what a form carries."""

from __future__ import annotations

import pytest

from eventwire.errors import UsageError
from eventwire.server import users
from eventwire.server.sessions import (
    IDLE_SECONDS,
    LINK_SECONDS,
    SESSION_SECONDS,
    end_session,
    find_session,
    is_own_form,
    make_link_token,
    start_session,
    use_link,
)
from eventwire.server.users import (
    Attempts,
    Role,
    SignInRefused,
    check_password,
    list_users,
    remove_user,
    save_user,
)

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A hash that takes no time; its form is argon2id's all the same."""
    from argon2 import PasswordHasher

    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(users, "hasher", lambda: quick)
    users.unknown_hash.cache_clear()


def test_a_user_signs_in_with_the_password(store):
    user, is_new = save_user(store, "ana", Role.OPERATOR, PASSWORD, now=5)
    assert (user.name, user.role, is_new) == ("ana", Role.OPERATOR, True)
    assert check_password(store, "ana", PASSWORD, now=9).role is Role.OPERATOR
    assert list_users(store)[0].last_sign_in_at == 9
    assert store.first("SELECT password_hash FROM users")[0].startswith("$argon2id$")


@pytest.mark.parametrize(("name", "password"), [("ana", "wrong"), ("bob", PASSWORD), ("ana", ""), ("", PASSWORD)])
def test_what_does_not_belong_together_is_refused_with_the_same_words(store, name, password):
    save_user(store, "ana", Role.VIEWER, PASSWORD)
    with pytest.raises(SignInRefused, match="The name or the password is wrong"):
        check_password(store, name, password)


def test_an_unknown_name_is_hashed_too(store, monkeypatch):
    verified = []
    real = users.hasher()

    class Counting:
        hash = staticmethod(real.hash)

        @staticmethod
        def verify(hashed, password):
            verified.append(hashed)
            return real.verify(hashed, password)

    monkeypatch.setattr(users, "hasher", Counting)
    with pytest.raises(SignInRefused):
        check_password(store, "nobody", PASSWORD)
    assert len(verified) == 1


def test_role_or_password_change_and_end_the_sessions(store):
    user, _ = save_user(store, "ana", Role.VIEWER, PASSWORD)
    token = start_session(store, user)
    changed, is_new = save_user(store, "ana", Role.ADMIN, None)
    assert (changed.role, is_new) == (Role.ADMIN, False)
    assert find_session(store, token) is None
    assert check_password(store, "ana", PASSWORD).role is Role.ADMIN
    save_user(store, "ana", None, "another password")
    assert check_password(store, "ana", "another password").role is Role.ADMIN


@pytest.mark.parametrize(
    ("name", "password"), [("Ana Maria", PASSWORD), ("local", PASSWORD), ("", PASSWORD), ("a" * 65, PASSWORD), ("ana", "short"), ("ana", "x" * 1001)]
)  # fmt: skip
def test_bad_names_and_passwords(store, name, password):
    with pytest.raises(UsageError):
        save_user(store, name, Role.VIEWER, password)
    assert list_users(store) == []


def test_a_new_user_needs_both(store):
    with pytest.raises(UsageError, match="needs a role and a password"):
        save_user(store, "ana", Role.VIEWER, None)


def test_a_removed_user_is_signed_out(store):
    user, _ = save_user(store, "ana", Role.VIEWER, PASSWORD)
    token = start_session(store, user)
    remove_user(store, "ana")
    assert find_session(store, token) is None
    with pytest.raises(UsageError):
        remove_user(store, "ana")


def test_each_role_may_what_those_before_it_may():
    allowed = {(each, needed): each.allows(needed) for each in Role for needed in Role}
    assert [needed for needed in Role if allowed[Role.VIEWER, needed]] == [Role.VIEWER]
    assert [needed for needed in Role if allowed[Role.OPERATOR, needed]] == [Role.VIEWER, Role.OPERATOR]
    assert all(allowed[Role.ADMIN, needed] for needed in Role)


def test_a_session_ends_by_itself_and_by_signing_out(store):
    user, _ = save_user(store, "ana", Role.VIEWER, PASSWORD)
    token = start_session(store, user, now=0)
    assert find_session(store, token, now=1).name == "ana"
    assert find_session(store, token, now=1 + IDLE_SECONDS + 61) is None
    token = start_session(store, user, now=0)
    steps = int(SESSION_SECONDS // (IDLE_SECONDS - 100))
    for step in range(steps):
        assert find_session(store, token, now=(step + 1) * (IDLE_SECONDS - 100)) is not None
    assert find_session(store, token, now=SESSION_SECONDS) is None
    token = start_session(store, user, now=0)
    end_session(store, token)
    assert find_session(store, token, now=1) is None


def test_what_is_no_session(store):
    for token in (None, "", "x", "é"):
        assert find_session(store, token) is None


def test_a_cookie_cannot_be_read_from_the_file(store):
    token = start_session(store, None)
    content = b"".join(path.read_bytes() for path in store.path.parent.iterdir())
    assert token.encode() not in content


def test_a_link_signs_in_once_and_not_for_long(store):
    link = make_link_token(store, now=0)
    token = use_link(store, link, now=1)
    signed = find_session(store, token, now=2)
    assert (signed.name, signed.role) == ("local", Role.ADMIN)
    assert use_link(store, link, now=2) is None
    late = make_link_token(store, now=0)
    assert use_link(store, late, now=LINK_SECONDS) is None
    assert use_link(store, "guessed", now=1) is None


def test_a_form_carries_its_own_sessions_token(store):
    mine, other = (find_session(store, start_session(store, None)) for _ in range(2))
    assert is_own_form(mine, mine.csrf_token)
    assert not is_own_form(mine, other.csrf_token)
    assert not is_own_form(mine, None)
    assert not is_own_form(mine, "é")


def test_passwords_cannot_be_tried_for_long():
    attempts = Attempts()
    for now in range(10):
        attempts.check("ana", "203.0.113.9", now=now)
        attempts.note_failure("ana", "203.0.113.9", now=now)
    for who in ("ana", "203.0.113.9"):
        with pytest.raises(SignInRefused, match="too often") as raised:
            attempts.check(who, now=10)
        assert raised.value.next_step == "Try again in 291 seconds."
    attempts.check("bob", "203.0.113.8", now=10)
    attempts.check("ana", now=300)
