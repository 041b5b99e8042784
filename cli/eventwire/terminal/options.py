"""The options every command has, and the first argument every command gets: its session."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from eventwire.terminal.help import Command
from eventwire.terminal.session import Session

if TYPE_CHECKING:
    from pathlib import Path

Function = Callable[..., Any]


def command(function: Function) -> click.Command:
    """Make a click command of `function(session, …)`. Its docstring becomes the help that follows its summary."""

    @click.pass_obj
    def run(session: Session, /, project: Path | None, no_input: bool, json: bool, **arguments: Any) -> Any:
        session.take_options(project, no_input, json)
        return function(session, **arguments)

    made = Command(
        name=function.__name__, callback=run, params=common_options(), help=inspect.cleandoc(function.__doc__ or "")
    )
    made.params = [*getattr(function, "__click_params__", [])[::-1], *made.params]
    return made


def common_options() -> list[click.Parameter]:
    """`--project`, `--no-input` and `--json`, anew for each command."""
    from pathlib import Path

    return [
        click.Option(
            ["--project"],
            type=click.Path(path_type=Path, file_okay=False),
            metavar="DIR",
            help="The project's folder; otherwise it is looked for from here upwards.",
        ),
        click.Option(["--no-input"], is_flag=True, help="Never ask; list what is missing and exit with 2."),
        click.Option(["--json"], is_flag=True, help="Print one JSON document; errors too."),
    ]
