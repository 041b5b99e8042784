"""The help of commands, in terminals of any width."""

from __future__ import annotations

from collections.abc import Iterable

import click

NARROW = 52  # columns: click's help is never narrower by itself


class HelpFormatter(click.HelpFormatter):
    """click's, but that what stands on the left of a list leaves room for what it means."""

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        super().write_dl(rows, min(col_max, self.width // 3) if self.width < NARROW else col_max, col_spacing)


class HelpContext(click.Context):
    """The context of every command."""

    formatter_class = HelpFormatter


class Command(click.Command):
    """A command whose help fits the terminal."""

    context_class = HelpContext
