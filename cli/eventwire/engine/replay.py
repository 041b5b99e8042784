"""Runs once more: what would be sent by today's project, beside what was sent then; and then sending it.

A replay sends what its original has not done: an action that succeeded, then or in an earlier replay, is skipped, so
that a replay that was interrupted goes on where it had come to when it is asked for again. It keeps the idempotency
keys of the original's deliveries, unless everything is to be sent anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import unified_diff
from enum import StrEnum
from typing import Any

from msgspec import Struct

from eventwire.engine.pipeline import Pipeline
from eventwire.engine.record import DeliveryStatus, RunRecord
from eventwire.engine.run import IncomingEvent, NewRun, Replay, iso_8601
from eventwire.engine.selection import EVERYTHING, Selection
from eventwire.engine.stored import decode
from eventwire.errors import PayloadError
from eventwire.journal.rows import Row
from eventwire.journal.store import Journal
from eventwire.language.payloads import encode_json


class Change(StrEnum):
    """What a replay would do about an action, compared with what its original did."""

    SAME = "same"
    """It is sent as it was."""
    CHANGED = "changed"
    """It is sent, but differently."""
    NEW = "new"
    """It is sent, and was not part of the original: the project has changed since."""
    GONE = "gone"
    """It was part of the original, and is not sent: its filter does not match any more, or it is no longer there."""
    DONE = "done"
    """It is done already, and skipped."""
    UNKNOWN = "unknown"
    """It may have happened already, and is skipped: nobody has said that it may happen twice."""
    BROKEN = "broken"
    """Its request cannot be made."""


WORDS: Mapping[Change, tuple[str, str]] = {
    Change.SAME: ("again", "name"),
    Change.CHANGED: ("changed", "warn"),
    Change.NEW: ("new", "ok"),
    Change.GONE: ("no longer", "dim"),
    Change.DONE: ("done", "dim"),
    Change.UNKNOWN: ("unknown", "warn"),
    Change.BROKEN: ("broken", "bad"),
}
"""What a plan says of each, and in which of the terminal's and the pages' colours."""


SENT = (Change.SAME, Change.CHANGED, Change.NEW)


class Step(Struct, frozen=True):
    """One action of a replay."""

    filter: str
    action: str
    change: Change
    before: Mapping[str, Any] | None = None
    """The request then."""
    after: Mapping[str, Any] | None = None
    """The request now."""
    error: str | None = None
    """Why it is broken, or which run has done it."""

    @property
    def diff(self) -> list[str]:
        """How the request has changed, as lines of a unified diff."""
        if self.change is not Change.CHANGED:
            return []
        then, now = (encode_json(each or {}, indent=True).splitlines() for each in (self.before, self.after))
        lines = unified_diff(then, now, lineterm="", n=1)
        return [line for line in lines if not line.startswith(("---", "+++", "@@"))]

    def as_dict(self) -> dict[str, Any]:
        """The step as data."""
        return {
            "filter": self.filter,
            "action": self.action,
            "change": self.change,
            "before": self.before,
            "after": self.after,
            "diff": self.diff,
            "error": self.error,
        }


class ReplayPlan(Struct, frozen=True):
    """What replaying a run would do."""

    original: Row
    incoming: IncomingEvent | None
    """None where it cannot be replayed."""
    steps: Sequence[Step]
    problem: str | None = None
    """Why it cannot be replayed."""

    @property
    def sends(self) -> bool:
        """Whether there is anything to send."""
        return any(step.change in SENT for step in self.steps)

    def as_dict(self) -> dict[str, Any]:
        """The plan as data."""
        return {
            "run": self.original["id"],
            "event": self.original["event"],
            "environment": self.original["environment"],
            "problem": self.problem,
            "actions": [step.as_dict() for step in self.steps],
        }


def plan_replay(
    pipeline: Pipeline,
    original: Row,
    *,
    only: Selection = EVERYTHING,
    is_anew: bool = False,
    repeats_unknown: bool = False,
) -> ReplayPlan:
    """What replaying a run, which came in first and is no replay itself, would do with the pipeline's project.

    What is unknown may have happened already: it is sent only where `repeats_unknown` says that it may be again.
    """
    journal = pipeline.journal
    assert journal is not None, "what is replayed is in the journal"
    replays = journal.replays(original["id"])
    before = latest_deliveries(journal, [original["id"], *(row["id"] for row in replays)])
    left_out = {} if is_anew else {name: why for name, row in before.items() if (why := why_not(row, repeats_unknown))}
    incoming = IncomingEvent(
        original["event"],
        decode(original["payload"]),
        original["source"],
        id=original["event_id"] or original["id"],
        time=original["event_time"] or iso_8601(original["received_at"]),
        # two who replay a run at the same moment plan the same: one sends it, and the other is given its result
        idempotency_key=f"replay {len(replays) + 1} of {original['id']}",
        replay=Replay(original["id"], left_out, is_anew),
    )
    if problem := still_running(original, replays):
        return ReplayPlan(original, None, (), problem)
    if original["event"] not in pipeline.project.events:
        return ReplayPlan(original, None, (), f'The project has no event "{original["event"]}" any more.')
    try:
        run = pipeline.make_run(incoming, only=only)
    except PayloadError as error:
        wrong = "; ".join(f"{path}: {sentence}" for path, sentence in error.violations)
        return ReplayPlan(original, None, (), f"{error.message} {wrong}".strip())
    return ReplayPlan(original, incoming, tuple(steps_of(run, before, only)))


def still_running(original: Row, replays: Sequence[Row]) -> str | None:
    """Why a run is not replayed whose actions may be sent at this moment, or after a crash by `recover`."""
    for row in (original, *replays):
        if row["status"] == "running":
            which = "It" if row is original else f"Its replay {row['id']}"
            return f"{which} has not ended yet. If no process runs it any more, end it first with: eventwire recover"
    return None


def why_not(row: Row, repeats_unknown: bool) -> Mapping[str, Any] | None:
    """Why an action is not sent again, as an error; None for one that is."""
    if row["status"] == "succeeded":
        return {"kind": "done", "message": f"Run {row['run']} has done it already.", "next_step": None}
    if row["status"] == "unknown" and not repeats_unknown:
        return {
            "kind": "unknown",
            "message": f"Run {row['run']} may have done it already.",
            "next_step": f"Say so with eventwire inspect {row['run']} --resolve done, or send it again by naming the run.",
        }
    return None


def latest_deliveries(journal: Journal, runs: Sequence[str]) -> dict[str, Row]:
    """What a run and its replays have done, by `filter/action`: the row that succeeded, or the latest otherwise."""
    found: dict[str, Row] = {}
    for run in runs:
        for row in journal.deliveries(run):
            name = f"{row['filter']}/{row['name']}"
            known = found.get(name)
            if known is None or (known["status"] != "succeeded" and row["status"] != "skipped"):
                found[name] = row
    return found


def steps_of(run: NewRun, before: Mapping[str, Row], only: Selection) -> Iterable[Step]:
    """What would become of each action, of today's project and of the original."""
    now = set()
    for delivery in run.deliveries:
        now.add(delivery.label)
        record = delivery.record
        row = before.get(delivery.label)
        if not only.includes(delivery.filter, record.name):
            continue
        then = decode(row["request"]) if row and row["status"] != "skipped" else None
        if record.status is DeliveryStatus.SKIPPED:
            change = Change.DONE if record.error and record.error["kind"] == "done" else Change.UNKNOWN
        elif record.status is DeliveryStatus.FAILED:
            change = Change.BROKEN
        elif then is None:
            change = Change.NEW
        else:
            change = Change.SAME if plain(then) == plain(record.request) else Change.CHANGED
        error = str(record.error["message"]) if record.error else None
        yield Step(delivery.filter, record.name, change, then, record.request, error)
    for name, row in before.items():
        if (
            name not in now
            and row["status"] not in ("succeeded", "skipped")
            and only.includes(row["filter"], row["name"])
        ):
            yield Step(row["filter"], row["name"], Change.GONE, decode(row["request"]))


def plain(request: Any) -> Any:
    """A request as the journal has it, for comparison."""
    return decode(encode_json(request))


async def replay(pipeline: Pipeline, plan: ReplayPlan, *, only: Selection = EVERYTHING) -> RunRecord:
    """Replay a run as planned. Raises what `Pipeline.run` raises."""
    assert plan.incoming is not None, "a plan with a problem is not carried out"
    return await pipeline.run(plan.incoming, only=only)


def originals(rows: Iterable[Row], find: Callable[[str], Row | None]) -> list[Row]:
    """The runs that came in first: replays stand for what they replay, and each is there once, oldest first."""
    found: dict[str, Row] = {}
    for row in rows:
        first = row if row["replay_of"] is None else find(row["replay_of"])
        if first is not None:
            found[first["id"]] = first
    return [found[name] for name in sorted(found)]
