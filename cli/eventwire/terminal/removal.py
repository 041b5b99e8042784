"""Removing a part of the project: what goes with it is said, then asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from eventwire.errors import UsageError
from eventwire.terminal.session import Session


def confirm_and_remove(
    session: Session, what: str, goes_with_it: Sequence[str], yes: bool, remove: Callable[[], object]
) -> None:
    """Say what goes, ask, and remove it. Raises UsageError off a terminal without --yes; a no changes nothing."""
    if goes_with_it and not session.json:
        session.say("\n".join([f"With {what} goes:", *(f"  {each}" for each in goes_with_it)]))
    if not yes:
        ask(session, what)
    remove()
    session.done({"removed": what, "with_it": list(goes_with_it)}, f"Removed {what}.")


def ask(session: Session, what: str) -> None:
    """Make sure it is meant."""
    if not session.interactive:
        raise UsageError(
            f"Removing {what} needs to be confirmed, and nobody is here.", next_step="Confirm it with --yes"
        )
    from eventwire.terminal.prompts import confirm

    if not confirm(session, f"Remove {what}?", default=False):
        raise click.Abort
