"""`eventwire remove:key`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.terminal import completion
from eventwire.terminal.options import command
from eventwire.terminal.project import project_folder
from eventwire.terminal.questions import Question, choose, complete
from eventwire.terminal.removal import confirm_and_remove

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.argument("name", required=False, shell_complete=completion.keys)
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove_key(session: Session, name: str | None, yes: bool) -> None:
    """From now on it is refused; the server need not be started anew."""
    from eventwire.project.locate import state_folder
    from eventwire.server.keys import list_keys, unknown_key
    from eventwire.server.keys import remove_key as write_removal
    from eventwire.server.store import Store

    with Store(state_folder(project_folder(session))) as store:
        names = [each.name for each in list_keys(store)]
        asked = Question("name", "NAME", choose("Which key?", names))
        name = complete(session, {"name": name}, [asked])["name"]
        if name not in names:
            raise unknown_key(str(name), names)
        chosen = str(name)
        confirm_and_remove(session, f'the key "{chosen}"', (), yes, lambda: write_removal(store, chosen))
