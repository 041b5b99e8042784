"""Secrets in the OS keyring: service `eventwire:<project>`, user `<account>.<env>`.

One entry holds all the secrets of an account in one environment, as a JSON object, so that a set is written whole or
not at all. The keyring library is imported at the first call: it takes 150 ms and only accounts with secrets need it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TypeVar

from eventwire.errors import CredentialError

Result = TypeVar("Result")

# A locked keyring waits for somebody to type its password; where nobody can, it must not hang a script for ever.
ANSWER_SECONDS = 60.0

WAYS_OUT = (
    "Either set {variables},\n"
    "or install a keyring that works here: pip install keyrings.alt pycryptodomex, and then\n"
    "export PYTHON_KEYRING_BACKEND=keyrings.alt.file.EncryptedKeyring (it asks for a password of its own)."
)


class KeyringUnusable(Exception):
    """There is no keyring, or it is locked, or it failed. Says why in a few words."""


def read_secrets(project: str, account: str, environment: str) -> dict[str, str]:
    """An account's secrets in one environment, by field; empty where none are kept. Raises KeyringUnusable."""
    import keyring

    text = ask(lambda: keyring.get_password(service_of(project), user_of(account, environment)))
    return {} if text is None else decode(text)


def write_secrets(project: str, account: str, sets: Mapping[str, Mapping[str, str]]) -> None:
    """Keep an account's secrets of each environment given; an empty set is forgotten.

    Where one environment's write fails, those already written are put back as they were. Raises KeyringUnusable.
    """
    before: dict[str, dict[str, str]] = {}
    try:
        for environment, secrets in sets.items():
            before[environment] = read_secrets(project, account, environment)
            write_set(project, account, environment, secrets)
    except KeyringUnusable:
        put_back(project, account, before)
        raise


def write_set(project: str, account: str, environment: str, secrets: Mapping[str, str]) -> None:
    """Keep one environment's secrets. Raises KeyringUnusable."""
    import keyring
    from keyring.errors import PasswordDeleteError

    service, user = service_of(project), user_of(account, environment)
    if secrets:
        ask(lambda: keyring.set_password(service, user, json.dumps(dict(secrets))))
        return
    try:
        ask(lambda: keyring.delete_password(service, user))
    except KeyringUnusable as error:
        if not isinstance(error.__cause__, PasswordDeleteError):
            raise
        # deleting what is not there is what was wanted


def put_back(project: str, account: str, before: Mapping[str, Mapping[str, str]]) -> None:
    """Restore sets after a failed write, as far as the keyring still answers."""
    for environment, secrets in before.items():
        try:
            write_set(project, account, environment, secrets)
        except KeyringUnusable:
            continue  # the caller reports the first failure; a keyring that is gone cannot be put right from here


def describe_keyring() -> str:
    """The keyring in use, in a few words. Raises KeyringUnusable where there is none."""
    import keyring

    backend = keyring.get_keyring()
    if is_unusable(backend):
        raise KeyringUnusable("no keyring is installed or running here")
    return str(backend.name)


def ask(question: Callable[[], Result]) -> Result:
    """Put a question to the keyring, in a thread of its own so that waiting has an end. Raises KeyringUnusable."""
    from queue import Empty, SimpleQueue
    from threading import Thread

    describe_keyring()
    answers: SimpleQueue[tuple[Result | None, BaseException | None]] = SimpleQueue()

    def answer() -> None:
        try:
            answers.put((question(), None))
        except BaseException as error:
            answers.put((None, error))

    Thread(target=answer, name="keyring", daemon=True).start()
    try:
        result, error = answers.get(timeout=ANSWER_SECONDS)
    except Empty:
        raise KeyringUnusable(
            f"the keyring did not answer within {ANSWER_SECONDS:.0f} seconds; it may be waiting to be unlocked"
        ) from None
    if error is not None:
        raise KeyringUnusable(reason_of(error)) from error
    return result  # type: ignore[return-value]


def reason_of(error: BaseException) -> str:
    """Why a keyring failed, in a few words and never with a secret in them."""
    from keyring.errors import KeyringLocked, NoKeyringError

    if isinstance(error, NoKeyringError):
        return "no keyring is installed or running here"
    if isinstance(error, KeyringLocked) or "locked" in str(error).lower() or "dismissed" in str(error).lower():
        return "the keyring is locked"
    return f"the keyring failed with {type(error).__name__}"


def is_unusable(backend: object) -> bool:
    """Whether a keyring backend only stands in for a missing one."""
    module = type(backend).__module__
    if module.endswith((".fail", ".null")):
        return True
    backends = getattr(backend, "backends", None) if module.endswith(".chainer") else None
    return backends is not None and not list(backends)


def decode(text: str) -> dict[str, str]:
    """The secrets of a keyring entry."""
    try:
        secrets = json.loads(text)
    except ValueError:
        raise KeyringUnusable("its entry was not written by eventwire") from None
    if not isinstance(secrets, dict):
        raise KeyringUnusable("its entry was not written by eventwire")
    return {str(field): str(value) for field, value in secrets.items()}


def service_of(project: str) -> str:
    """What the keyring calls the service of a project's secrets."""
    return f"eventwire:{project}"


def user_of(account: str, environment: str) -> str:
    """What the keyring calls the user of an account's secrets."""
    return f"{account}.{environment}"


def credential_error(reason: str, variables: list[str]) -> CredentialError:
    """The error for a keyring that cannot be used, with both ways out."""
    return CredentialError(
        f"The OS keyring cannot be used: {reason}.",
        next_step=WAYS_OUT.format(variables=" and ".join(variables)),
    )
