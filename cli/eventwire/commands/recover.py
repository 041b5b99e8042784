"""`eventwire recover`: runs that a crash or `--detach` left over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventwire.terminal.options import command

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
def recover(session: Session) -> int:
    """Deliveries that never started run. Those that had started run again where that is safe or the request carries an
    idempotency key; the others are unknown: they are shown by `inspect`, and wait for `replay` or `inspect --resolve`.
    Test and live runs alike, each in its own environment, as they were accepted.
    """
    from eventwire.terminal.recovering import recover as recover_runs

    return recover_runs(session)
