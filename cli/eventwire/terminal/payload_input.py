"""The payload a user gives: `--data JSON|@FILE|@-`, `--set PATH=VALUE`, or the event's sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eventwire.errors import PayloadError, Place, UsageError, did_you_mean
from eventwire.language.models import Kind
from eventwire.language.paths import parse_path, put_at
from eventwire.language.payloads import read_payload
from eventwire.project.model import Event, Project
from eventwire.project.samples import read_sample, sample_path
from eventwire.terminal.session import Session

TEXT_KINDS = (Kind.STRING, Kind.DATE, Kind.DATE_TIME)


def read_given_payload(
    session: Session, project: Project, event: Event, data: str | None, settings: Sequence[str]
) -> dict[str, Any]:
    """The payload to run an event with. Raises PayloadError, UsageError."""
    if data is not None:
        payload = read_data(session, data)
    else:
        sample = read_sample(project.folder, event.name)
        if sample is None and not settings:
            raise UsageError(
                f'The event "{event.name}" has no sample to run with.',
                next_step=f"Give a payload with --data, or write {sample_path(project.folder, event.name)}",
            )
        payload = dict(sample or {})
    for setting in settings:
        set_value(payload, event, setting)
        warn_of_unknown(session, event, setting.partition("=")[0])
    return payload


def warn_of_unknown(session: Session, event: Event, path: str) -> None:
    """Say that the model does not know a path: the payload may hold more than the model says, but it may be a slip."""
    if session.json or event.model.find(path) is not None:
        return
    hint = did_you_mean(path, event.model.names_beside(parse_path(path)))
    told = f"The model of {event.name} has no property {path}; no condition and no wildcard can use it."
    session.say(" ".join(filter(None, (session.style("Warning:", "warn", stream="stderr"), told, hint))))


def read_data(session: Session, data: str) -> dict[str, Any]:
    """The payload of `--data`: JSON itself, a file, or standard input."""
    if not data.startswith("@"):
        return located(data, None)
    if data == "@-":
        return located(read_bytes_of_stdin(session), "standard input")
    path = session.working_folder / data[1:]
    return located(read_file(path), str(data[1:]))


def located(body: bytes | str, name: str | None) -> dict[str, Any]:
    """A payload from a file or a flag; what is wrong with it says which file."""
    try:
        return read_payload(body)
    except PayloadError as error:
        place = error.place
        if name is not None:
            place = Place(name, place.line, place.column) if place else Place(name)
        raise PayloadError(
            error.message, violations=error.violations, next_step=error.next_step, place=place
        ) from error


def read_file(path: Path) -> bytes:
    """A file's bytes. Raises UsageError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"The file {path} cannot be read: {error.strerror}.", next_step="Name a file after @, or @- for stdin."
        ) from error


def read_bytes_of_stdin(session: Session) -> bytes:
    """All of standard input."""
    if session.interactive:
        session.say("Reading the payload from the terminal; end it with Ctrl-D.")
    buffer = getattr(session.stdin, "buffer", None)
    return buffer.read() if buffer is not None else session.stdin.read().encode()


def set_value(payload: dict[str, Any], event: Event, setting: str) -> None:
    """Put one `PATH=VALUE` into a payload, as the type the model says. Raises UsageError."""
    path_text, separator, text = setting.partition("=")
    if not separator or not path_text:
        raise UsageError(f'"{setting}" is not PATH=VALUE.', next_step="For example: --set address.city=Recife")
    try:
        put_at(payload, parse_path(path_text), value_of(event, path_text, text))
    except LookupError:
        raise no_such_place(setting) from None


def no_such_place(setting: str) -> UsageError:
    """The error for a path that leads nowhere in the payload."""
    return UsageError(
        f'The path of --set "{setting}" leads nowhere in the payload.',
        next_step="Array elements are set from [0] on, one after the other.",
    )


def value_of(event: Event, path: str, text: str) -> Any:
    """A value as the model's type; where the model does not say, JSON if it is JSON, else text."""
    declared = event.model.find(path)
    if declared is not None and declared.kind in TEXT_KINDS:
        return text
    try:
        read = read_payload('{"value":' + text + "}")
    except PayloadError:
        return text
    # the text may close the object, and go on
    return read["value"] if len(read) == 1 and "value" in read else text
