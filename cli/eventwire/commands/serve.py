"""`eventwire serve`: the event API and the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eventwire.errors import ExitCode, MissingExtra
from eventwire.terminal.options import command
from eventwire.terminal.project import project_folder

if TYPE_CHECKING:
    from eventwire.server.serving import Serving
    from eventwire.terminal.session import Session


@command
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8030, show_default=True, help="Its port; 0 takes any.")
@click.option(
    "--public-url", metavar="URL", help="Where people reach it, through a proxy: https://events.shop.example."
)
@click.option(
    "--allow-host", "allowed_hosts", multiple=True, metavar="NAME", help="A private host that buttons may call."
)
@click.option("--max-per-second", type=click.FloatRange(0, min_open=True), help="Requests a second of each API key.")
def serve(
    session: Session,
    host: str,
    port: int,
    public_url: str | None,
    allowed_hosts: tuple[str, ...],
    max_per_second: float | None,
) -> int:
    """Applications send events with a key of `add:key`; people watch them arrive. Sources run, retries that others left
    are made, and the project is exchanged when its file changes. Another address than this machine's needs users to sign
    in: `add:user`.
    """
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtra("serve", "server", "The server needs libraries") from error
    from eventwire.server.openapi import check_server
    from eventwire.server.serving import Serving
    from eventwire.terminal.loop import run_until_done

    folder = project_folder(session)

    async def run() -> bool:
        serving = Serving(
            folder,
            session.environ,
            session.say,
            host,
            port,
            public_url=check_server(public_url, "--public-url"),
            allowed_hosts=allowed_hosts,
            max_per_second=max_per_second,
        )
        return await serving.run(lambda: tell_where(session, serving))

    return ExitCode.INTERRUPTED if run_until_done(run()) else ExitCode.DONE


def tell_where(session: Session, serving: Serving) -> None:
    """Say where events go, and where people look."""
    link = serving.sign_in
    document = {"url": serving.url, "sign_in": link, "project": serving.runner.project.name}
    lines = [f"Serving {serving.runner.project.name} at {serving.url}"]
    lines += [f"Sign in, once, with: {link}"] if link else []
    if not serving.has_keys:
        lines.append("Nobody can send events yet. Make a key with: eventwire add:key NAME --environment test")
    session.result(document, "\n".join(lines))
