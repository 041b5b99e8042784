"""Notifications: whether this browser wants them, and the script that shows them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from eventwire.server.pages.site import Site, Visit
from eventwire.server.push import Subscription, public_key


async def show(site: Site, visit: Visit) -> Response:
    """`GET /notifications`: the key that a browser subscribes with, and whether it gets them already for who is signed in."""
    is_subscribed = site.pusher.is_subscribed(visit.text("endpoint"), visit.signed.name)
    return JSONResponse({"key": public_key(site.runner.store), "is_subscribed": is_subscribed})


async def subscribe(site: Site, visit: Visit) -> Response:
    """`POST /notifications`: a browser wants them, or does not any more."""
    if visit.text("wanted") == "no":
        site.pusher.unsubscribe(visit.text("endpoint"))
    else:
        site.pusher.subscribe(
            Subscription(visit.text("endpoint"), visit.text("public_key"), visit.text("secret"), visit.signed.name)
        )
    return Response(status_code=204)


def worker(folder: Path) -> Callable[[Request], Awaitable[Response]]:
    """`GET /worker.js`: at the root, since a service worker sees nothing above its own address."""

    async def show_worker(request: Request) -> Response:
        return FileResponse(folder / "worker.js", media_type="text/javascript", headers={"cache-control": "no-cache"})

    return show_worker
