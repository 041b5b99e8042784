"""What a declared field is: one value that a service account or an action is configured with.

From a field derive its prompt, its flag, its validation, its JSON Schema and its row in the docs.
Imports the standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple


class FieldType(StrEnum):
    """What kind of value a field takes."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TABLE = "table"
    """Names to values: `values = { id = "{id}" }`."""
    LIST = "list"
    """Values in order: `to = ["a@example.com"]`. A single value may stand for a list of one."""
    ANY = "any"
    """Any JSON value, with wildcards in its strings."""


class Context(StrEnum):
    """Where a field's text ends up, which decides how the values of its wildcards are made safe."""

    LITERAL = "literal"
    """Wildcards are not understood: `{` is an ordinary character. For settings and choices."""
    TEXT = "text"
    """Plain text: values are written as they are; U+0000 is kept out of nothing."""
    VALUE = "value"
    """A value of its own, bound or encoded by the client: exactly one wildcard keeps the value's type."""
    SQL = "sql"
    """An SQL statement: each wildcard becomes a bound parameter."""
    IDENTIFIER = "identifier"
    """A table's or column's name, quoted by the service; a value brings no dot, which would name another schema."""
    URL = "url"
    """An address: each value is percent-encoded as one component, and the server's domain is always written out."""
    HEADER = "header"
    """A header's value: CR, LF and U+0000 are refused."""
    JSON = "json"
    """Part of a JSON document, built as structure: a value never becomes syntax."""
    HTML = "html"
    """Markup: values are escaped."""
    MRKDWN = "mrkdwn"
    """Slack's markup: `&`, `<` and `>` of values are escaped, so that none mentions, links or pings."""
    PATH = "path"
    """A file's path: each value is one segment's text; separators, `..` and U+0000 are refused."""


class Suggestion(StrEnum):
    """What a prompt can propose after asking the server."""

    TABLE = "table"
    COLUMNS = "columns"


class Field(NamedTuple):
    """One value that a service account or an action is configured with."""

    name: str
    """The key in TOML and in flags: `base-url`."""
    label: str
    """What it is to the user, in a few words: prompts ask for it by this."""
    type: FieldType = FieldType.STRING
    context: Context = Context.LITERAL
    required: bool = False
    secret: bool = False
    """Secrets are kept in the keyring or the environment, never in the project file."""
    default: Any = None
    choices: tuple[str, ...] = ()
    example: Any = None
    """A value that works as it stands, for docs, prompts and contract tests."""
    help: str = ""
    """A sentence or two more, for docs and `eventwire services`."""
    when: tuple[str, tuple[str | bool, ...]] | None = None
    """Only asked for and only allowed where another field has one of these values: `("authentication", ("basic",))`."""
    suggestion: Suggestion | None = None
    minimum: float | None = None
    maximum: float | None = None
    refused: tuple[str, ...] = ()
    """What it cannot be, or what a table's keys cannot be, in lower case: they mean the same in any case."""

    def applies(self, values: Mapping[str, Any], fields: Mapping[str, Field]) -> bool:
        """Whether the field has a meaning beside these values of its neighbours."""
        if self.when is None:
            return True
        other, expected = self.when
        return values.get(other, fields[other].default) in expected

    @property
    def condition(self) -> str:
        """Where it has a meaning, in words: `authentication is basic or bearer`. Nothing where it always has one."""
        if self.when is None:
            return ""
        other, expected = self.when
        return f"{other} is {' or '.join(str(each).lower() if isinstance(each, bool) else each for each in expected)}"
