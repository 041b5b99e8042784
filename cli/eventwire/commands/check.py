"""`eventwire check`: every error of the project at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from eventwire.errors import ExitCode, Problem
from eventwire.project.read import check_project, read_project
from eventwire.terminal.excerpts import fit_excerpts
from eventwire.terminal.options import command
from eventwire.terminal.project import project_folder
from eventwire.terminal.session import is_terminal

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.option("--online", is_flag=True, help="Also connect to every service account.")
@click.option("--format", "form", type=click.Choice(["text", "json", "sarif"]), default="text", show_default=True)
def check(session: Session, online: bool, form: str) -> int:
    """Each with its line and what to do about it. Exit code 3 where there is an error; warnings do not count."""
    folder = project_folder(session)
    problems = list(check_project(folder))
    errors = [problem for problem in problems if problem.severity == "error"]
    if online and not errors:
        from eventwire.terminal.online import check_online

        problems += check_online(session, read_project(folder))
        errors = [problem for problem in problems if problem.severity == "error"]
    print_problems(session, problems, "json" if session.json and form == "text" else form)
    return ExitCode.PROJECT if errors else ExitCode.DONE


def print_problems(session: Session, problems: Sequence[Problem], form: str) -> None:
    """The problems in the form asked for."""
    if form == "sarif":
        from eventwire.project.sarif import sarif

        session.out(session.encode(sarif(problems)))
    elif form == "json":
        session.out(
            session.encode({"problems": [problem.as_dict() for problem in problems], "count": counts(problems)})
        )
    elif problems:
        session.out("\n\n".join(draw(session, problem) for problem in problems))
        session.out(f"\n{summary(problems)}")
    else:
        session.out(session.style("✓ No problems found.", "ok") if session.shows_unicode else "No problems found.")


def draw(session: Session, problem: Problem) -> str:
    """A problem as text, its severity first."""
    colour = "bad" if problem.severity == "error" else "warn"
    text = fit_excerpts(str(problem), session.width) if is_terminal(session.stdout) else str(problem)
    return f"{session.style(problem.severity, colour)}: {text}"


def counts(problems: Sequence[Problem]) -> dict[str, int]:
    """How many there are of each severity."""
    return {kind: sum(problem.severity == kind for problem in problems) for kind in ("error", "warning")}


def summary(problems: Sequence[Problem]) -> str:
    """How many there are, in words."""
    return ", ".join(f"{count} {kind}{'s' * (count != 1)}" for kind, count in counts(problems).items() if count)
