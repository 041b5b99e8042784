"""A project that is served, for tests of the pages: with Starlette's client, or with a browser."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from eventwire.engine.pipeline import LOG_EVENT, Pipeline
from eventwire.engine.record import RunRecord
from eventwire.engine.run import IncomingEvent
from eventwire.journal.store import Journal
from eventwire.project.locate import state_folder
from eventwire.project.read import read_project
from eventwire.server.log_body import payload_of, read_log
from eventwire.server.pages import Pages, SignIn, make_pages
from eventwire.server.runner import Runner
from eventwire.server.sessions import make_link_token
from tests.project.projects import write

BAKERY = """\
[project]
name = "bakery"

[service-accounts.lines]
service = "file"
test = { folder = "out" }
live = { folder = "out-live" }

[service-accounts.till]
service = "http"
test = { base-url = "http://127.0.0.1:9" }
max-per-second = 50

[sources.shop-hooks]
kind = "token"
event = "new-customer"
environment = "test"

[events.new-customer]
description = "A customer signed up"
display = { avatar = "🥐", title = "{name} signed up", category = "growth" }

[events.new-customer.model]
id = "integer"
name = "string"
plan = { type = "string", enum = ["free", "pro"] }
address = { city = "string", country = "string" }
amount = "number?"

[events.new-customer.filters.on-event.actions.keep]
service-account = "lines"
action = "append"
file = "customers.ndjson"
line = { id = "{id}", name = "{name}" }

[events.new-customer.filters.on-event.actions.keep.on-success.welcomed]
name = "{name}"

[events.new-customer.filters.big]
where = 'amount > 100 AND (address.country = "BR" OR address.country = "PT")'

[events.new-customer.filters.big.actions.tell-till]
service-account = "till"
action = "request"
method = "POST"
url = "/sales"
json = { name = "{name}", amount = "{amount | default: 0}" }
retry = { attempts = 1 }

[events.new-customer.buttons.ban-user]
text = "Ban user"
url = "http://127.0.0.1:9/ban"
style = "danger"
meta = { id = "{id}" }

[events.new-customer.buttons.profile]
text = "Profile"
url = "https://bakery.example/customers/{id}"
external = true

[events.welcomed]
display = { avatar = "👋", title = "{name} was welcomed" }

[events.welcomed.model]
name = "string"

[events.welcomed.filters.on-event.actions.keep]
service-account = "lines"
action = "append"
file = "welcomed.ndjson"
line = { name = "{name}" }
"""
CUSTOMER = {
    "id": 7,
    "name": "Ana Souza",
    "plan": "pro",
    "address": {"city": "Lisboa", "country": "PT"},
    "amount": 30,
}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ENVIRON = {"EVENTWIRE_BUTTONS_TEST_SECRET": SECRET, "EVENTWIRE_BUTTONS_LIVE_SECRET": SECRET}


class Served:
    """A served project, in an event loop of its own, in a thread of its own."""

    def __init__(self, folder: Path, *, sign_in: SignIn | None = None, environ: Mapping[str, str] = ENVIRON) -> None:
        self.told: list[str] = []
        self.closing: list[Callable[[], None]] = []
        """What visitors leave open."""
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

        async def make() -> tuple[Runner, Pages]:
            runner = Runner(folder, environ, self.told.append)
            return runner, make_pages(runner, sign_in=sign_in)

        self.runner, self.pages = self.wait(make())
        self._server: uvicorn.Server | None = None

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something where the server runs."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def run(self, event: str, payload: Mapping[str, Any], environment: str = "test", **more: Any) -> RunRecord:
        """One event, run to its end."""
        time.sleep(0.002)  # the ids of one millisecond are in any order
        incoming = IncomingEvent(event, payload, **{"source": "http", **more})
        record: RunRecord = self.wait(self.runner.pipelines[environment].run(incoming))
        return record

    def log(self, body: bytes, environment: str = "test") -> RunRecord:
        """An entry of the log, as its senders write it."""
        return self.run(LOG_EVENT, payload_of(read_log(body, "application/json")), environment, source="log")

    def link(self) -> str:
        """The address of a link to sign in with."""
        return f"/sign-in?link={make_link_token(self.runner.store)}"

    def listen(self) -> str:
        """Answer at a port of this machine; returns the address."""
        config = uvicorn.Config(
            self.pages, port=0, log_level="error", lifespan="off", ws="none", timeout_graceful_shutdown=2
        )
        self._server = uvicorn.Server(config)
        self.wait(begin(self.pages))
        self._serving = asyncio.run_coroutine_threadsafe(self._server.serve(), self.loop)
        until(lambda: self._server is not None and self._server.started)
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """Stop everything."""
        for close in self.closing:
            close()
        if self._server is not None:
            self.wait(self.pages.stop())
            self._server.should_exit = True
            self._serving.result(20)
        else:
            self.pages.site.timeline.close()
        self.wait(self.runner.stop(5))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


async def begin(pages: Pages) -> None:
    """Start what goes on by itself."""
    pages.start()


@contextmanager
def served(folder: Path, project: str = BAKERY, **options: Any) -> Iterator[Served]:
    """A project, served for the length of a test."""
    server = Served(write(folder, project), **options)
    try:
        yield server
    finally:
        server.close()


def until(holds: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait until something holds; returns it."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)
    return found


def accepted(folder: Path, payload: Mapping[str, Any], extensions: Mapping[str, Any]) -> str:
    """An event with extensions, run without a server; returns the run's id."""

    async def run() -> str:
        journal = Journal(state_folder(folder))
        pipeline = Pipeline(read_project(folder), "test", environ={}, journal=journal)
        record = await pipeline.run(IncomingEvent("new-customer", payload, "http", extensions=extensions))
        await pipeline.close()
        journal.close()
        return record.id

    return asyncio.run(run())
