"""The journal for people: the runs as a table, and one run in full."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eventwire.engine.inspected import (
    Inspected,
    Resolution,
    document_of,
    explained,
    find_run,
    limits_of,
    look_at,
    moment,
    resolve_unknown,
)
from eventwire.engine.record import DeliveryStatus
from eventwire.engine.stored import decode, record_of
from eventwire.errors import UsageError
from eventwire.journal.rows import Row
from eventwire.journal.statements import OPEN_ENDS
from eventwire.journal.store import FILE_NAME, Journal
from eventwire.language.dates import read_instant
from eventwire.language.payloads import encode_json
from eventwire.project.locate import STATE_FOLDER
from eventwire.terminal.loop import run_until_done

if TYPE_CHECKING:
    from eventwire.engine.record import RunRecord
    from eventwire.project.model import Project
    from eventwire.terminal.session import Session

_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def open_journal(folder: Path) -> Journal | None:
    """The project's journal; None where nothing has run yet. Raises JournalError."""
    state = folder / STATE_FOLDER
    return Journal(state) if (state / FILE_NAME).is_file() else None


def read_moment(text: str) -> float:
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
    """The newest runs first; of those that failed or are unknown, each action that did or is."""
    after = read_moment(since) if since else None
    journal = open_journal(folder)
    runs: Sequence[Row] = []
    bad: Mapping[str, Sequence[Row]] = {}
    if journal is not None:
        try:
            runs = journal.runs(event=event, status=status, since=after, limit=limit)
            if status in OPEN_ENDS:
                bad = {row["id"]: journal.open_ends(row["id"], status) for row in runs}
        finally:
            journal.close()
    document = {"runs": [summary_of(row) | dead_letters_of(bad.get(row["id"], ())) for row in runs]}
    session.result(document, draw_history(session, runs, bad, status))


def dead_letters_of(deliveries: Sequence[Row]) -> dict[str, Any]:
    """A run's actions that failed or are unknown, as data; nothing where there are none."""
    found = [
        {"filter": row["filter"], "action": row["name"], "attempts": row["attempts"], "error": decode(row["error"])}
        for row in deliveries
    ]
    return {"actions": found} if found else {}


def summary_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """A run in the list, as data."""
    names = ("id", "event", "environment", "source", "status", "idempotency_key", "parent", "duration_ms")
    verdicts = decode(row["filters"])
    return {
        **{name: row[name] for name in names},
        "received_at": moment(row["received_at"]),
        "match": {"filters": row["filter_count"], "matched": sum(bool(each["matched"]) for each in verdicts)},
    }


def draw_history(session: Session, runs: Sequence[Row], bad: Mapping[str, Sequence[Row]], status: str | None) -> str:
    """The runs as a table; below it, what failed or is unknown of each, and what to do about it."""
    from eventwire.terminal.tables import draw_table, paragraph

    if not runs:
        return nothing_found(status)
    rows = [
        [local(row["received_at"]), row["event"], row["environment"], row["status"], took(row), row["id"]]
        for row in runs
    ]
    table = draw_table(session, ["When", "Event", "Environment", "Status", "Took", "Run"], rows)
    lines: list[str] = []
    for run, deliveries in bad.items():
        told = [
            f"  {row['filter']}/{row['name']}: {(decode(row['error']) or {}).get('message', row['status'])}"
            for row in deliveries
        ]
        lines += [run, *(paragraph(line, session.width, "    ") for line in told)]
    if not lines:
        return table
    return "\n".join([table, "", *lines, "", "See what would be sent again with: eventwire replay --plan RUN"])


def nothing_found(status: str | None) -> str:
    """What stands in the place of the runs where there are none."""
    if status in OPEN_ENDS:
        return f"No run has an action that {'has failed' if status == 'failed' else 'is unknown'} and was not settled since."
    return "No runs are found. Run an event with: eventwire run EVENT"


def took(row: Mapping[str, Any]) -> str:
    """How long a run took."""
    from eventwire.terminal.waterfall import milliseconds

    return milliseconds(row["duration_ms"]) if row["duration_ms"] is not None else ""


def local(seconds: float) -> str:
    """A moment in the time zone of this machine."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


# One run


def show_run(session: Session, project: Project, run: str) -> None:
    """One run: its event, each filter explained, the waterfall, requests, attempts and responses. Raises UsageError."""
    with opened_journal(project.folder, run) as journal:
        inspected = look_at(journal, find_run(journal, run))
    row = inspected.row
    payload = decode(row["payload"])
    record = explained(record_of(row, inspected.deliveries), row, payload, project)
    used = {each["service_account"] for each in inspected.deliveries}
    limits = {name: limits_of(each) for name, each in project.accounts.items() if name in used and limits_of(each)}
    document = document_of(record, inspected, payload) | {"limits": limits}
    session.result(document, draw_record(session, record, inspected, payload, limits))


@contextmanager
def opened_journal(folder: Path, run: str) -> Iterator[Journal]:
    """The project's journal, to find a run in. Raises UsageError where nothing has run yet."""
    journal = open_journal(folder)
    if journal is None:
        raise UsageError(f'There is no run "{run}".', next_step="Nothing has run yet; see: eventwire run --help")
    try:
        yield journal
    finally:
        journal.close()


def account_states(project: Project) -> list[Row]:
    """The circuits of the project's accounts that are not closed."""
    journal = open_journal(project.folder)
    if journal is None:
        return []
    try:
        rows = journal.account_states()
    finally:
        journal.close()
    return [each for each in rows if each["name"] in project.accounts and each["state"] != "closed"]


def draw_record(
    session: Session, record: RunRecord, inspected: Inspected, payload: Any, limits: Mapping[str, str]
) -> str:
    """One run as text."""
    from eventwire.terminal.explanation import draw_explanations
    from eventwire.terminal.requests import draw_deliveries
    from eventwire.terminal.tables import paragraph
    from eventwire.terminal.waterfall import Canvas, draw_run

    canvas = Canvas(session.width, session.style, session.shows_unicode)
    facts = paragraph("; ".join(facts_of(inspected.row)), session.width).split("\n")
    left_out = record.filter_count - len(record.filters)

    def dim(line: str) -> str:
        return canvas.style(line, "dim")

    more = f"\n{left_out} more filters did not match; of so many, those are not kept." if left_out else ""
    parts = [
        "\n".join([draw_run(record, canvas, has_ended=inspected.row["status"] != "running"), *map(dim, facts)]),
        "\n".join(paragraph(line, session.width) for line in [*lines_of(inspected), *told_of(limits)]),
        f"{canvas.style('payload', 'bold')}\n{encode_json(payload, indent=True)}",
        draw_explanations(record, canvas) + more,
        draw_deliveries(record, canvas),
        ways_on(record),
    ]
    return "\n\n".join(part for part in parts if part)


def told_of(limits: Mapping[str, str]) -> Iterator[str]:
    """The limits of accounts, a line each."""
    for name, limit in limits.items():
        yield f"account {name}: {limit}"


def facts_of(row: Row) -> list[str]:
    """Where a run came from, and how far it is."""
    facts = [f"came in {local(row['received_at'])} from {row['source']}"]
    facts += ["has not ended"] if row["status"] == "running" else []
    # replays, and events that outcomes raise, have a key of eventwire's own making
    is_given = row["idempotency_key"] and not row["replay_of"] and not row["parent"]
    facts += [f"idempotency key {row['idempotency_key']}"] if is_given else []
    facts += [f"raised by {row['raised_by']} of run {row['parent']}"] if row["parent"] else []
    return facts + ([f"replays run {row['replay_of']}"] if row["replay_of"] else [])


def lines_of(inspected: Inspected) -> Iterator[str]:
    """What else the journal has of a run: attempts, what is due, what followed, accounts that are paused."""
    for each in inspected.attempts:
        delivery = inspected.deliveries[each["position"]]
        error = decode(each["error"])["message"]
        when = local(each["started_at"])
        yield f"{delivery['filter']}/{delivery['name']}: attempt {each['number']} at {when} failed: {error}"
    for each in inspected.deliveries:
        if each["due_at"] is not None:
            yield f"{each['filter']}/{each['name']}: the next attempt is due at {local(each['due_at'])}"
        if each["resolution"] is not None:
            said = decode(each["resolution"])
            verdict = "is done" if said["as"] == "done" else "has failed"
            yield f"{each['filter']}/{each['name']}: {said['by']} said at {said['at']} that it {verdict}"
    for each in inspected.children:
        yield f"{each['raised_by']} raised {each['event']}: run {each['id']}"
    for each in decode(inspected.row["not_raised"]) or []:
        yield f"{each['by']} could not raise {each['event']}: {each['error']}"
    for each in inspected.replays:
        if each["id"] != inspected.row["id"]:
            yield f"replayed by run {each['id']}: {each['status']}"
    for each in inspected.accounts:
        until = f" until {local(each['paused_until'])}" if each["paused_until"] else ""
        yield f"account {each['name']} is paused{until} after {each['failures']} failures: {each['last_error']}"


def ways_on(record: RunRecord) -> str:
    """What can be done about actions that failed or are unknown."""
    statuses = {each.status for each in record.actions}
    lines = []
    if DeliveryStatus.UNKNOWN in statuses:
        lines.append(
            "Unknown: see at the service whether it has happened, then say so with: "
            f"eventwire inspect {record.id} --resolve done|failed"
        )
    if statuses & {DeliveryStatus.FAILED, DeliveryStatus.UNKNOWN}:
        lines.append(f"Send what is not done again with: eventwire replay {record.id}")
    return "\n".join(lines)


# What a person knows of an outcome that eventwire does not


def resolve(session: Session, project: Project, run: str, verdict: str, only: Sequence[str]) -> None:
    """Say of a run's unknown actions that they are done, or have failed. Raises UsageError where none is unknown."""
    with opened_journal(project.folder, run) as journal:
        row = find_run(journal, run)
        resolution = Resolution(verdict, user_name(session), moment(time.time()))
        names = run_until_done(resolve_unknown(journal, row, resolution, only))
    session.done(
        {"run": row["id"], "resolved": names, **resolution.as_dict()},
        f"{', '.join(names)} of run {row['id']}: {'done' if verdict == 'done' else 'failed, and waits for replay'}.",
    )


def user_name(session: Session) -> str:
    """Who says so."""
    return session.environ.get("USER") or session.environ.get("LOGNAME") or "somebody"
