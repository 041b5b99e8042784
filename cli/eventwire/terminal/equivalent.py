"""The one-line command that an interactive flow amounts to."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from eventwire.terminal.session import Session


def say_equivalent(session: Session, command: str, arguments: Sequence[str]) -> None:
    """Print the command that would have done the same without asking."""
    line = shlex.join(["eventwire", command, *arguments])
    session.say(f"{session.style('The same as a command:', 'dim', stream='stderr')}\n  {line}")
