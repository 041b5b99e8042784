"""Secrets given by flags: `--test-secret password=env:VAR`, `=file:PATH` or `=-`, never the value itself."""

from __future__ import annotations

from collections.abc import Sequence

from eventwire.accounts.lookup import Holder
from eventwire.errors import CredentialError, UsageError
from eventwire.terminal.assignments import find_field
from eventwire.terminal.session import Session

SOURCES = "Its source is env:VARIABLE, file:PATH or - (standard input)."


def read_secret_flags(session: Session, holder: Holder, given: Sequence[str], flag: str) -> dict[str, str]:
    """The secrets of `K=SOURCE` flags. Raises UsageError, CredentialError; a value given by mistake is not repeated."""
    secrets = {}
    for assignment in given:
        name, separator, source = assignment.partition("=")
        if not separator:
            raise UsageError(f"{flag} takes KEY=SOURCE.", next_step=SOURCES)
        field = find_field(name, {each.name: each for each in holder.secrets}, flag)
        secrets[field.name] = read_source(session, source, f"{flag} {name}")
    return secrets


def read_source(session: Session, source: str, flag: str) -> str:
    """The secret behind a source, without the line end that files and pipes put after it."""
    kind, _, rest = source.partition(":")
    if source == "-":
        value = read_stdin(session, flag)
    elif kind == "env" and rest:
        value = session.environ.get(rest, "")
    elif kind == "file" and rest:
        value = read_file(session, rest, flag)
    else:
        raise UsageError(f"{flag} does not name a source.", next_step=f"Never the secret itself. {SOURCES}")
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise CredentialError(f"{flag}: there is nothing in {source if source != '-' else 'standard input'}.")
    return value


def read_stdin(session: Session, flag: str) -> str:
    """One line of standard input for each secret that comes from there; hidden where it is typed."""
    if session.interactive:
        from eventwire.terminal.prompts import ask_secret

        return ask_secret(session, f"{flag.split()[-1]}:")
    return session.stdin.readline()


def read_file(session: Session, name: str, flag: str) -> str:
    """A file's text. Raises CredentialError."""
    try:
        return (session.working_folder / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise CredentialError(f"{flag}: the file {name} cannot be read: {reason}.") from error
