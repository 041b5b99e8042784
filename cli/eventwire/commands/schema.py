"""`eventwire schema`: the JSON Schema of eventwire.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventwire.project.schema import project_schema
from eventwire.terminal.options import command

if TYPE_CHECKING:
    from eventwire.terminal.session import Session


@command
def schema(session: Session) -> None:
    """An editor that knows it completes and checks the project file as you type. Save it, and name it in the file's
    first line, for Taplo and Even Better TOML: #:schema ./eventwire.schema.json
    """
    from eventwire.language.payloads import encode_json

    session.out(encode_json(project_schema(), indent=True))
