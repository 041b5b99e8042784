"""How pages are drawn: the templates, and what they write times, durations, JSON and marks with."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from eventwire import __version__
from eventwire.engine.inspected import limits_of
from eventwire.engine.stored import decode
from eventwire.language.payloads import encode_json

TEMPLATES = Path(__file__).parent.parent / "templates"
MOST_SHOWN = 100_000
"""So many characters of a payload, a request or an answer are on a page."""
MOST_VALUE = 200
STATUSES: Mapping[str, tuple[str, str]] = {
    "succeeded": ("✓", "ok"),
    "completed": ("✓", "ok"),
    "closed": ("✓", "ok"),
    "failed": ("✕", "bad"),
    "open": ("✕", "bad"),
    "partial": ("◑", "warn"),
    "unknown": ("?", "warn"),
    "half-open": ("◑", "warn"),
    "skipped": ("–", "dim"),
    "expired": ("–", "dim"),
    "planned": ("→", "name"),
    "waiting": ("↻", "name"),
    "running": ("●", "name"),
    "pressing": ("●", "name"),
}
"""Each status with its mark and its colour."""
OPERATORS: Mapping[str, str] = {"AND": "all of", "OR": "any of", "XOR": "an odd number of", "NOT": "not"}


def make_templates() -> Environment:
    """The templates; whatever stands in an event is escaped."""
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.filters |= {
        "ago": ago,
        "clock": clock,
        "day": day,
        "decode": decode,
        "duration": duration,
        "full_time": full_time,
        "host": host,
        "iso": iso,
        "json": json_text,
        "limits": limits_of,
        "plural": plural,
        "safe_link": safe_link,
        "tojson_short": tojson_short,
    }
    templates.globals |= {
        "OPERATORS": OPERATORS,
        "link": link,
        "mark": mark,
        "colour": colour,
        "now": time.time,
        "version": __version__,
    }
    return templates


def clock(seconds: float) -> str:
    """The time of day, where the server is."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%H:%M:%S")


def day(seconds: float) -> str:
    """The day, as a heading."""
    at = datetime.fromtimestamp(seconds).astimezone()
    today = datetime.now().astimezone().date()
    name = {0: "Today", 1: "Yesterday"}.get((today - at.date()).days)
    written = f"{at:%A}, {at.day} {at:%B}" + (f" {at.year}" if at.year != today.year else "")
    return f"{name}, {at.day} {at:%B}" if name else written


def full_time(seconds: float) -> str:
    """A moment in full, with its time zone."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def iso(seconds: float) -> str:
    """A moment for machines."""
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="milliseconds")


def ago(seconds: float, now: float | None = None) -> str:
    """How long ago, or in how long, in words."""
    passed = (time.time() if now is None else now) - seconds
    size, unit = abs(passed), "second"
    for length, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if size >= length:
            size, unit = size / length, name
            break
    count = max(1, int(size))
    words = f"{count} {unit}{'s' * (count != 1)}"
    return f"{words} ago" if passed >= 0 else f"in {words}"


def duration(value: float | None) -> str:
    """A duration as people read it."""
    if value is None:
        return ""
    if value >= 10_000:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms"


def json_text(value: Any) -> str:
    """A value as indented JSON; a text as itself."""
    text = value if isinstance(value, str) else encode_json(value, indent=True)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}\n… {len(text) - MOST_SHOWN:,} characters more"


def tojson_short(value: Any) -> str:
    """A value as JSON on one line, cut where it is long."""
    text = encode_json(value)
    return text if len(text) <= MOST_VALUE else f"{text[:MOST_VALUE]}…"


def safe_link(address: str) -> str:
    """An address that a link may lead to: anything that could be a script leads nowhere."""
    scheme = address.partition(":")[0].strip().lower()
    return address if scheme in ("https", "http", "mailto", "tel") else "#"


def plural(count: int, word: str) -> str:
    """A number of things."""
    return f"{count:,} {word}{'s' * (count != 1)}"


def host(address: str) -> str:
    """The host of an address."""
    try:
        return urlsplit(address).netloc or address
    except ValueError:
        return address


def link(path: str, **values: Any) -> str:
    """An address with its parameters, where they are given."""
    given = {key: value for key, value in values.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


def mark(status: str) -> str:
    """A status as a sign."""
    return STATUSES.get(str(status), ("•", "dim"))[0]


def colour(status: str) -> str:
    """A status as a colour's name."""
    return STATUSES.get(str(status), ("•", "dim"))[1]


def by_day(entries: Sequence[Any], before: float | None = None) -> list[tuple[str | None, list[Any]]]:
    """Entries by day, each with its heading; none for those of the day that the page before ended with."""
    last = day(before) if before is not None else None
    groups: list[tuple[str | None, list[Any]]] = []
    for each in entries:
        name = day(each.received_at)
        if not groups or name != last:
            groups.append((name if name != last else None, []))
        groups[-1][1].append(each)
        last = name
    return groups
