"""Secrets in environment variables: `EVENTWIRE_<ACCOUNT>_<ENV>_<FIELD>`."""

from __future__ import annotations

from collections.abc import Mapping


def variable_name(account: str, environment: str, field: str) -> str:
    """The environment variable that holds a secret: upper case, `-` as `_`."""
    return f"EVENTWIRE_{account}_{environment}_{field}".replace("-", "_").upper()


def secret_in_environment(environ: Mapping[str, str], account: str, environment: str, field: str) -> str | None:
    """The secret's value, or None where its variable is unset or empty."""
    return environ.get(variable_name(account, environment, field)) or None
