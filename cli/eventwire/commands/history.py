"""`eventwire history`: the runs that the journal has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.terminal import completion
from eventwire.terminal.options import command
from eventwire.terminal.project import project_folder

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.option("--event", metavar="EVENT", shell_complete=completion.events, help="Only this event's.")
@click.option(
    "--status",
    type=click.Choice(["running", "succeeded", "partial", "failed", "unknown"]),
    help="Only these. failed and unknown: with an action that is, and that no replay has done since.",
)
@click.option("--since", metavar="T", help="Only since then: 30m, 2h or 3d ago, or 2026-11-23T15:00:00Z.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=20, show_default=True, help="At most so many.")
def history(session: Session, event: str | None, status: str | None, since: str | None, limit: int) -> None:
    """The newest first, also while a run goes on. `eventwire inspect RUN` shows one of them."""
    from eventwire.terminal.history import show_history

    show_history(session, project_folder(session), event=event, status=status, since=since, limit=limit)
