"""`eventwire run`: one event, or many, through the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.terminal import completion
from eventwire.terminal.options import command

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.argument("event", required=False, shell_complete=completion.events)
@click.option("--data", metavar="JSON|@FILE|@-", help="The payload; otherwise samples/EVENT.json.")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Change one property of the payload.")
@click.option("--live", is_flag=True, help="Use the live credentials. Asks first; off a terminal it needs --yes.")
@click.option("--yes", is_flag=True, help="Do not ask before --live.")
@click.option("--dry-run", is_flag=True, help="Show what would be sent; send nothing.")
@click.option("--explain", is_flag=True, help="Show why each filter matched or not, clause by clause.")
@click.option(
    "--only", multiple=True, metavar="FILTER[/ACTION]", shell_complete=completion.selections, help="Deliver only these."
)
@click.option(
    "--key",
    metavar="IDEMPOTENCY_KEY",
    help="The same key gives the first run's result, and runs nothing; with --each of wildcards: 'order-{id}'.",
)
@click.option("--each", metavar="@FILE.ndjson", help="Run every line of a file, or of @- for standard input.")
@click.option(
    "--concurrency", type=click.IntRange(1, 10_000), default=64, show_default=True, help="Events of --each at once."
)
@click.option("--detach", is_flag=True, help="Leave further attempts of what fails to serve or recover.")
def run(
    session: Session,
    event: str | None,
    data: str | None,
    settings: tuple[str, ...],
    live: bool,
    yes: bool,
    dry_run: bool,
    explain: bool,
    only: tuple[str, ...],
    key: str | None,
    each: str | None,
    concurrency: int,
    detach: bool,
) -> int:
    """The payload is validated, the filters decide, and the actions of all that match run in parallel.

    Test credentials are used unless --live says otherwise. Exit code 5: an action failed; the rest went on.
    """
    # the engine is imported here, so that help and completion do not wait for it
    from eventwire.terminal.running import Wish, run_event

    wish = Wish(data, settings, live, yes, dry_run, explain, only, key, each, concurrency, detach)
    return run_event(session, event, wish)
