"""Dates and times: ISO 8601 texts as instants that compare."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from eventwire.language.lazy_pattern import lazy_pattern

_SHAPE = lazy_pattern(r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:?\d\d)?)?")


def read_instant(value: Any) -> datetime | None:
    """An ISO 8601 date or date-time as an instant; None where it is none.

    A date is its midnight, and a date-time without a zone is taken as UTC.
    """
    if isinstance(value, str):
        return _read(value)
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime(value.year, value.month, value.day, tzinfo=UTC) if isinstance(value, date) else None


def _read(text: str) -> datetime | None:
    if not _SHAPE.fullmatch(text):
        return None
    try:
        instant = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
