"""API keys: made, checked, rotated, and told apart when they do not count."""

from __future__ import annotations

import pytest

from eventwire.errors import UsageError
from eventwire.project.field_values import holds_secret
from eventwire.server import keys
from eventwire.server.keys import KeyRefused, add_key, bearer_key, check_key, list_keys, make_key, remove_key


def refused(store, key, now=0.0):
    with pytest.raises(KeyRefused) as raised:
        check_key(store, key, now)
    assert raised.value.next_step
    return raised.value.reason


@pytest.mark.parametrize("environment", ["test", "live"])
def test_a_key_opens_its_own_environment(store, environment):
    key = add_key(store, "shop", environment, now=0)
    assert key.startswith(f"ew_{environment}_")
    found = check_key(store, key, now=1)
    assert (found.name, found.environment, found.expires_at) == ("shop", environment, None)


def test_the_key_itself_is_nowhere(store):
    key = add_key(store, "shop", "test")
    secret = key[16:48]
    content = b"".join(path.read_bytes() for path in store.path.parent.iterdir())
    assert secret.encode() not in content
    assert secret not in str(list_keys(store))


def test_a_mistyped_key_is_told_apart_from_an_unknown_one(store):
    key = add_key(store, "shop", "test")
    for position in range(8, len(key)):
        other = "0" if key[position] != "0" else "1"
        assert refused(store, key[:position] + other + key[position + 1 :]) == "mistyped", position
    assert refused(store, key[:-1]) == "mistyped"
    assert refused(store, key.upper()) == "no-key"
    assert refused(store, key.replace("ew_test", "ew_live")) == "mistyped"
    assert refused(store, make_key("test")) == "unknown"
    assert refused(store, "hunter2") == "no-key"
    assert refused(store, None) == "missing"
    assert refused(store, "") == "missing"
    assert refused(store, f"{key}\n") == "mistyped"


def test_a_key_with_anothers_id_is_unknown(store, monkeypatch):
    key = add_key(store, "shop", "test")
    text = key[8:16] + keys.random_text(keys.SECRET_LENGTH)
    assert refused(store, f"ew_test_{text}{keys.checksum('test', text)}") == "unknown"


def test_the_comparison_takes_constant_time(store, monkeypatch):
    compared = []
    compare = keys.hmac.compare_digest
    monkeypatch.setattr(keys.hmac, "compare_digest", lambda *both: compared.append(both) or compare(*both))
    known = add_key(store, "shop", "test")
    check_key(store, known)
    refused(store, make_key("test"))
    hashes = [both for both in compared if isinstance(both[0], bytes)]
    assert len(hashes) == 2
    assert {len(each) for both in hashes for each in both} == {32}


def test_a_key_expires(store):
    key = add_key(store, "shop", "test", expires_in_days=2, now=0)
    assert check_key(store, key, now=2 * 86400 - 1).name == "shop"
    assert refused(store, key, now=2 * 86400) == "expired"
    assert [each.state(2 * 86400) for each in list_keys(store)] == ["expired"]


def test_a_removed_key_is_told_to_be_removed_and_its_name_is_free(store):
    key = add_key(store, "shop", "test")
    remove_key(store, "shop")
    assert refused(store, key) == "removed"
    again = add_key(store, "shop", "live")
    assert check_key(store, again).environment == "live"
    assert refused(store, key) == "removed"
    assert len(list_keys(store)) == 1


def test_several_work_at_once_for_rotation(store):
    old, new = add_key(store, "shop", "live"), add_key(store, "shop-2", "live")
    assert {check_key(store, each).name for each in (old, new)} == {"shop", "shop-2"}
    with pytest.raises(UsageError, match="already") as raised:
        add_key(store, "shop", "live")
    assert "another name" in raised.value.next_step


def test_mistakes_with_names(store):
    add_key(store, "shop", "test")
    with pytest.raises(UsageError) as raised:
        add_key(store, "The Shop", "test")
    assert "the-shop" in raised.value.next_step
    with pytest.raises(UsageError) as raised:
        remove_key(store, "shp")
    assert raised.value.next_step == "Did you mean shop?"


def test_the_last_use_is_kept_to_the_minute(store):
    key = add_key(store, "shop", "test", now=0)
    assert list_keys(store)[0].last_used_at is None
    check_key(store, key, now=100)
    check_key(store, key, now=159)
    assert list_keys(store)[0].last_used_at == 100
    check_key(store, key, now=160)
    assert list_keys(store)[0].last_used_at == 160


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("", None),
        (None, None),
    ],
)
def test_the_key_of_a_header(header, key):
    assert bearer_key(header) == key


def test_keys_are_as_long_as_said_and_never_the_same():
    made = {make_key("test") for _ in range(1000)}
    assert len(made) == 1000
    assert {len(each) for each in made} == {8 + 8 + 32 + 7}


def test_a_key_in_the_project_file_is_known_as_a_secret():
    assert holds_secret(make_key("live"))
