"""Projects for tests, written as a person would."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

SHOP = """\
# the shop's events
[project]
name = "shop"

[service-accounts.lines]
service = "file"
test = { folder = "out" }   # where lines go

[events.new-customer]
description = "A customer signed up"

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

[events.new-customer.filters.big]
where = 'amount > 100'
"""


def write(folder: Path, text: str = SHOP) -> Path:
    """Write a project file, without the indentation of the test; returns the folder."""
    (folder / "eventwire.toml").write_text(dedent(text), encoding="utf-8")
    return folder


def text_of(folder: Path) -> str:
    """The project file as it stands."""
    return (folder / "eventwire.toml").read_text(encoding="utf-8")
