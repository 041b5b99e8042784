"""Problems as SARIF 2.1.0, which code hosts and editors show in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eventwire import __version__
from eventwire.errors import Problem

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(problems: Sequence[Problem]) -> dict[str, Any]:
    """The problems as one SARIF log with one run."""
    driver = {
        "name": "eventwire",
        "version": __version__,
        "informationUri": "https://eventwire.example/docs",
        "rules": [{"id": rule} for rule in sorted({problem.rule for problem in problems})],
    }
    results = [result_of(problem) for problem in problems]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def result_of(problem: Problem) -> dict[str, Any]:
    """One problem as a SARIF result."""
    text = " ".join(part for part in (problem.message, problem.next_step) if part)
    result: dict[str, Any] = {"ruleId": problem.rule, "level": problem.severity, "message": {"text": text}}
    if problem.place:
        location: dict[str, Any] = {"artifactLocation": {"uri": problem.place.path}}
        if problem.place.line is not None:
            location["region"] = {"startLine": problem.place.line, "startColumn": problem.place.column or 1}
        result["locations"] = [{"physicalLocation": location}]
    return result
