"""The OS keyring: a real gnome-keyring, none at all, a locked one, and one that fails half way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time

import keyring as library
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import KeyringLocked, PasswordDeleteError, PasswordSetError

from eventwire.accounts import keyring


class MemoryKeyring(KeyringBackend):
    """A keyring in memory that fails where it is told to."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}
        self.writes_left = 1000
        self.locked = False
        self.wait_seconds = 0.0

    def get_password(self, service, username):
        time.sleep(self.wait_seconds)
        if self.locked:
            raise KeyringLocked("Failed to unlock the collection!")
        return self.entries.get((service, username))

    def set_password(self, service, username, password):
        self.writes_left -= 1
        if self.writes_left == 0:
            raise PasswordSetError(f"cannot store {password}")
        self.entries[service, username] = password

    def delete_password(self, service, username):
        if (service, username) not in self.entries:
            raise PasswordDeleteError("not found")
        del self.entries[service, username]


@pytest.fixture
def memory():
    before = library.get_keyring()
    backend = MemoryKeyring()
    library.set_keyring(backend)
    yield backend
    library.set_keyring(before)


def test_a_set_is_one_entry_named_after_project_account_and_environment(memory):
    keyring.write_secrets("shop", "bank", {"test": {"key": "k", "pin": "ü"}})
    (name, text), *rest = memory.entries.items()
    assert name == ("eventwire:shop", "bank.test")
    assert json.loads(text) == {"key": "k", "pin": "ü"}
    assert not rest
    assert keyring.read_secrets("shop", "bank", "test") == {"key": "k", "pin": "ü"}
    assert keyring.read_secrets("shop", "bank", "live") == {}


def test_an_empty_set_is_forgotten_and_forgetting_twice_is_no_error(memory):
    keyring.write_secrets("shop", "bank", {"test": {"key": "k"}})
    keyring.write_secrets("shop", "bank", {"test": {}, "live": {}})
    keyring.write_secrets("shop", "bank", {"test": {}})
    assert memory.entries == {}


def test_a_keyring_that_fails_half_way_keeps_what_it_had(memory):
    keyring.write_secrets("shop", "bank", {"test": {"key": "old"}})
    memory.writes_left = 2
    with pytest.raises(keyring.KeyringUnusable, match="failed with PasswordSetError"):
        keyring.write_secrets("shop", "bank", {"test": {"key": "new"}, "live": {"key": "secret-live"}})
    assert keyring.read_secrets("shop", "bank", "test") == {"key": "old"}
    assert keyring.read_secrets("shop", "bank", "live") == {}


def test_a_failure_never_repeats_the_secret(memory):
    memory.writes_left = 1
    with pytest.raises(keyring.KeyringUnusable) as raised:
        keyring.write_secrets("shop", "bank", {"test": {"key": "hunter2"}})
    assert "hunter2" not in str(raised.value)


def test_a_locked_keyring_says_that_it_is_locked(memory):
    memory.locked = True
    with pytest.raises(keyring.KeyringUnusable, match="the keyring is locked"):
        keyring.read_secrets("shop", "bank", "test")


def test_a_keyring_that_does_not_answer_has_an_end(memory, monkeypatch):
    monkeypatch.setattr(keyring, "ANSWER_SECONDS", 0.05)
    memory.wait_seconds = 1.0
    with pytest.raises(keyring.KeyringUnusable, match="did not answer"):
        keyring.read_secrets("shop", "bank", "test")


def test_no_keyring_is_told_before_anything_is_asked_of_it():
    before = library.get_keyring()
    library.set_keyring(NoKeyring())
    try:
        with pytest.raises(keyring.KeyringUnusable, match="no keyring is installed"):
            keyring.read_secrets("shop", "bank", "test")
    finally:
        library.set_keyring(before)


def test_an_entry_of_another_program_is_not_taken_for_secrets(memory):
    memory.entries["eventwire:shop", "bank.test"] = "plain"
    with pytest.raises(keyring.KeyringUnusable, match="not written by eventwire"):
        keyring.read_secrets("shop", "bank", "test")


GNOME = """
from eventwire.accounts import keyring
keyring.ANSWER_SECONDS = 20
keyring.write_secrets("shop", "bank", {"test": {"key": "über"}, "live": {"key": "2"}})
print(keyring.describe_keyring(), keyring.read_secrets("shop", "bank", "test"), keyring.read_secrets("shop", "bank", "live"))
keyring.write_secrets("shop", "bank", {"test": {}})
print(keyring.read_secrets("shop", "bank", "test"))
"""
LOCKED = """
from eventwire.accounts import keyring
keyring.ANSWER_SECONDS = 20
try:
    print(keyring.read_secrets("shop", "bank", "live"))
except keyring.KeyringUnusable as error:
    print(error)
"""
LOCK = (
    "dbus-send --session --dest=org.freedesktop.secrets --print-reply /org/freedesktop/secrets "
    "org.freedesktop.Secret.Service.Lock array:objpath:/org/freedesktop/secrets/collection/login >/dev/null"
)


def test_gnome_keyring_unlocked_and_then_locked(tmp_path):
    if not (shutil.which("gnome-keyring-daemon") and shutil.which("dbus-run-session")):
        if os.environ.get("EVENTWIRE_REQUIRE_SERVICES") == "1":
            pytest.fail("gnome-keyring is absent: apt-get install gnome-keyring dbus")
        pytest.skip("needs gnome-keyring: apt-get install gnome-keyring dbus")
    (tmp_path / "run").mkdir(mode=0o700)
    script = "\n".join(
        [
            "printf 'pw\\n' | gnome-keyring-daemon --unlock --components=secrets --daemonize >/dev/null 2>&1",
            f"{sys.executable} -c '{GNOME}'",
            LOCK,
            f"{sys.executable} -c '{LOCKED}'",
        ]
    )
    environ = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run"), "XDG_DATA_HOME": str(tmp_path / "data")}
    done = subprocess.run(
        ["dbus-run-session", "--", "bash", "-c", script],
        env={**{k: v for k, v in os.environ.items() if k != "PYTHON_KEYRING_BACKEND"}, **environ},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.stdout.splitlines() == [
        "SecretService Keyring {'key': 'über'} {'key': '2'}",
        "{}",
        "the keyring is locked",
    ], done.stderr
