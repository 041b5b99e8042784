"""The secrets of sources: looked up as those of service accounts are, by the source's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from eventwire.accounts import keyring
from eventwire.accounts.lookup import Lookup, look_up
from eventwire.errors import CredentialError
from eventwire.project.sources import KINDS

if TYPE_CHECKING:
    from eventwire.project.model import Source


def look_up_source(source: Source, project: str, environ: Mapping[str, str]) -> Lookup:
    """Find each secret of a source, in the environment or in the keyring."""
    return look_up(
        KINDS[source.kind],
        source.settings,
        project=project,
        account=source.name,
        environment=source.environment,
        environ=environ,
    )


def find_source_secrets(source: Source, project: str, environ: Mapping[str, str]) -> dict[str, str]:
    """A source's secrets, by field. Raises CredentialError where one is found nowhere."""
    lookup = look_up_source(source, project, environ)
    if lookup.missing:
        raise missing_secrets(source, lookup)
    return {each.declared.name: each.value for each in lookup.secrets if each.value is not None}


def missing_secrets(source: Source, lookup: Lookup) -> CredentialError:
    """The error for secrets that were found nowhere, with every way to give them."""
    variables = [each.variable for each in lookup.missing]
    if lookup.keyring_problem:
        return keyring.credential_error(lookup.keyring_problem, variables)
    names = " and ".join(f'"{each.declared.name}"' for each in lookup.missing)
    flags = " ".join(f"--secret {each.declared.name}=-" for each in lookup.missing)
    return CredentialError(
        f'The source "{source.name}" has no {names} for {source.environment}: '
        "it is neither in the environment nor in the OS keyring.",
        next_step=f"Set {' and '.join(variables)}, or store it with: eventwire add:source {source.name} {flags}",
    )
