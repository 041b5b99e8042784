"""`eventwire add:user`: somebody who may sign in to the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.errors import UsageError
from eventwire.terminal import completion
from eventwire.terminal.equivalent import say_equivalent
from eventwire.terminal.options import command
from eventwire.terminal.project import project_folder
from eventwire.terminal.questions import Question, choose, complete, text

if TYPE_CHECKING:
    from eventwire.terminal.questions import Answers
    from eventwire.terminal.session import Session


@command
@click.argument("name", required=False, shell_complete=completion.users)
@click.option(
    "--role", type=click.Choice(["viewer", "operator", "admin"]), help="Look; press and replay too; everything."
)
@click.option(
    "--password-from", metavar="SOURCE", help="Where to read the password from: env:VARIABLE, file:PATH or -."
)
def add_user(session: Session, name: str | None, role: str | None, password_from: str | None) -> None:
    """A viewer sees events and pipelines, an operator presses buttons and replays too, an admin may do everything. For a
    user who is there, the role and the password given replace the old ones, which ends the user's sessions.

    The password is asked for twice in a terminal; scripts give its source. What is kept is its hash.
    """
    from eventwire.project.locate import state_folder
    from eventwire.server.store import Store
    from eventwire.server.users import Role, list_users, save_user, user_name_problem
    from eventwire.terminal.secrets_input import read_source

    with Store(state_folder(project_folder(session))) as store:
        known = {each.name for each in list_users(store)}
        questions = [Question("name", "NAME", text("What is the user called?", check=user_name_problem))]
        if name not in known or (role is None and password_from is None):
            roles = [str(each) for each in Role]
            questions.append(Question("role", "--role", choose("What may the user do?", roles)))
            questions.append(Question("password", "--password-from", ask_password))
        password = read_source(session, password_from, "--password-from") if password_from is not None else None
        answers = complete(session, {"name": name, "role": role, "password": password}, questions)
        user, is_new = save_user(
            store,
            answers["name"],
            Role(answers["role"]) if answers["role"] else None,
            answers["password"],
        )
    if name is None or (role is None and is_new):
        say_equivalent(session, "add:user", [user.name, "--role", str(user.role), "--password-from", "-"])
    session.done(
        {"user": user.name, "role": str(user.role), "added": is_new},
        f'{"Added" if is_new else "Changed"} the user "{user.name}", {user.role}.',
    )


def ask_password(session: Session, answers: Answers) -> str:
    """The password, typed twice. Raises UsageError where the second is another."""
    from eventwire.server.users import password_problem
    from eventwire.terminal.prompts import ask_secret

    first = ask_secret(session, "Password (hidden):", check=password_problem)
    if ask_secret(session, "The same again:") != first:
        raise UsageError("The second password is another one.", next_step="Begin again.")
    return first
