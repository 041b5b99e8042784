"""What every page has at hand: the project that is served, who is looking, and how a page is drawn."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from msgspec import Struct, field
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from eventwire.errors import EventwireError, UsageError
from eventwire.project.locate import state_folder
from eventwire.project.model import ENVIRONMENTS
from eventwire.server.bodies import read_form
from eventwire.server.entries import Entry
from eventwire.server.event_buttons import ShownButton, buttons_of, shown_buttons
from eventwire.server.pages.counts import Counts
from eventwire.server.pages.drawing import make_templates
from eventwire.server.problems import Refusal, problem_of
from eventwire.server.push import Pusher
from eventwire.server.runner import Runner
from eventwire.server.sessions import Signed, csrf_token, find_session, is_own_form
from eventwire.server.timeline import Timeline
from eventwire.server.users import Attempts, Role

LARGEST_FORM = 64 * 1024
COOKIE_SECONDS = 30 * 86_400


class SignIn(Struct, frozen=True):
    """How people get in, and by which names the server is called."""

    hosts: Collection[str] = ()
    """The names that requests may be for, without ports: on this machine's own addresses, nobody else's name may lead to
    it. Empty: any name.
    """
    is_https: bool = False
    """Pages are reached over https: cookies are sent over nothing else."""


class Visit(Struct, frozen=True):
    """One request by somebody who is signed in."""

    request: Request
    signed: Signed
    environment: str
    form: Mapping[str, Any] = {}
    began: float = field(default_factory=time.time)

    @property
    def is_fragment(self) -> bool:
        """Whether a part of a page is asked for, to be put into one that is there."""
        return "hx-request" in self.request.headers

    def may(self, role: str) -> bool:
        """Whether whoever looks may what a role may."""
        return self.signed.role.allows(Role(role))

    def text(self, name: str) -> str:
        """A field of the form, or of the address, as text."""
        value = self.form.get(name) or self.request.query_params.get(name) or ""
        return value if isinstance(value, str) else ""

    def all(self, name: str) -> list[str]:
        """Every value of a field of the form, or of the address."""
        value = self.form.get(name, self.request.query_params.getlist(name))
        return [str(each) for each in (value if isinstance(value, list) else [value])]


Handler = Callable[["Site", Visit], Awaitable[Response]]


class Site:
    """The pages of one served project."""

    def __init__(self, runner: Runner, sign_in: SignIn, allowed_hosts: Collection[str]) -> None:
        self.runner = runner
        self.sign_in = sign_in
        self.allowed_hosts = allowed_hosts
        """Hosts that buttons of others may call although their addresses are private."""
        self.timeline = Timeline(state_folder(runner.folder), lambda: self.runner.project)
        self.attempts = Attempts()
        self.pusher = Pusher(runner.store)
        self.templates = make_templates()
        mark = sha256(str(runner.folder).encode()).hexdigest()[:8]
        # cookies are shared by all ports of a host: another project on this machine must not take this one's place
        self.session_cookie = f"eventwire-{mark}"
        self.form_cookie = f"eventwire-form-{mark}"
        self.environment_cookie = f"eventwire-environment-{mark}"
        self.counts: dict[str, Counts] = {}
        """By environment, as they were last counted."""
        self._tasks: set[asyncio.Task[Any]] = set()

    def handle(self, handler: Handler, role: Role) -> Callable[[Request], Awaitable[Response]]:
        """A handler for those who are signed in and have a role; what changes something has to come from a form of theirs."""

        async def answer(request: Request) -> Response:
            signed = find_session(self.runner.store, request.cookies.get(self.session_cookie))
            if signed is None:
                return self.ask_to_sign_in(request)
            visit = Visit(request, signed, self.environment_of(request))
            try:
                if not signed.role.allows(role):
                    raise Refusal(
                        "forbidden",
                        f"You are signed in as {signed.name}, a {signed.role}; this needs the role {role}.",
                        next_step="Ask an admin of the project for it.",
                    )
                if request.method == "POST":
                    visit = Visit(request, signed, visit.environment, await read_fields(request))
                    if not is_own_form(signed, visit.text("csrf")):
                        raise Refusal("forbidden", "The form is not of your session.", next_step="Load the page again.")
                response = await handler(self, visit)
            except EventwireError as error:
                response = self.error_page(visit, error)
            except Exception as error:
                self.runner.tell(f"The page {request.url.path} failed with {type(error).__name__}: {error}")
                response = self.error_page(visit, Refusal("bug", "eventwire failed. This is a bug in eventwire."))
            asked = request.query_params.get("environment")
            # what a page asks for by itself chooses nothing for the other pages that are open
            if asked in ENVIRONMENTS and request.headers.get("sec-fetch-mode", "navigate") == "navigate":
                self.set_cookie(response, self.environment_cookie, asked)
            return response

        return answer

    def ask_to_sign_in(self, request: Request) -> Response:
        """The way to the sign-in page, and back afterwards."""
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        where = "/sign-in" + (f"?next={quote(path)}" if request.method == "GET" and path != "/" else "")
        if "hx-request" in request.headers:
            return Response(status_code=401, headers={"hx-redirect": "/sign-in"})
        if request.headers.get("accept") == "text/event-stream":
            return Response(status_code=401)
        return RedirectResponse(where, 303)

    def environment_of(self, request: Request) -> str:
        """Which environment is looked at: the event's, or as the address says, else as last chosen, else test."""
        run = request.path_params.get("run")
        with suppress(EventwireError):  # what is wrong with the journal is said by the page itself
            if run and (row := self.runner.journal.run(run)):
                return str(row["environment"])
        asked = request.query_params.get("environment") or request.cookies.get(self.environment_cookie)
        return asked if asked in ENVIRONMENTS else "test"

    def page(self, visit: Visit, name: str, status: int = 200, **values: Any) -> Response:
        """A page, drawn."""
        return HTMLResponse(self.render(name, visit=visit, **values), status)

    def render(self, name: str, **values: Any) -> str:
        """A template's text."""
        project, warning = self.runner.project, self.runner.warning
        return self.templates.get_template(name).render(project=project, warning=warning, **values)

    def entry_buttons(self, entries: Sequence[Entry]) -> dict[str, list[ShownButton]]:
        """The buttons of those entries that have some, with how they stand, by their runs."""
        rows = self.timeline.rows([each.run for each in entries if each.has_buttons])
        now, project = time.time(), self.runner.project
        return {
            run: shown_buttons(self.runner.store, row, buttons_of(project, row).buttons, now)
            for run, row in rows.items()
        }

    def error_page(self, visit: Visit, error: EventwireError) -> Response:
        """What went wrong, with the next step."""
        problem = problem_of(error)
        status = 404 if isinstance(error, UsageError) else problem.status
        return self.page(visit, "error.html", status, error=error, title=problem["title"])

    def set_cookie(self, response: Response, name: str, value: str, seconds: int = COOKIE_SECONDS) -> None:
        """A cookie that no script reads and no other site's form sends."""
        response.set_cookie(
            name, value, max_age=seconds, path="/", secure=self.sign_in.is_https, httponly=True, samesite="lax"
        )

    def form_token(self, request: Request) -> tuple[str, str]:
        """For a form of nobody who is signed in: a cookie's value, and the token that goes with it."""
        cookie = request.cookies.get(self.form_cookie) or secrets.token_urlsafe(32)
        return cookie, csrf_token(cookie)

    def in_background(self, work: Any, name: str) -> asyncio.Task[Any]:
        """Let something go on after its request was answered."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def settle(self) -> None:
        """Wait for what still goes on."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def read_fields(request: Request) -> dict[str, Any]:
    """The fields of a form. Raises UnreadableBody."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            raise Refusal("bad-request", "The form is too large.", next_step="Load the page again.")
    return read_form(body)
