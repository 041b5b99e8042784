"""An event as people see it in the timeline: its title, its avatar, its category, its content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from unicodedata import category as kind_of

from msgspec import Struct

from eventwire.engine.pipeline import LOG_EVENT
from eventwire.engine.stored import decode, envelope_of
from eventwire.errors import EventwireError
from eventwire.fields import Context, FieldType
from eventwire.journal.rows import Row
from eventwire.language.payloads import encode_json
from eventwire.language.wildcards import TemplateError, parse_template

if TYPE_CHECKING:
    from eventwire.language.wildcards import Template
    from eventwire.project.model import Project

LOG_SOURCE = "log"
MOST_TEXT = 600
MOST_LINES = 12
"""So much of a text is shown in the timeline; the event's own page has all of it."""
MOST_JSON = 4000
MOST_ROWS = 8
MOST_SEARCHED = 4000
"""So much of a payload can be found by search."""
LONGEST_TITLE = 200
INVISIBLE = ("Zs", "Zl", "Zp", "Cc", "Cf")
"""Categories of characters of which nothing is seen: spaces, controls, marks of format."""


class Entry(Struct, frozen=True):
    """An event in the timeline."""

    run: str
    event: str
    environment: str
    source: str
    status: str
    received_at: float
    title: str
    avatar: str | None = None
    """An emoji or a few letters."""
    image: str | None = None
    """The address of an image for an avatar, beginning with https://."""
    category: str | None = None
    kind: str = "json"
    """`text`, `rows`, `json`, `image`, or `none`."""
    content: Any = None
    is_cut: bool = False
    """Only the beginning of the content is here."""
    context: str | None = None
    """Entries with the same one belong together."""
    is_start: bool = False
    """It is the first of its context."""
    notify: bool = False
    duration_ms: float | None = None
    parent: str | None = None
    replay_of: str | None = None
    matched: int = 0
    filter_count: int = 0
    has_buttons: bool = False


def is_log(row: Row) -> bool:
    """Whether a run is an entry of the log, whose payload says how it is shown."""
    return bool(row["event"] == LOG_EVENT and row["source"] == LOG_SOURCE)


def entry_of(project: Project, row: Row) -> Entry:
    """The entry of a run, from its row in the journal. Never raises: a template that has no value is left out."""
    payload = decode(row["payload"])
    shown = shown_log(payload) if is_log(row) else shown_event(project, row, payload)
    avatar, image = split_avatar(shown.pop("avatar"))
    actions = shown.pop("actions", ())
    event = project.events.get(row["event"])
    return Entry(
        row["id"],
        row["event"],
        row["environment"],
        row["source"],
        row["status"],
        row["received_at"],
        avatar=avatar,
        image=image,
        duration_ms=row["duration_ms"],
        parent=row["parent"],
        replay_of=row["replay_of"],
        matched=row["filters"].count('"matched":true'),
        filter_count=row["filter_count"],
        has_buttons=not row["replay_of"]
        and bool((event and event.buttons) or actions or '"actions"' in (row["extensions"] or "")),
        **shown,
    )


def shown_event(project: Project, row: Row, payload: Mapping[str, Any]) -> dict[str, Any]:
    """How an event of the project is shown: by its `display` templates."""
    event = project.events.get(row["event"])
    envelope = envelope_of(row)
    display = {name: rendered(text, payload, envelope) for name, text in (event.display if event else {}).items()}
    text, is_cut = beginning(encode_json(payload, indent=True), MOST_JSON)
    return {
        "title": seen(display.get("title"), row["event"])[:LONGEST_TITLE],
        "avatar": display.get("avatar"),
        "category": display.get("category") or (event.group if event else None),
        "kind": "json" if payload else "none",
        "content": text,
        "is_cut": is_cut,
    }


def shown_log(payload: Mapping[str, Any]) -> dict[str, Any]:
    """How an entry of the log is shown: as it says."""
    kind, content = payload.get("type", "text"), payload.get("content")
    name = payload.get("name")
    if name is None and kind == "text" and content is not None:
        # a text alone is its own title where it fits into a line
        name, content = (str(content), None) if len(str(content)) <= LONGEST_TITLE else ("Log entry", content)
    shown, is_cut = shown_content(kind, content)
    return {
        "title": seen(name, "Log entry"),
        "avatar": payload.get("avatar"),
        "category": payload.get("category"),
        "kind": kind if content is not None else "none",
        "content": shown,
        "is_cut": is_cut,
        "context": payload.get("context_id"),
        "is_start": bool(payload.get("context_start")),
        "notify": bool(payload.get("notify")),
        "actions": payload.get("actions") or (),
    }


def shown_content(kind: str, content: Any) -> tuple[Any, bool]:
    """The beginning of an entry's content, and whether there is more."""
    if content is None:
        return None, False
    if kind == "rows" and isinstance(content, list):
        rows = [shown_row(each) for each in content[:MOST_ROWS]]
        begun = [beginning_of_row(each) for each in rows]
        return begun, len(content) > MOST_ROWS or begun != rows
    if kind == "json":
        return beginning(encode_json(content, indent=True), MOST_JSON)
    if kind == "image":
        return str(content), False  # of an address, the beginning leads nowhere
    return beginning(str(content), MOST_TEXT, MOST_LINES)


def shown_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of an entry, its content as text."""
    content = row.get("content")
    text = encode_json(content, indent=True) if isinstance(content, dict | list) else str(content)
    return {"label": row.get("label"), "kind": row.get("type", "text"), "content": text}


def beginning_of_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the timeline has room for it."""
    if row["kind"] == "image":
        return row
    return row | {"content": beginning(row["content"], MOST_TEXT, MOST_LINES)[0]}


def all_rows(content: Any) -> list[dict[str, Any]]:
    """Every row of an entry, for its own page."""
    return [shown_row(each) for each in content if isinstance(each, Mapping)] if isinstance(content, list) else []


def beginning(text: str, most: int, lines: int | None = None) -> tuple[str, bool]:
    """A text's beginning, and whether something is left out."""
    begun = text[:most] if lines is None else "\n".join(text[:most].split("\n", lines)[:lines])
    return (text, False) if begun == text else (f"{begun}…", True)


def seen(text: str | None, otherwise: str) -> str:
    """A text that stands for something, or another where nobody would see it: a link needs a name."""
    return otherwise if text is None or is_blank(text) else text


def is_blank(text: str) -> bool:
    """Whether nothing of a text is seen."""
    return all(kind_of(each) in INVISIBLE for each in text)


def split_avatar(avatar: str | None) -> tuple[str | None, str | None]:
    """An avatar as text, or as an image's address; one that is not https is not loaded."""
    if not avatar or is_blank(avatar):
        return None, None
    if avatar.lower().startswith("https://"):
        return None, avatar
    return (None, None) if "://" in avatar else (avatar[:16], None)


def rendered(text: str, payload: Mapping[str, Any], envelope: Mapping[str, Any]) -> str | None:
    """A display template's text; None where it has no value."""
    try:
        return str(template(text).render(payload, envelope)).strip() or None
    except (TemplateError, EventwireError):
        return None


@lru_cache(maxsize=4096)
def template(text: str) -> Template:
    """A display template, read once."""
    return parse_template(text, Context.TEXT, FieldType.STRING)


# Searching


def searched_text(entry: Entry, row: Row) -> str:
    """The text by which an entry is found: what is seen of it, and the values of its payload."""
    parts = [entry.title, entry.event, entry.category or "", entry.run, entry.context or "", row["source"]]
    room = MOST_SEARCHED
    for value in values_of(decode(row["payload"])):
        parts.append(value[:room])
        room -= len(value) + 1
        if room <= 0:
            break
    return "\n".join(parts)


def values_of(value: Any) -> Iterator[str]:
    """The texts and numbers of a payload."""
    if isinstance(value, Mapping):
        for each in value.values():
            yield from values_of(each)
    elif isinstance(value, list):
        for each in value:
            yield from values_of(each)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
