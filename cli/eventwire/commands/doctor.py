"""`eventwire doctor`: what works here, and what is missing."""

from __future__ import annotations

import platform
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from eventwire import __version__
from eventwire.accounts import keyring
from eventwire.accounts.lookup import Lookup, look_up
from eventwire.accounts.source_secrets import look_up_source
from eventwire.errors import ExitCode
from eventwire.project.locate import NoProject
from eventwire.services.catalog import find_service, service_names
from eventwire.services.setting_up import set_up_command
from eventwire.terminal.account_flow import ENVIRONMENTS
from eventwire.terminal.online import connect_to_all
from eventwire.terminal.options import command
from eventwire.terminal.project import open_project
from eventwire.terminal.tables import LEAST_ROOM, longest_word, wrap

if TYPE_CHECKING:
    from eventwire.project.model import Project, ServiceAccount, Source
    from eventwire.terminal.session import Session

BELOW = " " * 6
"""What stands before a finding's detail where there is no room beside it."""
Line = dict[str, Any]
"""One finding: `about`, `ok` (None where it is only told), `detail`, `next_step`."""


@command
def doctor(session: Session) -> int:
    """The keyring, each service's client library, where each secret comes from, and whether each account connects.
    Exit code 1 where something does not work.
    """
    try:
        project = open_project(session)
    except NoProject:
        project = None
    sections = {"eventwire": general(), "services": extras()}
    if project:
        sections["secrets"] = secrets(session, project)
        sections["connections"] = connections(session, project)
        sections["limits"] = limits(project)
    session.result(
        {"sections": sections}, "\n\n".join(draw(session, *section) for section in sections.items() if section[1])
    )
    return (
        ExitCode.ERROR if any(line["ok"] is False for lines in sections.values() for line in lines) else ExitCode.DONE
    )


def general() -> list[Line]:
    """Versions and the keyring."""
    versions = f"eventwire {__version__}, Python {platform.python_version()}, {platform.system()}"
    try:
        keyring_line = line("keyring", True, keyring.describe_keyring())
    except keyring.KeyringUnusable as error:
        next_step = keyring.WAYS_OUT.format(variables="the variables named below")
        keyring_line = line("keyring", None, f"{error}; secrets come from the environment", next_step)
    return [line("version", None, versions), keyring_line]


def extras() -> list[Line]:
    """Which services have their client library."""
    return [extra(name) for name in service_names()]


def extra(name: str) -> Line:
    """One service's client library."""
    service = find_service(name)
    missing = [module for module in service.modules if find_spec(module.partition(".")[0]) is None]
    if missing:
        return line(name, None, "client library not installed", f"pip install 'eventwire[{service.extra}]'")
    return line(name, True, "ready")


def secrets(session: Session, project: Project) -> list[Line]:
    """Where each secret comes from, and which accounts wait for theirs."""
    return [
        each
        for account in project.accounts.values()
        for environment in ENVIRONMENTS
        if account.settings(environment) is not None
        for each in secrets_of(session, project, account, environment)
    ] + [
        *(waiting(account) for account in project.accounts.values() if account.waits),
        *(each for source in project.sources.values() for each in secrets_of_source(session, project, source)),
    ]


def waiting(account: ServiceAccount) -> Line:
    """An account that has credentials for no environment."""
    command = set_up_command(account.name, find_service(account.service))
    return line(account.name, False, "waits for its credentials", command)


def secrets_of(session: Session, project: Project, account: ServiceAccount, environment: str) -> list[Line]:
    """Where each of an account's secrets comes from."""
    lookup = look_up(
        find_service(account.service),
        account.settings(environment) or {},
        project=project.name,
        account=account.name,
        environment=environment,
        environ=session.environ,
    )
    return secret_lines(f"{account.name}.{environment}", lookup)


def secrets_of_source(session: Session, project: Project, source: Source) -> list[Line]:
    """Where each of a source's secrets comes from."""
    return secret_lines(f"{source.name}.{source.environment}", look_up_source(source, project.name, session.environ))


def secret_lines(owner: str, lookup: Lookup) -> list[Line]:
    """Where each secret that was looked up comes from."""
    return [
        line(f"{owner}.{each.declared.name}", True, each.source)
        if each.source
        else line(
            f"{owner}.{each.declared.name}",
            False if each.declared.required else None,
            "missing" if each.declared.required else "not set, not needed",
            f"set {each.variable}" if each.declared.required else None,
        )
        for each in lookup.secrets
    ]


def connections(session: Session, project: Project) -> list[Line]:
    """Whether each account connects."""
    return [
        line(
            f"{each.account.name}.{each.environment}",
            each.error is None,
            each.answer or (each.error.message if each.error else ""),
            each.error.next_step if each.error else None,
        )
        for each in connect_to_all(session, project)
    ]


def limits(project: Project) -> list[Line]:
    """Which accounts are limited, and which are paused for having failed again and again."""
    from eventwire.engine.inspected import limits_of
    from eventwire.terminal.history import account_states, local

    found = [line(each.name, None, limits_of(each)) for each in project.accounts.values() if limits_of(each)]
    for row in account_states(project):
        is_paused = (row["paused_until"] or 0) > time.time()
        until = f" until {local(row['paused_until'])}" if row["paused_until"] else ""
        words = f"{'is' if is_paused else 'was'} paused{until} after {row['failures']} failures in a row, the last: "
        about, step = f"{row['name']}.{row['environment']}", "eventwire history --status failed"
        found.append(line(about, False if is_paused else None, words + str(row["last_error"]), step))
    return found


def line(about: str, ok: bool | None, detail: str | None, next_step: str | None = None) -> Line:
    """One finding."""
    return {"about": about, "ok": ok, "detail": detail, "next_step": next_step}


def draw(session: Session, title: str, lines: list[Line]) -> str:
    """A section as text."""
    width = max((len(each["about"]) for each in lines), default=0)
    return "\n".join([session.style(title, "heading"), *(draw_line(session, each, width) for each in lines)])


def draw_line(session: Session, each: Line, width: int) -> str:
    """A finding as text, its next step below it."""
    marks = {True: ("✓", "+", "ok"), False: ("✗", "x", "bad"), None: ("·", "-", "dim")}
    mark, ascii_mark, colour = marks[each["ok"]]
    shown = session.style(mark if session.shows_unicode else ascii_mark, colour)
    detail = each["detail"] or ""
    room = session.width - width - len("  ✓   ")
    beside = room >= max(LEAST_ROOM, longest_word([detail]))
    indent = f"    {' ' * width}  " if beside else BELOW
    first, *more = wrap(detail, room if beside else session.width - len(BELOW))
    head = f"  {shown} {each['about']:<{width}}  {first}" if beside else f"  {shown} {each['about']}\n{indent}{first}"
    # what is to be done may be a command, which has to be whole where it is copied
    steps = (each["next_step"] or "").splitlines()
    return "\n".join([head.rstrip(), *(f"{indent}{line}" for line in (*more, *steps))])
