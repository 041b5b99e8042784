"""Files of the project: written atomically, one editor at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from eventwire.errors import EventwireError
from eventwire.project.locate import state_folder, unwritable

# Another command holds the lock for milliseconds.
LOCK_SECONDS = 10.0


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only one who edits the project. Raises EventwireError where another does not let go."""
    path = state_folder(folder) / "lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        acquire(descriptor, path)
        yield
    finally:
        os.close(descriptor)  # which lets go of the lock


def acquire(descriptor: int, path: Path) -> None:
    """Wait for the lock, up to LOCK_SECONDS. Raises EventwireError."""
    # the library filelock imports asyncio, 80 ms at start-up, and does the same
    from fcntl import LOCK_EX, LOCK_NB, flock

    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            flock(descriptor, LOCK_EX | LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                raise EventwireError(
                    f"Another eventwire command has been editing this project for {LOCK_SECONDS:.0f} seconds.",
                    next_step=f"See which one with: fuser -v {path}",
                ) from None
            time.sleep(0.01)


def write_atomically(path: Path, text: str) -> None:
    """Write a file whole or not at all; a link is followed, the mode kept. Raises EventwireError."""
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            if path.exists():
                os.fchmod(file.fileno(), path.stat().st_mode & 0o7777)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:  # Ctrl-C as well: nothing half written is left behind
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise unwritable(path, error) from error
        raise


def keep_private(path: Path) -> None:
    """Make a file where there is none, and see that only this user can read it. Raises OSError.

    One that is there is not opened: closing it again would take the locks from whoever has it open in this process, and
    SQLite would let another process pull it away (sqlite.org/howtocorrupt.html, section 2.2).
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
