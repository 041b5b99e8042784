"""Finding the project that a command works on, and the folder for its journal and caches."""

from __future__ import annotations

import os
from pathlib import Path

from eventwire.errors import EventwireError, ExitCode
from eventwire.project.toml import PROJECT_FILE

STATE_FOLDER = ".eventwire"


class NoProject(EventwireError):
    """There is no project here."""

    exit_code = ExitCode.PROJECT
    code = "no-project"


def find_project(start: Path, override: Path | None = None) -> Path:
    """The folder that holds eventwire.toml: `override`, or the first from `start` upwards. Raises NoProject."""
    if override is not None:
        return _given_project(override)
    start = start.absolute()
    for folder in (start, *start.parents):
        if _holds_project(folder):
            return folder
    raise NoProject(
        f"There is no {PROJECT_FILE} in {start} or in a folder above it.",
        next_step="Begin a project here with: eventwire init",
    )


def _given_project(folder: Path) -> Path:
    folder = folder.parent if folder.name == PROJECT_FILE else folder
    if _holds_project(folder):
        return folder.absolute()
    raise NoProject(
        f"There is no {PROJECT_FILE} in {folder}.",
        next_step=f"Begin a project there with: eventwire init {folder}",
    )


def _holds_project(folder: Path) -> bool:
    """Whether the project file is there. Raises EventwireError where this user may not even look."""
    try:
        return (folder / PROJECT_FILE).exists()
    except OSError as error:
        raise EventwireError(
            f"{folder} cannot be looked into: {error.strerror or error}.",
            next_step="See that you may enter the folder and read what is in it.",
        ) from error


def state_folder(project_folder: Path) -> Path:
    """The project's folder for its journal and caches; made where it is missing, for this user only, unseen by git."""
    folder = project_folder / STATE_FOLDER
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
            # a strict umask may have taken even the owner's rights
            folder.chmod(0o700)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder


def unwritable(path: Path, error: OSError) -> EventwireError:
    """What to say where something of the project cannot be written."""
    shown = os.fspath(path)
    if isinstance(error, FileExistsError | NotADirectoryError):
        return EventwireError(f"{shown} is in the way.", next_step=f"Remove or rename {shown}.")
    step = {
        28: "Free some space on the disk, then try again.",
        122: "Free some space within your quota, then try again.",
    }.get(error.errno or 0, "See that the folder may be written to, then try again.")
    return EventwireError(f"{shown} cannot be written: {error.strerror or error}.", next_step=step)
