"""`eventwire test`: pipeline tests, without sending anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.terminal.options import command
from eventwire.terminal.project import open_project

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path())
@click.option("--junit", metavar="FILE", type=click.Path(), help="Also write the results as JUnit XML.")
@click.option("--update", is_flag=True, help="Expect from now on what came of the tests, after showing how it differs.")
@click.option("--yes", is_flag=True, help="Update without asking.")
def test(session: Session, paths: tuple[str, ...], junit: str | None, update: bool, yes: bool) -> int:
    """Each test is an event, the filters that are expected to match it, and the requests that are expected to be sent.
    PATH is a file, a folder, or FILE::TEST; without one it is all of tests/. Nothing is sent, and no credentials are
    needed. Exit code 1 where a test fails.
    """
    from eventwire.terminal.pipeline_tests import run_pipeline_tests

    return run_pipeline_tests(session, open_project(session), paths, junit=junit, update=update, yes=yes)
