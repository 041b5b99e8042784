"""Who runs a run: a process, which the journal knows by a name, and which is alive as long as it holds its lock.

A lock on a file ends with its process, however that ends, and is not fooled by a process number that is given again or
a clock that jumps.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path

FOLDER = "owners"


class Owner:
    """This process, as one who runs runs."""

    def __init__(self, state_folder: Path) -> None:
        """Take a new name and its lock. Raises OSError."""
        folder = state_folder / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        self.name = f"{os.getpid()}-{secrets.token_hex(6)}"
        self._path = folder / self.name
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        flock(self._descriptor, LOCK_EX)

    def close(self) -> None:
        """Let go of the lock: what is still running is nobody's now."""
        with suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)


def is_alive(state_folder: Path, owner: str) -> bool:
    """Whether a process that ran runs is still there."""
    try:
        descriptor = os.open(state_folder / FOLDER / owner, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # shared: of several who look at the same moment, none takes another for the owner
        flock(descriptor, LOCK_SH | LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def forget(state_folder: Path, owner: str) -> None:
    """Remove the lock of a process that is gone, once nothing in the journal names it any more."""
    with suppress(OSError):
        (state_folder / FOLDER / owner).unlink()
