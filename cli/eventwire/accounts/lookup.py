"""Where a secret comes from: first the environment, then the OS keyring."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from eventwire.accounts import keyring
from eventwire.accounts.environment import secret_in_environment, variable_name
from eventwire.errors import CredentialError
from eventwire.fields import Field
from eventwire.services.declare import Credentials, Service
from eventwire.services.setting_up import set_up_command


class Holder(Protocol):
    """What has secrets: a service's accounts, or a kind of source."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """Its declared fields."""

    @property
    def secrets(self) -> tuple[Field, ...]:
        """Those of them that are secret."""


class Secret(Struct, frozen=True):
    """One secret field of an account: its value and where it was found. Its `repr` shows no value."""

    declared: Field
    variable: str
    """The environment variable that would hold it."""
    value: str | None
    source: str | None
    """`environment`, `keyring`, or None where it was found in neither."""

    def __repr__(self) -> str:
        return f"Secret({self.variable}, from {self.source})"


class Lookup(Struct, frozen=True):
    """What was found of an account's secrets in one environment."""

    secrets: tuple[Secret, ...]
    keyring_problem: str | None
    """Why the keyring could not be used, where it was needed and could not be."""

    @property
    def missing(self) -> list[Secret]:
        """The required secrets that were found nowhere."""
        return [secret for secret in self.secrets if secret.value is None and secret.declared.required]


def look_up(
    holder: Holder,
    settings: Mapping[str, Any],
    *,
    project: str,
    account: str,
    environment: str,
    environ: Mapping[str, str],
) -> Lookup:
    """Find each secret that an account with these settings has, in the environment or in the keyring.

    The keyring is opened only where the environment does not hold every secret.
    """
    fields = {each.name: each for each in holder.fields}
    wanted = [each for each in holder.secrets if each.applies(settings, fields)]
    found = {each.name: secret_in_environment(environ, account, environment, each.name) for each in wanted}
    kept: dict[str, str] = {}
    problem = None
    if None in found.values():
        try:
            kept = keyring.read_secrets(project, account, environment)
        except keyring.KeyringUnusable as error:
            problem = str(error)
    return Lookup(
        tuple(secret_of(each, found[each.name], kept.get(each.name), account, environment) for each in wanted),
        problem,
    )


def secret_of(each: Field, in_environment: str | None, in_keyring: str | None, account: str, env: str) -> Secret:
    """A secret from the two places it can be in; the environment comes first."""
    variable = variable_name(account, env, each.name)
    if in_environment is not None:
        return Secret(each, variable, in_environment, "environment")
    return Secret(each, variable, in_keyring, "keyring" if in_keyring is not None else None)


def find_credentials(
    service: Service,
    settings: Mapping[str, Any] | None,
    *,
    project: str,
    account: str,
    environment: str,
    environ: Mapping[str, str],
    base: Path,
) -> Credentials:
    """An account's settings and secrets in one environment, ready to connect with.

    Raises CredentialError where the account has no set for that environment, a required secret is found nowhere, or
    a secret is plainly the other environment's.
    """
    if settings is None:
        raise missing_settings(service, account, environment)
    lookup = look_up(service, settings, project=project, account=account, environment=environment, environ=environ)
    if lookup.missing:
        raise missing_secrets(account, environment, lookup)
    secrets = {secret.declared.name: secret.value for secret in lookup.secrets if secret.value is not None}
    credentials = Credentials(with_defaults(service, settings), secrets, environment, str(base))
    wrong = service.check_credentials(credentials) if service.check_credentials else None
    if wrong:
        raise CredentialError(
            f'The {environment} credentials of the service account "{account}" cannot be used: {wrong}',
            next_step=f"Give others with: eventwire add:service-account {account}",
        )
    return credentials


def missing_settings(service: Service, account: str, environment: str) -> CredentialError:
    """The error for an account that has no set for an environment, with the command that adds one."""
    return CredentialError(
        f'The service account "{account}" has no {environment} settings.',
        next_step=f"Add them with: {set_up_command(account, service, [environment])}",
    )


def missing_secrets(account: str, environment: str, lookup: Lookup) -> CredentialError:
    """The error for secrets that were found nowhere, with every way to give them."""
    variables = [secret.variable for secret in lookup.missing]
    if lookup.keyring_problem:
        return keyring.credential_error(lookup.keyring_problem, variables)
    names = " and ".join(f'"{secret.declared.name}"' for secret in lookup.missing)
    sources = " ".join(f"--{environment}-secret {secret.declared.name}=-" for secret in lookup.missing)
    return CredentialError(
        f'The service account "{account}" has no {names} for {environment}: '
        "it is neither in the environment nor in the OS keyring.",
        next_step=f"Set {' and '.join(variables)}, or store it with: eventwire add:service-account {account} {sources}",
    )


def with_defaults(service: Service, settings: Mapping[str, Any]) -> dict[str, Any]:
    """An account's settings with the declared defaults filled in."""
    defaults = {each.name: each.default for each in service.fields if each.default is not None and not each.secret}
    return defaults | dict(settings)
