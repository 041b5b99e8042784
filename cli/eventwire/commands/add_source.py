"""`eventwire add:source`: what raises an event from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.terminal import completion
from eventwire.terminal.equivalent import say_equivalent
from eventwire.terminal.options import command
from eventwire.terminal.project import open_project

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.argument("name", required=False, shell_complete=completion.sources)
@click.option(
    "--kind", metavar="KIND", shell_complete=completion.source_kinds, help="stripe, github, hmac, schedule, folder …"
)
@click.option("--event", metavar="EVENT", shell_complete=completion.events, help="The event that it raises.")
@click.option("--environment", type=click.Choice(["test", "live"]), help="Where the event runs. Default: test.")
@click.option("--schedule", metavar="CRON", help='When: "0 3 * * *" is every day at three.')
@click.option("--time-zone", metavar="ZONE", help="The schedule's time zone: Europe/Lisbon. Default: UTC.")
@click.option("--folder", metavar="DIR", help="The folder that is watched, from the project's folder.")
@click.option(
    "--setting",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=completion.source_fields,
    help="Another setting of its kind: header=X-Signature.",
)
@click.option("--set", "values", multiple=True, metavar="PROP=VALUE", help="A property of the payload: id={body.id}.")
@click.option("--where", metavar="CONDITION", help="Only what this holds for: body.type = 'charge.succeeded'.")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="KEY=SOURCE",
    shell_complete=completion.source_fields,
    help="Where to read a secret from: secret=env:VARIABLE.",
)
def add_source(
    session: Session,
    name: str | None,
    kind: str | None,
    event: str | None,
    environment: str | None,
    schedule: str | None,
    time_zone: str | None,
    folder: str | None,
    settings: tuple[str, ...],
    values: tuple[str, ...],
    where: str | None,
    secrets: tuple[str, ...],
) -> None:
    """A webhook comes in at /sources/NAME of `serve`, and counts only where its signature is right. Without --set, what
    came in is the payload, whole.

    A secret's SOURCE is env:VARIABLE, file:PATH or - (standard input). Secrets are kept in the OS keyring, never in the
    project. For a source that exists, --secret alone puts those given in place of all it has; while one is being
    changed, former-secret counts beside secret.
    """
    from eventwire.terminal.source_flow import Given, add, arguments, ask_source, replace_secrets, source_of_flags

    project = open_project(session)
    settings += tuple(
        f"{key}={value}"
        for key, value in (("schedule", schedule), ("time-zone", time_zone), ("folder", folder))
        if value is not None
    )
    given = Given(name, kind, event, environment, settings, values, where, secrets)
    if name is not None and name in project.sources and given.only_secrets:
        replace_secrets(session, project, project.sources[name], secrets)
        session.done({"source": name, "secrets": "replaced"}, f'Replaced the secrets of the source "{name}".')
        return
    asked = None in (name, kind, event) and session.interactive
    source = ask_source(session, project, given) if asked else source_of_flags(session, project, given)
    add(session, project, source)
    if asked:
        say_equivalent(session, "add:source", arguments(source))
    session.done(
        {"source": source.name, **source.table, "address": source.address, "waits_for": source.waits_for(session)},
        "\n".join([f'Added the source "{source.name}", which raises {source.event}.', *source.next_steps(session)]),
    )
