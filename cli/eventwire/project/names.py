"""Names of events, filters, actions and accounts: `[a-z][a-z0-9-]*`."""

from __future__ import annotations

import re
from collections.abc import Container

from eventwire.project.model import NAME

LONGEST = 63


def name_problem(name: str) -> str | None:
    """What is wrong with a name, in a sentence, or None."""
    if not name:
        return "A name is needed."
    if len(name) > LONGEST:
        return f"A name has at most {LONGEST} characters."
    if NAME.fullmatch(name):
        return None
    return f"Names are lower-case letters, digits and -, beginning with a letter. For example: {proposal(name)}"


def new_name_problem(name: str, kind: str, taken: Container[str]) -> str | None:
    """What is wrong with a name for something new, in a sentence, or None."""
    return f"There is {with_article(kind)} of that name already." if name in taken else name_problem(name)


def cannot_be_named(name: str, kind: str) -> str:
    """That a name is not allowed for an event, a filter …, without the full stop."""
    shown = name if len(name) <= LONGEST else f"{name[:LONGEST]}…"
    return f'"{shown}" cannot be the name of {with_article(kind)}'


def with_article(kind: str) -> str:
    """`an event`, `a filter`."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def proposal(text: str) -> str:
    """The nearest name to a text."""
    name = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", text).lower()).strip("-")
    name = name.lstrip("0123456789-")[:LONGEST].strip("-")
    return name or "my-name"
