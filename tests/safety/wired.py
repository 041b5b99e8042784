"""A project that is read from its file once, and sends one text after the other through its whole pipeline."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from eventwire.engine.pipeline import Pipeline
from eventwire.engine.record import ActionRecord
from eventwire.engine.run import IncomingEvent
from eventwire.journal.store import Journal
from eventwire.language.payloads import read_payload
from eventwire.project.read import read_project

EVENT = """
[project]
name = "safety"

[events.e.model]
id = "integer"
secret = "string"
text = "string"
"""
SECRET = "s3cr3t"


class Wired:
    """A pipeline with its connections, in an event loop of its own."""

    def __init__(
        self,
        folder: Path,
        accounts: str,
        environ: dict[str, str] | None = None,
        runner: asyncio.Runner | None = None,
    ) -> None:
        """`accounts` is the rest of the project file; `runner` has the loop where a server runs in it already."""
        (folder / "eventwire.toml").write_text(EVENT + accounts)
        self.project = read_project(folder)
        self.runner = runner or asyncio.Runner()
        self.journal = Journal(folder)
        self.pipeline = Pipeline(self.project, "test", environ=environ or {}, journal=self.journal)

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something in the loop."""
        return self.runner.run(work)

    def send(self, text: str) -> dict[str, ActionRecord]:
        """An event with this text; returns each action's record. A refusal is the only failure there may be."""
        payload = read_payload(json.dumps({"id": 7, "secret": SECRET, "text": text}))
        record = self.do(self.pipeline.run(IncomingEvent("e", payload)))
        actions = {action.name: action for each in record.filters for action in each.actions}
        for name, action in actions.items():
            assert action.status in ("succeeded", "failed"), (name, action.error)
            assert action.error is None or action.error["kind"] == "rejected", (name, action.error)
        return actions

    def close(self) -> None:
        """Let go of everything."""
        self.do(self.pipeline.close())
        self.journal.close()
        self.runner.close()


def action(name: str, account: str, operation: str, /, **fields: Any) -> str:
    """An action of the event, as it stands in the file."""
    lines = "\n".join(f"{key.replace('_', '-')} = {toml(value)}" for key, value in fields.items())
    head = f"[events.e.filters.on-event.actions.{name}]"
    return f'\n{head}\nservice-account = "{account}"\naction = "{operation}"\n{lines}\n'


def account(name: str, service: str, /, **settings: Any) -> str:
    """A service account, as it stands in the file."""
    return f'\n[service-accounts.{name}]\nservice = "{service}"\ntest = {toml(settings)}\n'


def toml(value: Any) -> str:
    """A value in TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value)


def sent(record: ActionRecord) -> bool:
    """Whether it was sent; otherwise it was refused in words."""
    assert (record.status == "succeeded") == (record.error is None)
    return record.error is None
