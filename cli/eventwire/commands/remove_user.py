"""`eventwire remove:user`."""

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
@click.argument("name", required=False, shell_complete=completion.users)
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove_user(session: Session, name: str | None, yes: bool) -> None:
    """The user is signed out everywhere; which buttons the user has pressed stays recorded."""
    from eventwire.project.locate import state_folder
    from eventwire.server.store import Store
    from eventwire.server.users import list_users, unknown_user
    from eventwire.server.users import remove_user as write_removal

    with Store(state_folder(project_folder(session))) as store:
        names = [each.name for each in list_users(store)]
        asked = Question("name", "NAME", choose("Which user?", names))
        name = complete(session, {"name": name}, [asked])["name"]
        if name not in names:
            raise unknown_user(str(name), names)
        chosen = str(name)
        confirm_and_remove(session, f'the user "{chosen}"', (), yes, lambda: write_removal(store, chosen))
