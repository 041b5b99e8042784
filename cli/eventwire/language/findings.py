"""What is wrong with a condition, a template or a model, and where in its own text."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from eventwire.errors import EventwireError, ExitCode


class Finding(Struct, frozen=True):
    """One thing that is wrong, or worth a warning, in a text of the language."""

    rule: str
    """Which rule is broken, as a stable word: `unknown-property`, `unclosed-quote` …"""
    message: str
    start: int = 0
    """Where the part that is meant begins, in characters of the text that was read."""
    end: int = 0
    next_step: str | None = None
    severity: str = "error"
    """`error` or `warning`."""
    keys: tuple[str | int, ...] = ()
    """The way to the text inside a table: `("values", "city")`, or a list's index."""


class LanguageError(EventwireError):
    """A condition, template or model cannot be read. Carries every finding that was made."""

    exit_code = ExitCode.PROJECT
    code = "language"

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        first = self.findings[0]
        super().__init__(first.message, next_step=first.next_step)

    def __str__(self) -> str:
        return "\n".join(
            "\n".join(part for part in (finding.message, finding.next_step) if part) for finding in self.findings
        )


def first_error(findings: Iterable[Finding]) -> str | None:
    """The first error in a line, with its next step; None where there are only warnings."""
    for finding in findings:
        if finding.severity == "error":
            return " ".join(part for part in (finding.message, finding.next_step) if part)
    return None
