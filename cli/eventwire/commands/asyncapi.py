"""`eventwire asyncapi`: the project's events as an AsyncAPI 3 document."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.terminal.options import command
from eventwire.terminal.project import open_project

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.option("--server", metavar="URL", help="The address that events are sent to: https://events.shop.example.")
def asyncapi(session: Session, server: str | None) -> None:
    """Each event as a channel with its model, those that are sent to the project and those that it raises itself."""
    from eventwire.language.payloads import encode_json
    from eventwire.server.asyncapi import asyncapi as document_of
    from eventwire.server.openapi import check_server

    document = document_of(open_project(session), check_server(server))
    session.out(encode_json(document, indent=True))
