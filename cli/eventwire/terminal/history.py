"""The journal for people: the runs as a table, and one run in full."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from eventwire.engine.stored import decode, record_of
from eventwire.errors import UsageError, did_you_mean
from eventwire.journal.store import FILE_NAME, Journal
from eventwire.language.dates import read_instant
from eventwire.language.payloads import encode_json
from eventwire.project.locate import STATE_FOLDER

if TYPE_CHECKING:
    from eventwire.engine.record import FilterRecord, RunRecord
    from eventwire.project.model import Project
    from eventwire.terminal.session import Session

STATUSES = ("running", "succeeded", "partial", "failed")
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def open_journal(folder: Path) -> Journal | None:
    """The project's journal; None where nothing has run yet. Raises JournalError."""
    state = folder / STATE_FOLDER
    return Journal(state) if (state / FILE_NAME).is_file() else None


def read_since(text: str) -> float:
    """A moment as seconds since 1970: `2h` ago, or a date or date-time. Raises UsageError."""
    if ago := _AGO.fullmatch(text.strip()):
        return time.time() - float(ago[1]) * SECONDS[ago[2]]
    moment = read_instant(text.strip())
    if moment is None:
        raise UsageError(f'"{text}" is no moment.', next_step="Write 30m, 2h or 3d, or 2026-11-23T15:00:00Z.")
    return moment.timestamp()


# The list


def show_history(
    session: Session, folder: Path, *, event: str | None, status: str | None, since: str | None, limit: int
) -> None:
    """The newest runs first."""
    journal = open_journal(folder)
    runs: Sequence[Mapping[str, Any]] = []
    if journal is not None:
        try:
            after = read_since(since) if since else None
            runs = journal.runs(event=event, status=status, since=after, limit=limit)
        finally:
            journal.close()
    document = {"runs": [summary_of(row) for row in runs]}
    session.result(document, draw_history(session, runs))


def summary_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """A run in the list, as data."""
    names = ("id", "event", "environment", "source", "status", "idempotency_key", "parent", "duration_ms")
    verdicts = decode(row["filters"])
    return {
        **{name: row[name] for name in names},
        "received_at": moment(row["received_at"]),
        "match": {"filters": row["filter_count"], "matched": sum(bool(each["matched"]) for each in verdicts)},
    }


def draw_history(session: Session, runs: Sequence[Mapping[str, Any]]) -> str:
    """The runs as a table."""
    from eventwire.terminal.tables import draw_table

    if not runs:
        return "No runs are found. Run an event with: eventwire run EVENT"
    rows = [
        [local(row["received_at"]), row["event"], row["environment"], row["status"], took(row), row["id"]]
        for row in runs
    ]
    return draw_table(session, ["When", "Event", "Environment", "Status", "Took", "Run"], rows)


def took(row: Mapping[str, Any]) -> str:
    """How long a run took."""
    from eventwire.terminal.waterfall import milliseconds

    return milliseconds(row["duration_ms"]) if row["duration_ms"] is not None else ""


def moment(seconds: float) -> str:
    """A moment as ISO 8601, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def local(seconds: float) -> str:
    """A moment in the time zone of this machine."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


# One run


def show_run(session: Session, project: Project, run: str) -> None:
    """One run: its event, each filter explained, the waterfall, requests and responses. Raises UsageError."""
    journal = open_journal(project.folder)
    if journal is None:
        raise UsageError(f'There is no run "{run}".', next_step="Nothing has run yet; see: eventwire run --help")
    try:
        row = find_run(journal, run)
        record = record_of(row, journal.deliveries(row["id"]))
    finally:
        journal.close()
    payload = decode(row["payload"])
    record = explained(record, row, payload, project)
    document = record.as_dict() | {
        "payload": payload,
        "source": row["source"],
        "received_at": moment(row["received_at"]),
        "idempotency_key": row["idempotency_key"],
        "parent": row["parent"],
    }
    session.result(document, draw_record(session, record, row, payload))


def find_run(journal: Journal, run: str) -> Mapping[str, Any]:
    """The run whose id begins so. Raises UsageError for none, or several."""
    found = journal.runs_that_begin(run) if run else []
    if len(found) == 1 or (found and found[0]["id"] == run):
        return found[0]
    if found:
        listed = ", ".join(row["id"] for row in found[:5])
        raise UsageError(f'Several runs begin with "{run}".', next_step=f"Write more of it: {listed} …")
    recent = [row["id"] for row in journal.recent(200)]
    step = did_you_mean(run, recent) or "See the runs with: eventwire history"
    raise UsageError(f'There is no run "{run}".', next_step=step)


def explained(record: RunRecord, row: Mapping[str, Any], payload: Mapping[str, Any], project: Project) -> RunRecord:
    """The record with each filter explained: as the journal has it, else worked out from what it has."""
    event = project.events.get(row["event"])
    envelope = {
        "id": row["id"],
        "name": row["event"],
        "time": moment(row["received_at"]),
        "source": row["source"],
        "environment": row["environment"],
    }
    filters = [explain(each, payload, envelope, event.model if event else None) for each in record.filters]
    return replace(record, filters=filters, matched=None)


def explain(each: FilterRecord, payload: Any, envelope: Mapping[str, Any], model: Any) -> FilterRecord:
    """A filter with its explanation, by the condition that it had then."""
    from eventwire.language.conditions import explain_condition, parse_condition

    if each.explanation is not None or each.where is None:
        return each
    return replace(each, explanation=explain_condition(parse_condition(each.where), payload, envelope, model))


def draw_record(session: Session, record: RunRecord, row: Mapping[str, Any], payload: Any) -> str:
    """One run as text."""
    from eventwire.terminal.explanation import draw_explanations
    from eventwire.terminal.requests import draw_deliveries
    from eventwire.terminal.waterfall import Canvas, draw_run

    canvas = Canvas(session.width, session.style, session.shows_unicode)
    facts = [f"came in {local(row['received_at'])} from {row['source']}"]
    facts += [f"idempotency key {row['idempotency_key']}"] if row["idempotency_key"] else []
    facts += [f"raised by run {row['parent']}"] if row["parent"] else []
    left_out = record.filter_count - len(record.filters)
    more = f"\n{left_out} more filters did not match; of so many, those are not kept." if left_out else ""
    parts = [
        f"{draw_run(record, canvas)}\n{canvas.style('; '.join(facts), 'dim')}",
        f"{canvas.style('payload', 'bold')}\n{encode_json(payload, indent=True)}",
        draw_explanations(record, canvas) + more,
        draw_deliveries(record, canvas),
    ]
    return "\n\n".join(part for part in parts if part)
