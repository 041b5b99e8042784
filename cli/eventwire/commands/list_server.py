"""`eventwire list keys` and `eventwire list users`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from eventwire.project.locate import state_folder
from eventwire.server.keys import describe_key, list_keys
from eventwire.server.store import Store
from eventwire.server.users import describe_user, list_users
from eventwire.terminal.project import project_folder
from eventwire.terminal.tables import draw_table

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


def show_keys(session: Session) -> None:
    """The API keys, without the keys themselves."""
    now = time.time()
    with Store(state_folder(project_folder(session))) as store:
        keys = [describe_key(each, now) for each in list_keys(store)]
    rows = [
        (
            each["name"],
            each["environment"],
            f"{each['begins']}…",
            each["state"],
            when(each["expires_at"], "never"),
            when(each["last_used_at"], "never"),
        )
        for each in keys
    ]
    header = ("key", "environment", "begins", "state", "expires", "last used")
    table = draw_table(session, header, rows) if rows else "There are no keys yet.\nMake one with: eventwire add:key"
    session.result({"keys": keys}, table)


def show_users(session: Session) -> None:
    """The users of the pages."""
    with Store(state_folder(project_folder(session))) as store:
        users = [describe_user(each) for each in list_users(store)]
    rows = [(each["name"], each["role"], when(each["last_sign_in_at"], "never")) for each in users]
    table = (
        draw_table(session, ("user", "role", "last sign-in"), rows)
        if rows
        else "There are no users yet.\nAdd one with: eventwire add:user"
    )
    session.result({"users": users}, table)


def when(seconds: float | None, otherwise: str) -> str:
    """A time, to the minute."""
    return otherwise if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
