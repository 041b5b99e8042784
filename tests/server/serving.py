"""A served project for tests: its event API called without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from eventwire.server.application import Application
from eventwire.server.keys import add_key
from eventwire.server.runner import Runner

PROJECT = """
[project]
name = "shop"

[service-accounts.lines]
service = "file"
test = { folder = "out" }
live = { folder = "out-live" }

[events.order]
description = "An order"
model = { id = "integer", total = "number?" }

[events.order.filters.on-event.actions.store]
service-account = "lines"
action = "append"
file = "orders.ndjson"
line = { id = "{id}", event = "{event.id}" }

[events.nothing]
model = { id = "integer" }
"""


class Served:
    """A project's event API, called by a client."""

    def __init__(self, runner: Runner, client: httpx.AsyncClient, keys: dict[str, str]) -> None:
        self.runner = runner
        self.client = client
        self.keys = keys

    async def post(self, path: str, body: Any = None, *, environment: str | None = "test", **headers: str) -> Any:
        """The answer to a POST: JSON unless its content type says otherwise."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"content-type": "application/json"} | {name.replace("_", "-"): each for name, each in headers.items()}
        if environment is not None:
            given["authorization"] = f"Bearer {self.keys[environment]}"
        return await self.client.post(path, content=content, headers=given)

    async def get(self, path: str, *, environment: str = "test") -> Any:
        """The answer to a GET."""
        return await self.client.get(path, headers={"authorization": f"Bearer {self.keys[environment]}"})

    def lines(self, folder: str = "out") -> list[Any]:
        """What the actions have written."""
        path = self.runner.folder / folder / "orders.ndjson"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def until(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for is another's, and tells nobody
            await asyncio.sleep(0.01)


def served(
    folder: Path,
    work: Callable[[Served], Awaitable[Any]],
    *,
    project: str = PROJECT,
    environ: dict[str, str] | None = None,
    told: list[str] | None = None,
    **options: Any,
) -> Any:
    """What `work` returns, with the project of this text served."""
    if project:
        (folder / "eventwire.toml").write_text(project)

    async def go() -> Any:
        runner = Runner(folder, environ or {}, (told if told is not None else []).append)
        keys = {
            environment: add_key(runner.store, f"key-{environment}-{len(told or [])}", environment)
            for environment in ("test", "live")
        }
        transport = httpx.ASGITransport(Application(runner, **options))
        runner.start()
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
                return await work(Served(runner, client, keys))
        finally:
            await runner.stop(1)

    return asyncio.run(go())
