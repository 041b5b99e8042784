"""`eventwire openapi`: the project's events as an OpenAPI 3.1 document."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.terminal.options import command
from eventwire.terminal.project import open_project

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
@click.option("--server", metavar="URL", help="The address that events are sent to: https://events.shop.example.")
def openapi(session: Session, server: str | None) -> None:
    """Each event with its model as schema and its sample as example, the webhooks of sources, and every answer.

    The server has the same document at /openapi.json.
    """
    from eventwire.language.payloads import encode_json
    from eventwire.server.openapi import check_server
    from eventwire.server.openapi import openapi as document_of

    document = document_of(open_project(session), check_server(server))
    session.out(encode_json(document, indent=True))
