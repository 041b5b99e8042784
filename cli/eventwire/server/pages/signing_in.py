"""Signing in, by a link that is good once or by name and password, and out."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from eventwire.errors import EventwireError
from eventwire.server.pages.site import Site, Visit, read_fields
from eventwire.server.problems import Refusal, problem_of
from eventwire.server.sessions import end_session, start_session, use_link
from eventwire.server.users import check_password, list_users

Answer = Callable[[Request], Awaitable[Response]]


def page(site: Site) -> Answer:
    """`GET /sign-in`, with `?link=` where a link is used."""

    async def show(request: Request) -> Response:
        link = request.query_params.get("link")
        if link is None:
            return draw(site, request, None, 200)
        token = use_link(site.runner.store, link)
        if token is None:
            error = Refusal(
                "gone",
                "This link was used already, or is too old.",
                next_step="Sign in with a name and a password, or start `eventwire serve` again for a new link.",
            )
            return draw(site, request, error, 410)
        return signed_in(site, token, "/")

    return show


def check(site: Site) -> Answer:
    """`POST /sign-in`: a name and a password."""

    async def sign_in(request: Request) -> Response:
        try:
            fields = await read_fields(request)
            expected = site.form_token(request)[1]
            if not hmac.compare_digest(expected.encode(), str(fields.get("csrf", "")).encode()):
                raise Refusal("forbidden", "The form is too old.", next_step="Sign in once more.")
            name = str(fields.get("name", ""))[:100]
            address = request.client.host if request.client else ""
            token = await check_in(site, name, str(fields.get("password", "")), address)
        except EventwireError as error:
            return draw(site, request, error, problem_of(error).status)
        return signed_in(site, token, str(fields.get("next", "/")))

    return sign_in


async def check_in(site: Site, name: str, password: str, address: str) -> str:
    """The session of a name and a password. Raises SignInRefused."""
    now = time.time()
    who = (f"name {name.strip().lower()}", f"address {address}")
    site.attempts.check(*who, now=now)
    # counted before it is known, so that many at once are counted, too
    site.attempts.note_failure(*who, now=now)
    user = await asyncio.to_thread(check_password, site.runner.store, name, password)
    site.attempts.take_back(*who)
    return start_session(site.runner.store, user)


async def sign_out(site: Site, visit: Visit) -> Response:
    """`POST /sign-out`, which ends this browser's notifications, too: they show what comes in."""
    if endpoint := visit.text("endpoint"):
        site.pusher.unsubscribe(endpoint)
    end_session(site.runner.store, visit.request.cookies[site.session_cookie])
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(site.session_cookie)
    return response


def signed_in(site: Site, token: str, where: str) -> Response:
    """On to a page of ours, and never to another site's."""
    is_ours = where.startswith("/") and not where.startswith(("//", "/\\")) and where.isprintable()
    response = RedirectResponse(where if is_ours else "/", 303)
    site.set_cookie(response, site.session_cookie, token)
    response.delete_cookie(site.form_cookie)
    return response


def draw(site: Site, request: Request, error: EventwireError | None, status: int) -> Response:
    """The sign-in page."""
    cookie, token = site.form_token(request)
    text = site.render(
        "sign_in.html",
        error=error,
        csrf=token,
        next=request.query_params.get("next", "/"),
        has_users=bool(list_users(site.runner.store)),
    )
    response = HTMLResponse(text, status)
    site.set_cookie(response, site.form_cookie, cookie, 3600)
    return response
