"""Whether anything could ever come of an event: what is taken all the same says so in its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventwire.language.conditions import can_hold

if TYPE_CHECKING:
    from eventwire.project.model import Event, Filter, Project


class Consumers:
    """What nothing could come of, looked up once for each event of a project."""

    def __init__(self) -> None:
        self._project: Project | None = None
        self._warnings: dict[str, str | None] = {}

    def warning(self, project: Project, name: str) -> str | None:
        """Why no filter could ever consume an event, and what to do; None where one can."""
        if project is not self._project:
            self._project, self._warnings = project, {}
        if name not in self._warnings:
            event = project.events.get(name)
            self._warnings[name] = unconsumed(event) if event is not None else None
        return self._warnings[name]


def unconsumed(event: Event) -> str | None:
    """Why no filter could ever consume an event, and what to do; None where one can."""
    consuming = [each for each in event.filters.values() if each.actions]
    if not consuming:
        step = f"Add one with: eventwire add:action {event.name}"
        return f'The event "{event.name}" has no action, so nothing comes of it. {step}'
    if not any(may_match(event, each) for each in consuming):
        return f'No filter of "{event.name}" can ever match, so nothing comes of it. See why with: eventwire check'
    return None


def may_match(event: Event, filter: Filter) -> bool:
    """Whether some event may match a filter."""
    return filter.condition is None or can_hold(filter.condition, event.model)
