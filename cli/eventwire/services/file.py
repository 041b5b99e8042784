"""Files on this machine: lines of JSON, appended."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

from msgspec import Struct

from eventwire.errors import Rejected, Unavailable
from eventwire.fields import Context, Field, FieldType
from eventwire.language.payloads import encode_json
from eventwire.services.declare import Credentials, Operation, Request, Service, Target, Values


class Folder(Struct, frozen=True):
    """A folder that lines are appended in."""

    path: Path

    async def close(self) -> None:
        """Nothing stays open between two lines."""


async def connect(credentials: Credentials) -> Folder:
    """The account's folder, made where it is missing."""
    folder = Path(credentials.base) / str(credentials.settings["folder"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise translate(error, folder) from error
    return Folder(folder.resolve())


async def verify(folder: Folder) -> str:
    """Proves that the folder can be written to."""
    if not os.access(folder.path, os.W_OK | os.X_OK):
        raise Rejected(f"The folder {folder.path} cannot be written to.", next_step="Change its permissions.")
    return f"folder {folder.path}"


def build(values: Values, target: Target) -> Request:
    """The file within the folder, and the line without its end."""
    return {"file": str(values["file"]), "line": encode_json(values["line"])}


async def append(folder: Folder, request: Request) -> Any:
    """Append the line, whole or not at all."""
    from asyncio import to_thread

    path = inside(folder.path, request["file"])
    line = (request["line"] + "\n").encode()
    return {"file": str(path), "bytes": await to_thread(append_line, path, line)}


def append_line(path: Path, line: bytes) -> int:
    """Append a line so that parallel writers, other processes too, never mix theirs into it.

    O_APPEND makes each write begin at the end; the lock keeps others out in case one write takes only part of the line.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # O_NONBLOCK: opening a pipe must not wait for its reader
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
    except OSError as error:
        raise translate(error, path) from error
    try:
        append_to(descriptor, line)
    except OSError as error:
        raise translate(error, path) from error
    finally:
        os.close(descriptor)
    return len(line)


def append_to(descriptor: int, line: bytes) -> None:
    """Append a line to an open file, or leave the file as it was. Raises OSError."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(errno.EINVAL, "Not a regular file")
    lock(descriptor)
    size = os.fstat(descriptor).st_size
    # what was cut off in the middle of a line, by a crash or by hand, must not swallow this one
    begun = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
    try:
        write_whole(descriptor, b"\n" + line if begun else line)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def write_whole(descriptor: int, line: bytes) -> None:
    """Write all bytes; one write nearly always takes them all."""
    left = memoryview(line)
    while left:
        left = left[os.write(descriptor, left) :]


def lock(descriptor: int) -> None:
    """Keep other writers out until the file is closed."""
    try:
        from fcntl import LOCK_EX, flock
    except ImportError:  # not there on Windows, where O_APPEND has to do
        return
    flock(descriptor, LOCK_EX)


def inside(folder: Path, name: str) -> Path:
    """The file's path. Raises Rejected where it leaves the folder, by `..` or by a link."""
    try:
        path = (folder / name).resolve()
    except (ValueError, OSError, RuntimeError) as error:
        raise Rejected(f"{name!r} cannot be the name of a file: {error}.") from error
    if path == folder or not path.is_relative_to(folder):
        raise Rejected(f'The file "{name}" is not inside the folder {folder}.', next_step="Name a file within it.")
    return path


def translate(error: OSError, path: Path) -> Unavailable | Rejected:
    """An error of the file system: a full disk may pass, anything else will not by itself."""
    message = f"{path}: {error.strerror}."
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Unavailable(message, sent=False, next_step="Make room.")
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return Unavailable(message, sent=False)
    return Rejected(message, next_step="Check the folder and its permissions.")


SERVICE = Service(
    name="file",
    label="File",
    summary="Appends lines to files on this machine.",
    documentation="https://jsonlines.org",
    fields=(
        Field(
            "folder",
            "Folder",
            required=True,
            example="output",
            help="Relative to the project's folder; made where it is missing.",
        ),
    ),
    connect=connect,
    verify=verify,
    operations=(
        Operation(
            name="append",
            summary="Appends a line of JSON to a file; parallel writers never mix their lines.",
            fields=(
                Field(
                    "file",
                    "File",
                    context=Context.PATH,
                    required=True,
                    example="customers.ndjson",
                    help="Within the account's folder; made where it is missing.",
                ),
                Field(
                    "line",
                    "Line",
                    type=FieldType.ANY,
                    context=Context.JSON,
                    required=True,
                    example={"id": "{id}", "name": "{name}"},
                    help="Any JSON value, on one line.",
                ),
            ),
            build=build,
            send=append,
            example={"file": "customers.ndjson", "line": {"id": "{id}", "name": "{name}"}},
        ),
    ),
)
