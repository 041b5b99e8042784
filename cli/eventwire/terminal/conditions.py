"""A condition tried on an event's sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventwire.language.conditions import compile_condition, explain_condition, parse_condition
from eventwire.project.model import Event

# What `event.…` stands for where there is no run.
SAMPLE_ENVELOPE = {"id": "sample", "time": "2026-01-01T00:00:00.000+00:00", "source": "cli", "environment": "test"}


def try_condition(where: str, event: Event, sample: Mapping[str, Any]) -> Mapping[str, Any]:
    """The explanation of a condition on a sample: `matched`, `clauses`, `tree`, `summary`."""
    return explain_condition(parse_condition(where), sample, envelope_of(event), event.model)


def matches_sample(where: str, event: Event, sample: Mapping[str, Any]) -> bool:
    """Whether a condition matches a sample."""
    return compile_condition(parse_condition(where), event.model)(sample, envelope_of(event))


def envelope_of(event: Event) -> Mapping[str, Any]:
    """An envelope where there is no run."""
    return {**SAMPLE_ENVELOPE, "name": event.name}
