"""What the services share about TLS: whom to trust, and what is wrong with a server's certificate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from eventwire.errors import Rejected
from eventwire.fields import Field
from eventwire.services.declare import Credentials

if TYPE_CHECKING:
    from ssl import SSLContext

BESIDE = "A PEM file, relative to the project's folder: trusted beside the system's own authorities."
INSTEAD = "A PEM file, relative to the project's folder: trusted instead of the system's own authorities."
NOT_TRUSTED = "Trust whoever signed it: give the account its certificate as `ca-file`."


def ca_field(help: str, when: tuple[str, tuple[str | bool, ...]] | None = None) -> Field:
    """The setting for certificate authorities of one's own."""
    return Field("ca-file", "Certificate authorities", example="certificates/ca.pem", help=help, when=when)


def ca_file(credentials: Credentials) -> Path | None:
    """The account's file of certificate authorities, or None. Raises Rejected where it holds none."""
    setting = credentials.settings.get("ca-file")
    if not setting:
        return None
    from ssl import PROTOCOL_TLS_CLIENT, SSLContext, SSLError

    path = Path(credentials.base) / str(setting)
    try:
        SSLContext(PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except SSLError as error:
        raise unreadable(path, "it holds no certificate in PEM form") from error
    except (OSError, ValueError) as error:
        raise unreadable(path, getattr(error, "strerror", None) or str(error)) from error
    return path


def certificates(credentials: Credentials) -> list[bytes]:
    """The account's own authorities, each in PEM form. Raises Rejected for a broken `ca-file`."""
    import re

    path = ca_file(credentials)
    return (
        re.findall(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", path.read_bytes(), re.S) if path else []
    )


def unreadable(path: Path, reason: str) -> Rejected:
    """The error for a `ca-file` that cannot be used."""
    return Rejected(
        f"The account's ca-file {path} cannot be used: {reason}.",
        next_step="Name a PEM file of certificate authorities in `ca-file`, or leave it out to trust the system's.",
    )


def trust(credentials: Credentials, *, instead: bool = False) -> SSLContext:
    """A context that proves a server's certificate and its name, by the system's authorities and the account's own.

    With `instead` the account's own are the only ones, where it has some. Raises Rejected for a broken `ca-file`.
    """
    from ssl import create_default_context

    path = ca_file(credentials)
    if path and instead:
        return create_default_context(cafile=path)
    context = create_default_context()
    if path:
        context.load_verify_locations(cafile=path)
    return context


def certificate_problem(error: BaseException) -> str | None:
    """What is wrong with the server's certificate where that is behind an error, in OpenSSL's words; else None."""
    from ssl import SSLCertVerificationError

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, SSLCertVerificationError):
            return cause.verify_message.rstrip(".")
        cause = cause.__cause__ or cause.__context__
    return None


def not_trusted(label: str, address: str, problem: str) -> Rejected:
    """The error for a server whose certificate proves nothing."""
    return Rejected(
        f"{label} at {address} shows a certificate that is not trusted: {problem}.",
        next_step=NOT_TRUSTED,
    )
