"""A new project: exactly what project_template/ holds, with its name."""

from __future__ import annotations

import shutil
from pathlib import Path

from eventwire.errors import EventwireError, UsageError
from eventwire.project.files import write_atomically
from eventwire.project.locate import unwritable
from eventwire.project.names import cannot_be_named, name_problem, proposal
from eventwire.project.toml import PROJECT_FILE
from eventwire.project.written import toml_text

TEMPLATE_NAME = 'name = "my-project"'


def template_folder() -> Path:
    """The template: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "project_template"
    return inside if inside.is_dir() else package.parent.parent / "project_template"


def write_project(folder: Path, name: str | None) -> list[Path]:
    """Write the template into a folder; returns the files. Raises UsageError where one of them is there already."""
    name = name or proposal(folder.absolute().name)
    problem = name_problem(name)
    if problem:
        raise UsageError(f"{cannot_be_named(name, 'project')}.", next_step=problem)
    template = template_folder()
    files = sorted(path.relative_to(template) for path in template.rglob("*") if path.is_file())
    for file in files:
        if (folder / file).exists() and file.name != ".gitignore":
            raise UsageError(f"{folder / file} exists already.", next_step="Choose a folder without a project.")
    try:
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            copy(template / file, folder / file, name)
    except OSError as error:
        remove_again(folder, files)
        raise unwritable(folder, error) from error
    except EventwireError:
        remove_again(folder, files)
        raise
    return files


def copy(source: Path, target: Path, name: str) -> None:
    """Copy a file of the template; the project file gets the project's name, a .gitignore of the user's is kept."""
    if source.name == PROJECT_FILE:
        text = source.read_text(encoding="utf-8")
        write_atomically(target, text.replace(TEMPLATE_NAME, f"name = {toml_text(name)}", 1))
    elif not target.exists():
        shutil.copyfile(source, target)


def remove_again(folder: Path, files: list[Path]) -> None:
    """Take back what was written before something failed."""
    for file in files:
        if file.name != ".gitignore":
            (folder / file).unlink(missing_ok=True)
