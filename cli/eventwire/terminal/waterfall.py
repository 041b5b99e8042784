"""A run drawn as a waterfall: one bar an action, parallel bars side by side in time."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from eventwire.engine.record import ActionRecord, DeliveryStatus, FilterRecord, RunRecord

Style = Callable[[str, str], str]
"""Text in a named colour of `terminal.session.COLOURS`."""

MARKS = {
    DeliveryStatus.SUCCEEDED: ("✓", "+", "ok"),
    DeliveryStatus.FAILED: ("✗", "x", "bad"),
    DeliveryStatus.UNKNOWN: ("?", "?", "warn"),
    DeliveryStatus.SKIPPED: ("-", "-", "dim"),
    DeliveryStatus.PLANNED: ("→", ">", "name"),
}
# Below this many columns for the bars they say nothing.
SMALLEST_BAR = 8
TIME = 10
# More filters that did not match are counted, not listed.
MOST_OTHERS = 20


class Canvas(Struct, frozen=True):
    """How to draw: columns, colours, and whether the output can show more than ASCII."""

    width: int
    style: Style
    unicode: bool = True


class Columns(Struct, frozen=True):
    """How wide each column of a run's actions is; 0 for one that has no room."""

    name: int
    does: int
    bar: int
    tries: int

    @classmethod
    def of(cls, record: RunRecord, width: int) -> Columns:
        """The columns of a run on a terminal of a width; what the bar cannot use is left out, the service next."""
        name = max((len(action.name) for action in record.actions), default=0)
        does = max((len(does_of(action)) for action in record.actions), default=0)
        tries = max((len(tries_of(action)) for action in record.actions), default=0)
        fixed = 4 + name + TIME + tries
        if width - fixed - does - 4 >= SMALLEST_BAR:
            return cls(name, does, width - fixed - does - 4, tries)
        return cls(name, does if fixed + does + 2 <= width else 0, 0, tries)


def draw_run(record: RunRecord, canvas: Canvas, *, has_ended: bool = True) -> str:
    """A run's record as text for people."""
    from textwrap import wrap

    columns = Columns.of(record, canvas.width)
    lines = [headline(record, canvas, has_ended), ""]
    others = [each for each in record.filters if not each.matched]
    for each in record.filters if len(others) <= MOST_OTHERS else record.matching:
        lines += draw_filter(each, record, columns, canvas)
    if len(others) > MOST_OTHERS:
        lines.append(canvas.style(f"{len(others):,} filters did not match", "dim"))
    lines += ["", *(canvas.style(line, "dim") for line in wrap(summary(record), canvas.width))]
    return "\n".join(lines)


def headline(record: RunRecord, canvas: Canvas, has_ended: bool) -> str:
    """What ran, where, and what came of it."""
    if any(action.is_waiting for action in record.actions):
        verdict, colour = "has not ended, waits for another attempt", "warn"
    elif not has_ended:
        verdict, colour = "has not ended", "warn"
    elif any(action.status is DeliveryStatus.PLANNED for action in record.actions):
        verdict, colour = "dry run, nothing is sent", "name"
    elif not record.actions:
        verdict, colour = "no filter with actions matched", "warn"
    else:
        verdict = f"{record.status} in {milliseconds(record.duration_ms)}"
        colour = {"succeeded": "ok", "partial": "warn", "failed": "bad"}[record.status]
    where = f"{record.environment}, run {record.id}"
    gap = "  " if len(record.event) + len(verdict) + len(where) + 4 <= canvas.width else "\n"
    return f"{canvas.style(record.event, 'bold')}  {canvas.style(verdict, colour)}{gap}{canvas.style(where, 'dim')}"


def draw_filter(each: FilterRecord, record: RunRecord, columns: Columns, canvas: Canvas) -> list[str]:
    """A filter's verdict, and its actions below it."""
    condition = shorten(each.where or "always matches", canvas.width - len(each.name) - 2, canvas)
    name = canvas.style(each.name, "bold" if each.matched else "dim")
    lines = [f"{name}  {canvas.style(condition, 'dim')}"]
    if not each.matched:
        return [*lines, *(canvas.style(line, "dim") for line in draw_reason(each, canvas))]
    for action in each.actions:
        lines += draw_action(action, record, columns, canvas)
    if not each.actions:
        lines.append(canvas.style("  no actions", "dim"))
    return lines


def draw_reason(each: FilterRecord, canvas: Canvas) -> list[str]:
    """Why a filter did not match, in a few lines: which clause, and by how much."""
    from textwrap import wrap

    text = shorten(f"  no match{reason(each)}", 3 * (canvas.width - 4), canvas)
    return wrap(text, canvas.width, subsequent_indent="    ")


def reason(each: FilterRecord) -> str:
    """Why a filter did not match, where the record explains it."""
    sentence = str((each.explanation or {}).get("summary", ""))
    return sentence.removeprefix("The condition does not hold").removesuffix(".")


def draw_action(action: ActionRecord, record: RunRecord, columns: Columns, canvas: Canvas) -> list[str]:
    """An action's bar, and below it what went wrong."""
    mark, ascii_mark, colour = MARKS[action.status]
    cells = [f"  {canvas.style(mark if canvas.unicode else ascii_mark, colour)} {action.name:<{columns.name}}"]
    if columns.does:
        cells.append(f"{does_of(action):<{columns.does}}")
    if columns.bar:
        cells.append(canvas.style(draw_bar(action, record, columns.bar, canvas), colour))
    took = milliseconds(action.duration_ms) if action.duration_ms is not None else str(action.status)
    line = f"{'  '.join(cells)}{took:>{TIME}}{tries_of(action)}"
    return [line.rstrip(), *draw_error(action, canvas)]


def does_of(action: ActionRecord) -> str:
    """What an action does, in two words."""
    return f"{action.service} {action.action}"


def tries_of(action: ActionRecord) -> str:
    """How often an action was attempted, where that was more than once."""
    return f"  {action.attempts} attempts" if action.attempts > 1 else ""


def draw_bar(action: ActionRecord, record: RunRecord, room: int, canvas: Canvas) -> str:
    """The action's time within the run's, to scale."""
    if action.started_ms is None or action.duration_ms is None or not record.duration_ms:
        return " " * room
    scale = room / record.duration_ms
    start = min(room - 1, int(action.started_ms * scale))
    length = max(1, min(room - start, round(action.duration_ms * scale)))
    return (" " * start + ("█" if canvas.unicode else "#") * length).ljust(room)


def draw_error(action: ActionRecord, canvas: Canvas) -> list[str]:
    """What went wrong and what to do, indented below the action, whole."""
    if not action.error:
        return []
    from textwrap import wrap

    width = max(20, canvas.width - 6)
    message = [canvas.style(line, "bad") for line in wrap(str(action.error["message"]), width)]
    return [f"      {line}" for line in [*message, *wrap(action.error.get("next_step") or "", width)]]


def summary(record: RunRecord) -> str:
    """The figures of a run in a line."""
    count = record.filter_count
    filters = f"{len(record.matching)} of {count} filter{'s' * (count != 1)} matched"
    if not record.slowest_ms or not record.duration_ms:
        return filters
    overhead = milliseconds(record.duration_ms - record.slowest_ms)
    return f"{filters}, slowest action {milliseconds(record.slowest_ms)}, overhead {overhead}"


def milliseconds(value: float) -> str:
    """A duration as people read it."""
    if value >= 10_000:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms"


def shorten(text: str, room: int, canvas: Canvas) -> str:
    """Text on one line, cut where it does not fit."""
    text = " ".join(text.splitlines())
    dots = "…" if canvas.unicode else "..."
    return text if len(text) <= room else text[: max(0, room - len(dots))] + dots
