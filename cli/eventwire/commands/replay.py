"""`eventwire replay`: runs of the journal once more, by today's project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.terminal import completion
from eventwire.terminal.options import command

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.argument("runs", metavar="[RUN]…", nargs=-1, shell_complete=completion.runs)
@click.option("--event", metavar="EVENT", shell_complete=completion.events, help="Runs of this event.")
@click.option("--filter", "filters", multiple=True, metavar="FILTER[/ACTION]", help="Only these filters or actions.")
@click.option(
    "--status",
    type=click.Choice(["succeeded", "partial", "failed", "unknown"]),
    help="Runs with this status; failed and unknown: with an action that is, and that no replay has done since.",
)
@click.option("--since", metavar="T", help="Runs since then: 30m, 2h or 3d ago, or 2026-11-23T15:00:00Z.")
@click.option("--until", metavar="T", help="Runs until then.")
@click.option("--plan", is_flag=True, help="Only show what would be sent, and what has changed since.")
@click.option("--again", is_flag=True, help="Send what is done too, under new idempotency keys: it happens twice.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--concurrency", type=click.IntRange(1, 1000), default=16, show_default=True, help="Runs at once.")
def replay(
    session: Session,
    runs: tuple[str, ...],
    event: str | None,
    filters: tuple[str, ...],
    status: str | None,
    since: str | None,
    until: str | None,
    plan: bool,
    again: bool,
    yes: bool,
    concurrency: int,
) -> int:
    """The plan comes first: by today's project, which actions are sent as they were, which differently, which are new,
    which no longer; then --yes. What succeeded is skipped, so that an interrupted replay goes on when it is asked for
    again; what is unknown may have happened, and is sent only where its run is named or --status unknown asks for it.
    Idempotency keys are kept: a service that knows a key does nothing twice. An interrupted --again names the file, @FILE,
    of what it had not come to.
    """
    from eventwire.terminal.replaying import Wish, replay_runs

    return replay_runs(session, Wish(runs, event, filters, status, since, until, plan, again, yes, concurrency))
