"""Where secrets come from, and the ways out where they come from nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventwire.accounts import keyring
from eventwire.accounts.environment import variable_name
from eventwire.accounts.lookup import find_credentials, look_up
from eventwire.errors import CredentialError
from eventwire.fields import Field
from eventwire.services.declare import Service


async def nothing(*arguments: object) -> str:
    return ""


BANK = Service(
    name="bank",
    label="Bank",
    summary="Holds money.",
    fields=(
        Field("host", "Host", required=True),
        Field("port", "Port", default=4000),
        Field("kind", "Kind", choices=("key", "none"), default="key"),
        Field("key", "Key", required=True, secret=True, when=("kind", ("key",))),
        Field("pin", "PIN", secret=True),
    ),
    operations=(),
    connect=nothing,
    verify=nothing,
    check_credentials=lambda credentials: "it is a live key." if credentials.get("key") == "live" else None,
)


@pytest.fixture
def kept(monkeypatch):
    """A keyring's content, by account and environment."""
    content: dict[tuple[str, str], dict[str, str]] = {}
    monkeypatch.setattr(keyring, "read_secrets", lambda project, account, env: content.get((account, env), {}))
    return content


@pytest.fixture
def no_keyring(monkeypatch):
    def fail(*arguments):
        raise keyring.KeyringUnusable("no keyring is installed or running here")

    monkeypatch.setattr(keyring, "read_secrets", fail)


def find(settings, environ=None, environment="test"):
    return find_credentials(
        BANK,
        settings,
        project="shop",
        account="our-bank",
        environment=environment,
        environ=environ or {},
        base=Path("/project"),
    )


def test_the_variable_is_named_after_account_environment_and_field():
    assert variable_name("our-bank", "live", "secret-key") == "EVENTWIRE_OUR_BANK_LIVE_SECRET_KEY"


def test_the_environment_comes_before_the_keyring(kept):
    kept["our-bank", "test"] = {"key": "from the keyring", "pin": "1234"}
    credentials = find({"host": "h"}, {"EVENTWIRE_OUR_BANK_TEST_KEY": "from the environment"})
    assert credentials.secrets == {"key": "from the environment", "pin": "1234"}


def test_one_environment_never_stands_in_for_the_other(kept):
    kept["our-bank", "test"] = {"key": "k"}
    with pytest.raises(CredentialError, match='has no "key" for live'):
        find({"host": "h"}, {"EVENTWIRE_OUR_BANK_TEST_KEY": "k"}, environment="live")


def test_an_account_without_a_set_for_the_environment_says_how_to_add_it(kept):
    with pytest.raises(CredentialError, match="has no live settings") as raised:
        find(None, environment="live")
    assert "eventwire add:service-account our-bank --service bank --live host=HOST" in raised.value.next_step


def test_a_missing_secret_names_every_way_to_give_it(kept):
    with pytest.raises(CredentialError) as raised:
        find({"host": "h"})
    assert "EVENTWIRE_OUR_BANK_TEST_KEY" in raised.value.next_step
    assert "--test-secret key=-" in raised.value.next_step


def test_without_a_keyring_both_ways_out_are_named(no_keyring):
    with pytest.raises(CredentialError, match="no keyring is installed") as raised:
        find({"host": "h"})
    assert "EVENTWIRE_OUR_BANK_TEST_KEY" in raised.value.next_step
    assert "EncryptedKeyring" in raised.value.next_step


def test_without_a_keyring_the_environment_is_enough(no_keyring):
    assert find({"host": "h"}, {"EVENTWIRE_OUR_BANK_TEST_KEY": "k"}).secrets == {"key": "k"}


def test_a_keyring_is_not_opened_where_the_environment_has_everything(monkeypatch):
    monkeypatch.setattr(keyring, "read_secrets", lambda *arguments: pytest.fail("the keyring was opened"))
    find({"host": "h"}, {"EVENTWIRE_OUR_BANK_TEST_KEY": "k", "EVENTWIRE_OUR_BANK_TEST_PIN": "1"})


def test_a_secret_that_does_not_apply_is_not_looked_for(no_keyring):
    lookup = look_up(BANK, {"host": "h", "kind": "none"}, project="p", account="a", environment="test", environ={})
    assert [secret.declared.name for secret in lookup.secrets] == ["pin"]


def test_defaults_are_filled_in(kept):
    kept["our-bank", "test"] = {"key": "k"}
    assert find({"host": "h"}).settings == {"port": 4000, "kind": "key", "host": "h"}


def test_a_live_key_given_as_test_key_is_refused(kept):
    kept["our-bank", "test"] = {"key": "live"}
    with pytest.raises(CredentialError, match="it is a live key"):
        find({"host": "h"})


def test_secrets_do_not_show_in_a_repr(kept):
    kept["our-bank", "test"] = {"key": "hunter2"}
    lookup = look_up(BANK, {"host": "h"}, project="p", account="our-bank", environment="test", environ={})
    assert "hunter2" not in repr(lookup)
    assert "hunter2" not in repr(find({"host": "h"}))
