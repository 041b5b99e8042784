"""A run's waterfall for the page: what the terminal draws, as bars in thousandths of the run's time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from eventwire.engine.inspected import Inspected
from eventwire.engine.record import ActionRecord, RunRecord
from eventwire.engine.stored import decode

SCALE = 1000.0
THINNEST = 4.0


class Bar(Struct, frozen=True):
    """One attempt's time within the run's."""

    x: float
    width: float
    status: str


class Attempted(Struct, frozen=True):
    """An attempt that failed and was followed by another."""

    number: int
    started_at: float
    duration_ms: float
    error: Mapping[str, Any]
    response: Any


class Line(Struct, frozen=True):
    """One action of the waterfall."""

    filter: str
    action: ActionRecord
    bars: Sequence[Bar]
    attempts: Sequence[Attempted]
    due_at: float | None
    resolution: Mapping[str, Any] | None
    status: str
    """The delivery's; `running` where it is on its way, `waiting` where another attempt follows."""

    @property
    def name(self) -> str:
        """`filter/action`."""
        return f"{self.filter}/{self.action.name}"


def lines_of(record: RunRecord, inspected: Inspected) -> list[Line]:
    """The actions of a run, in the order of the project file."""
    total = total_ms(record, inspected)
    rows = {(each["filter"], each["name"]): each for each in inspected.deliveries}
    lines = []
    for each in record.matching:
        for action in each.actions:
            row = rows[each.name, action.name]
            attempts = [
                Attempted(
                    one["number"], one["started_at"], one["duration_ms"], decode(one["error"]), decode(one["response"])
                )
                for one in inspected.attempts
                if one["position"] == row["position"]
            ]
            status = status_of(action, row["status"], inspected.row["status"])
            lines.append(
                Line(
                    each.name,
                    action,
                    bars_of(action, attempts, inspected.row["received_at"], total, status),
                    attempts,
                    row["due_at"],
                    decode(row["resolution"]),
                    status,
                )
            )
    return lines


def status_of(action: ActionRecord, status: str, run_status: str) -> str:
    """How an action stands, for people."""
    if run_status == "running" and status == "started":
        return "running"
    return "waiting" if action.is_waiting else str(action.status)


def total_ms(record: RunRecord, inspected: Inspected) -> float:
    """The time that the whole width stands for."""
    ends = [(each.started_ms or 0.0) + (each.duration_ms or 0.0) for each in record.actions]
    received_ms = inspected.row["received_at"] * 1000
    ends += [one["started_at"] * 1000 - received_ms + one["duration_ms"] for one in inspected.attempts]
    return max(record.duration_ms, *ends, 0.001) if ends else max(record.duration_ms, 0.001)


def bars_of(
    action: ActionRecord, attempts: Sequence[Attempted], received_at: float, total: float, status: str
) -> list[Bar]:
    """Each attempt that failed, and the last one."""
    bars = []
    began = action.started_ms
    for each in attempts:
        start = (each.started_at - received_at) * 1000
        bars.append(bar(start, each.duration_ms, total, "retried"))
    if began is not None and action.duration_ms is not None:
        if attempts:
            # the action's time begins with its first attempt: the last one's is what is left after the others
            last_end = (attempts[-1].started_at - received_at) * 1000 + attempts[-1].duration_ms
            end = began + action.duration_ms
            bars.insert(0, bar(began, action.duration_ms, total, "waited"))
            bars.append(bar(max(last_end, began), max(0.0, end - max(last_end, began)), total, f"{status} last"))
        else:
            bars.append(bar(began, action.duration_ms, total, status))
    return bars


def bar(start_ms: float, duration_ms: float, total_ms: float, status: str) -> Bar:
    """A bar that can be seen, and that stays within the run."""
    width = min(SCALE, max(THINNEST, duration_ms / total_ms * SCALE))
    return Bar(round(max(0.0, min(SCALE - width, start_ms / total_ms * SCALE)), 1), round(width, 1), status)
