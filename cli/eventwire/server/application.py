"""The server as one ASGI application: the event API first, everything else are pages."""

from __future__ import annotations

from eventwire.server.api import Api
from eventwire.server.requests import Receive, Scope, Send
from eventwire.server.runner import Runner


class Application:
    """What the web server runs."""

    def __init__(self, runner: Runner, *, max_per_second: float | None = None) -> None:
        self.api = Api(runner, max_per_second=max_per_second)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            await self.api(scope, receive, send)
