"""The server as one ASGI application: the event API first, everything else are pages."""

from __future__ import annotations

from eventwire.server.api import Api
from eventwire.server.pages import Pages
from eventwire.server.requests import Receive, Scope, Send
from eventwire.server.runner import Runner


class Application:
    """What the web server runs."""

    def __init__(self, runner: Runner, pages: Pages | None = None, *, max_per_second: float | None = None) -> None:
        """Without pages it is the event API alone."""
        self.api = Api(runner, max_per_second=max_per_second)
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if self._pages is None or self.api.serves(scope["path"]):
            await self.api(scope, receive, send)
        else:
            await self._pages(scope, receive, send)
