"""`eventwire add:button`: something that people set off on an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from eventwire.terminal import completion
from eventwire.terminal.equivalent import say_equivalent
from eventwire.terminal.options import command
from eventwire.terminal.project import open_project
from eventwire.terminal.questions import complete

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.argument("event", required=False, shell_complete=completion.events)
@click.argument("key", required=False)
@click.option("--text", metavar="TEXT", help="What stands on it, 48 characters at most; {name} is possible.")
@click.option("--url", metavar="URL", help="What is called when it is pressed, or where the link leads.")
@click.option("--external", is_flag=True, help="It is a link to follow; nothing is sent.")
@click.option(
    "--expire-in",
    type=click.IntRange(1, 43_200),
    metavar="MIN",
    help="For how many minutes it can be pressed. Default: 10080, a week.",
)
@click.option("--meta", metavar="JSON", help='What your server gets with it: {"id": "{id}"}.')
@click.option("--style", type=click.Choice(["danger", "important"]), help="How it looks.")
def add_button(
    session: Session,
    event: str | None,
    key: str | None,
    text: str | None,
    url: str | None,
    external: bool,
    expire_in: int | None,
    meta: str | None,
    style: str | None,
) -> None:
    """Whoever presses it sends a signed POST to its address: once, and not after it has expired. Text, address and meta
    take wildcards.
    """
    from eventwire.project.edit import add_button as write_button
    from eventwire.terminal.buttons import ask_options, button_of, check_event, flags_of, questions_for

    project = open_project(session)
    check_event(project, event)
    given = {"event": event, "key": key, "text": text, "url": url}
    options: dict[str, Any] = {"external": external, "expire-in-minutes": expire_in, "meta": meta, "style": style}
    answers = complete(session, given, questions_for(project, external=external))
    asked = None in given.values()
    if asked:
        options = ask_options(session, project.events[answers["event"]], options)
    button = button_of(answers["text"], answers["url"], options)
    write_button(project.folder, answers["event"], answers["key"], button)
    if asked:
        say_equivalent(session, "add:button", [answers["event"], answers["key"], *flags_of(button)])
    session.done(
        {"event": answers["event"], "key": answers["key"], "button": button},
        f'Added the button "{answers["key"]}" to {answers["event"]}.\nNext: eventwire show {answers["event"]}',
    )
