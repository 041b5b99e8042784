"""`eventwire completion`: the script that makes a shell complete eventwire's commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.terminal.options import command

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(session: Session, shell: str) -> None:
    """\b
    bash: echo 'eval "$(eventwire completion bash)"' >> ~/.bashrc
    zsh:  echo 'eval "$(eventwire completion zsh)"' >> ~/.zshrc
    fish: eventwire completion fish > ~/.config/fish/completions/eventwire.fish
    """
    from click.shell_completion import FishComplete, ShellComplete, ZshComplete

    from eventwire.app import COMPLETE_VARIABLE, command_line
    from eventwire.terminal.completion import BashWithColons

    shells: dict[str, type[ShellComplete]] = {"bash": BashWithColons, "zsh": ZshComplete, "fish": FishComplete}

    session.out(shells[shell](command_line, {}, "eventwire", COMPLETE_VARIABLE).source().rstrip())
