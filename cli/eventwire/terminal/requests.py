"""Requests as text for people: what a dry run would have sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventwire.engine.record import ActionRecord, RunRecord
from eventwire.language.payloads import encode_json
from eventwire.terminal.waterfall import Canvas


def draw_requests(record: RunRecord, canvas: Canvas) -> str:
    """What each action of a dry run would have sent."""
    parts = []
    for each in record.matching:
        for action in each.actions:
            if action.request is not None:
                title = f"{each.name}/{action.name}  {action.service} {action.action}"
                parts.append(f"{canvas.style(title, 'bold')}\n{draw_request(action.request)}")
    return "\n".join(parts)


def draw_deliveries(record: RunRecord, canvas: Canvas) -> str:
    """What each action sent, and what came back."""
    return "\n".join(draw_delivery(each.name, action, canvas) for each in record.matching for action in each.actions)


def draw_delivery(filter_name: str, action: ActionRecord, canvas: Canvas) -> str:
    """One delivery: its request, and its response or what went wrong."""
    title = f"{filter_name}/{action.name}  {action.service} {action.action}  {action.status}"
    lines = [canvas.style(title, "bold")]
    if action.request is not None:
        lines.append(draw_request(action.request))
    if action.error is not None:
        lines.append(f"  error: {action.error['message']}")
    if action.response is not None:
        lines.append(f"  response: {draw_value(action.response)}")
    return "\n".join(lines)


def draw_request(request: Mapping[str, Any]) -> str:
    """A request, a line each part; longer structures as indented JSON."""
    return "\n".join(f"  {name}: {draw_value(value)}" for name, value in request.items() if value not in (None, {}, []))


def draw_value(value: Any) -> str:
    """A part of a request."""
    if isinstance(value, str):
        return value.replace("\n", "\n    ")
    text = encode_json(value)
    return text if len(text) <= 100 else encode_json(value, indent=True).replace("\n", "\n  ")
