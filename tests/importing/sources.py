"""ReactiveHub projects for tests."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

from eventwire.errors import ProjectError
from eventwire.importing.result import Imported
from eventwire.importing.translate import import_project

BAKERY = Path(__file__).parent / "bakery"
"""A project with everything in it that there is."""

MODEL = """\
  id: Number
  name: String
  paid: Boolean
  total: Number
  at: Date
  tags: Array
  order-id: String
  address:
    city: String
"""


def source(folder: Path, files: dict[str, str]) -> Path:
    """A project with these files; returns its folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return folder


def with_event(folder: Path, text: str) -> Path:
    """A project with one event."""
    return source(folder, {".rhubrc": "{}", "events/order.yaml": text})


def with_action(folder: Path, action: str, *, condition: str = "null") -> Path:
    """A project with one action, whose YAML begins with its type."""
    head = f"id: order\nmodel:\n{MODEL}filters:\n  - id: f\n    condition: {condition}\n    actions:\n      - id: a\n"
    body = "".join(f"        {line}\n" for line in dedent(action).strip().splitlines())
    account = "" if "serviceAccountId" in action else "        serviceAccountId: mine\n"
    return with_event(folder, head + body + account)


def imported(folder: Path) -> Imported:
    """The project in a folder, translated."""
    return import_project(folder, None)


def messages(result: Imported) -> list[str]:
    """What needs attention, each with its place."""
    return [f"{each.place}: {each.message}" for each in result.attention]


def problems(folder: Path) -> list[str]:
    """What is wrong with a source, each with its place."""
    try:
        imported(folder)
    except ProjectError as error:
        return [f"{each.place}: {each.message}" for each in error.problems]
    return []


def fields(folder: Path, action: str) -> dict[str, Any]:
    """The fields of the one action that is written, its operation among them."""
    ((_, _, _, translated),) = imported(with_action(folder, action)).actions
    return {"action": translated.operation, **translated.fields}


def left_out(folder: Path, action: str) -> str:
    """Why the one action is left out."""
    result = imported(with_action(folder, action))
    assert result.actions == []
    ((only,),) = [each.actions for event in result.events for each in event.filters]
    assert only.left_out is not None
    return only.left_out
