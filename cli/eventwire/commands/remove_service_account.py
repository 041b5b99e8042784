"""`eventwire remove:service-account`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.accounts import keyring
from eventwire.services.catalog import find_service
from eventwire.terminal import completion
from eventwire.terminal.options import command
from eventwire.terminal.project import find_account, open_project
from eventwire.terminal.questions import Question, choose, complete
from eventwire.terminal.removal import confirm_and_remove

if TYPE_CHECKING:
    from eventwire.project.model import Project
    from eventwire.terminal.session import Session


@command
@click.argument("name", required=False, shell_complete=completion.accounts)
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove_service_account(session: Session, name: str | None, yes: bool) -> None:
    """The actions that use it go with it, and its secrets are taken out of the keyring."""
    from eventwire.project.edit import remove_account

    project = open_project(session)
    asked = Question("name", "NAME", choose("Which service account?", list(project.accounts)))
    account = find_account(project, complete(session, {"name": name}, [asked])["name"])
    goes = [f"the action {action}" for action in actions_through(project, account.name)]
    goes += ["its secrets in the keyring"] if find_service(account.service).secrets else []

    def remove() -> None:
        remove_account(project.folder, project, account.name)
        forget_secrets(session, project, account.name)

    confirm_and_remove(session, f'the service account "{account.name}"', goes, yes, remove)


def actions_through(project: Project, account: str) -> list[str]:
    """The actions that use an account."""
    return [
        f"{event.name}/{each.name}/{action.name}"
        for event in project.events.values()
        for each in event.filters.values()
        for action in each.actions.values()
        if action.account == account
    ]


def forget_secrets(session: Session, project: Project, account: str) -> None:
    """Take an account's secrets out of the keyring; where there is no keyring, there is nothing to take out."""
    if not find_service(project.accounts[account].service).secrets:
        return
    try:
        keyring.write_secrets(project.name, account, {"test": {}, "live": {}})
    except keyring.KeyringUnusable as error:
        session.say(f"Its secrets, if it has any, could not be taken out of the keyring: {error}.")
