"""The pages: what people see of events and runs, and what they can do about them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from eventwire.server.pages import accounts, dead_letters, event, live, pipelines, pushing, signing_in, timeline
from eventwire.server.pages.headers import Guarded
from eventwire.server.pages.site import Handler, SignIn, Site
from eventwire.server.runner import Runner
from eventwire.server.users import Role

__all__ = ["Pages", "SignIn", "make_pages"]

STATIC = Path(__file__).parent.parent / "static"


class Pages:
    """The pages as an ASGI application. Started in the event loop that serves them, and stopped before the runner is."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.live = live.Live(site)
        self._application = Guarded(make_application(site, self.live), site.sign_in)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        await self._application(scope, receive, send)

    def start(self) -> None:
        """Begin with what goes on by itself: the timeline's index, and telling those who watch."""
        self._going_on = [
            self.site.in_background(
                self.site.timeline.keep(lambda: self.site.runner.under_way, self.site.runner.tell), "timeline"
            ),
            self.site.in_background(self.live.keep(), "live pages"),
        ]

    async def stop(self) -> None:
        """End what goes on, let everyone who watches go, and close the index."""
        for task in self._going_on:
            task.cancel()
        self.live.end()
        await self.site.settle()
        self.site.timeline.close()


def make_pages(runner: Runner, *, sign_in: SignIn | None = None, allowed_hosts: Collection[str] = ()) -> Pages:
    """The pages of a served project. `allowed_hosts` are those that buttons of others may call although they are private.

    Raises JournalError, StoreError.
    """
    return Pages(Site(runner, sign_in or SignIn(), allowed_hosts))


def make_application(site: Site, watching: live.Live) -> Starlette:
    """Every address of the pages, and who may go there."""

    def route(path: str, handler: Handler, method: str = "GET", role: Role = Role.VIEWER) -> Route:
        return Route(path, site.handle(handler, role), methods=[method])

    routes = [
        route("/", timeline.show),
        route("/live", watching.stream),
        route("/notice", timeline.notice),
        route("/event/{run}", event.show),
        route("/event/{run}/press/{button:path}", event.confirm_press, role=Role.OPERATOR),
        route("/event/{run}/press/{button:path}", event.press, "POST", Role.OPERATOR),
        route("/event/{run}/replay", event.plan, role=Role.OPERATOR),
        route("/event/{run}/replay", event.replay, "POST", Role.OPERATOR),
        route("/event/{run}/resolve", event.resolve, "POST", Role.OPERATOR),
        route("/pipelines", pipelines.show),
        route("/accounts", accounts.show),
        route("/dead-letters", dead_letters.show),
        route("/dead-letters/replay", dead_letters.plan, role=Role.OPERATOR),
        route("/dead-letters/replay", dead_letters.replay, "POST", Role.OPERATOR),
        route("/notifications", pushing.show),
        route("/notifications", pushing.subscribe, "POST"),
        route("/sign-out", signing_in.sign_out, "POST"),
        Route("/sign-in", signing_in.page(site), methods=["GET"]),
        Route("/sign-in", signing_in.check(site), methods=["POST"]),
        Route("/worker.js", pushing.worker(STATIC), methods=["GET"]),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]

    async def not_found(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status == 404 and request.method == "GET":
            return await site.handle(timeline.not_found, Role.VIEWER)(request)
        detail = error.detail if isinstance(error, HTTPException) else ""
        return PlainTextResponse(detail, status, headers=getattr(error, "headers", None))

    return Starlette(routes=routes, exception_handlers={HTTPException: not_found})
