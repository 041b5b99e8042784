"""Reading a project: whole for a run, or with everything that is wrong with it."""

from __future__ import annotations

from pathlib import Path

from eventwire.errors import Problem, ProjectError
from eventwire.project.load import check_samples, load
from eventwire.project.model import Project


def read_project(folder: Path) -> Project:
    """The project in a folder. Raises ProjectError with everything that keeps it from running."""
    project, report = load(folder)
    if report.has_errors:
        raise ProjectError([problem for problem in report.problems() if problem.severity == "error"])
    return project


def check_project(folder: Path) -> list[Problem]:
    """Everything that is wrong or doubtful about the project in a folder, samples included, in the file's order."""
    try:
        project, report = load(folder)
    except ProjectError as error:
        return list(error.problems)
    return [*report.problems(), *check_samples(project)]
