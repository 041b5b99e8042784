"""The command that gives a service account what it still waits for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from shlex import quote
from typing import Any

from eventwire.fields import Field
from eventwire.services.declare import Service


def set_up_command(
    account: str, service: Service, environments: Sequence[str] = ("test",), known: Mapping[str, Any] | None = None
) -> str:
    """The `add:service-account` line for an account: what its service needs, in each environment.

    A setting that is `known` stands there with its value, any other as its name in capitals, to be replaced; secrets
    are read from standard input.
    """
    parts = [f"eventwire add:service-account {account} --service {service.name}"]
    for environment in environments:
        parts += arguments(service, environment, known or {})
    return " ".join(parts)


def arguments(service: Service, environment: str, known: Mapping[str, Any]) -> Iterator[str]:
    """The flags of one environment."""
    for each in asked_fields(service, known):
        if each.secret:
            yield f"--{environment}-secret {each.name}=-"
        else:
            value = str(known.get(each.name, each.name.upper()))
            yield f"--{environment} {quote(f'{each.name}={value}')}"


def asked_fields(service: Service, known: Mapping[str, Any]) -> list[Field]:
    """What is required or known, and the secrets; where no setting is, the first one, since a default rarely fits."""
    fields = {each.name: each for each in service.fields}
    applying = [each for each in service.fields if each.applies(known, fields)]
    asked = [each for each in applying if each.secret or each.name in known or (each.required and each.default is None)]
    only_secrets = all(each.secret for each in asked)
    first = applying[0] if applying else None
    return [first, *asked] if first and only_secrets and not any(each.required for each in asked) else asked
