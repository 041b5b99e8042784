"""Everything eventwire can say has gone wrong, and the exit code of each.

    EventwireError              1   any other error
    ├── UsageError              2   an argument is missing or not understood
    ├── ProjectError            3   the project is wrong; carries every problem found
    ├── PayloadError            2   the data given is no payload, or not one of this model
    ├── CredentialError         4   a credential is missing
    ├── ServiceError                what a service account's server answered
    │   ├── Unavailable         5   may work later: retried
    │   └── Rejected            5   will not work like this: not retried
    │       └── Refused         4   the server refused the credentials
    └── MissingExtra            1   a client library is not installed
    Interrupted               130   Ctrl-C

Imports the standard library only: every module may import this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Any, NamedTuple


class ExitCode(IntEnum):
    """What the process ends with."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    PROJECT = 3
    CREDENTIAL = 4
    ACTION = 5
    BUG = 70
    INTERRUPTED = 130


class Place(NamedTuple):
    """Where something is: a file, and the line and column in it, both counted from 1."""

    path: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)


class Problem(NamedTuple):
    """One thing that is wrong with a project: a sentence, a place and a next step."""

    rule: str
    """Which rule is broken, as a stable word for scripts and SARIF: `unknown-key`, `unknown-property` …"""
    message: str
    place: Place | None = None
    next_step: str | None = None
    severity: str = "error"
    """`error` or `warning`. Warnings never stop a run."""
    excerpt: str | None = None
    """The line in question with a caret under the part that is meant, on two lines."""

    def __str__(self) -> str:
        return describe(self.message, self.place, self.next_step, self.excerpt)

    def as_dict(self) -> dict[str, Any]:
        """The problem as data, for `--json`."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "message": self.message,
            "file": self.place.path if self.place else None,
            "line": self.place.line if self.place else None,
            "column": self.place.column if self.place else None,
            "next_step": self.next_step,
        }


class EventwireError(Exception):
    """Something went wrong that is not our bug."""

    exit_code = ExitCode.ERROR
    code = "error"

    def __init__(
        self,
        message: str,
        *,
        next_step: str | None = None,
        place: Place | None = None,
        excerpt: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.place = place
        self.excerpt = excerpt

    def __str__(self) -> str:
        return describe(self.message, self.place, self.next_step, self.excerpt)

    def as_dict(self) -> dict[str, Any]:
        """The error as data, for `--json`."""
        return {
            "code": self.code,
            "message": self.message,
            "file": self.place.path if self.place else None,
            "line": self.place.line if self.place else None,
            "column": self.place.column if self.place else None,
            "next_step": self.next_step,
        }


class OutputError(EventwireError):
    """What was asked for is done, and cannot be printed: the disk that stdout goes to is full, for one."""

    code = "output"

    def __init__(self, error: OSError) -> None:
        super().__init__(
            f"The output cannot be written: {error.strerror}.",
            next_step="Free some space, or send the output elsewhere. Whatever the command does is done.",
        )


class UsageError(EventwireError):
    """An argument is missing or not understood."""

    exit_code = ExitCode.USAGE
    code = "usage"


class ProjectError(EventwireError):
    """The project is wrong. Carries every problem that was found, not only the first."""

    exit_code = ExitCode.PROJECT
    code = "project"

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(first.message, next_step=first.next_step, place=first.place, excerpt=first.excerpt)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n\n".join(str(problem) for problem in self.problems)

    def as_dict(self) -> dict[str, Any]:
        problems = [problem.as_dict() for problem in self.problems]
        return EventwireError.as_dict(self) | {"problems": problems}


class PayloadError(EventwireError):
    """The data given is no payload, or does not fit the event's model."""

    exit_code = ExitCode.USAGE
    code = "payload"

    def __init__(
        self,
        message: str,
        *,
        violations: Iterable[tuple[str, str]] = (),
        next_step: str | None = None,
        place: Place | None = None,
    ) -> None:
        super().__init__(message, next_step=next_step, place=place)
        self.violations = tuple(violations)
        """Each violation as property path and sentence."""

    def __str__(self) -> str:
        lines = [f"  {path}: {sentence}" for path, sentence in self.violations]
        return describe("\n".join([self.message, *lines]), self.place, self.next_step)

    def as_dict(self) -> dict[str, Any]:
        violations = [{"path": path, "message": sentence} for path, sentence in self.violations]
        return EventwireError.as_dict(self) | {"violations": violations}


class CredentialError(EventwireError):
    """A credential is missing, or there is no usable place to look for it."""

    exit_code = ExitCode.CREDENTIAL
    code = "credential"


class ServiceError(EventwireError):
    """What a service answered, in the server's own words."""

    exit_code = ExitCode.ACTION
    code = "service"

    def __init__(self, message: str, *, response: Any = None, next_step: str | None = None) -> None:
        super().__init__(message, next_step=next_step)
        self.response = response
        """What came back, as JSON data, where something did."""

    def as_dict(self) -> dict[str, Any]:
        """The error as data: what a run's record carries as `error`."""
        return {"kind": self.code, "message": self.message, "next_step": self.next_step}


class Unavailable(ServiceError):
    """May work later: the server is down, busy, or slow. Retried."""

    code = "unavailable"

    def __init__(
        self,
        message: str,
        *,
        response: Any = None,
        retry_after_seconds: float | None = None,
        sent: bool = True,
        next_step: str | None = None,
    ) -> None:
        super().__init__(message, response=response, next_step=next_step)
        self.retry_after_seconds = retry_after_seconds
        """How long the server asked to wait."""
        self.sent = sent
        """False where it is certain that nothing reached the server, so that repeating cannot do it twice."""


class Rejected(ServiceError):
    """Will not work like this, however often it is tried. Not retried."""

    code = "rejected"


class Refused(Rejected):
    """The server refused the credentials."""

    exit_code = ExitCode.CREDENTIAL
    code = "refused"


class MissingExtra(EventwireError):
    """A client library is not installed."""

    code = "missing-extra"

    def __init__(self, service: str, extra: str, needs: str | None = None) -> None:
        super().__init__(
            f"{needs or f'The service {service} needs a client library'} that is not installed.",
            next_step=f"Install it with: pip install 'eventwire[{extra}]'",
        )


class Interrupted(EventwireError):
    """The user pressed Ctrl-C."""

    exit_code = ExitCode.INTERRUPTED
    code = "interrupted"


def describe(message: str, place: Place | None, next_step: str | None, excerpt: str | None = None) -> str:
    """A sentence, a place and a next step, as they are printed."""
    head = f"{place}: {message}" if place else message
    return "\n".join(part for part in (head, excerpt, next_step) if part)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The known word closest to one that is unknown, as a question, or None where none is close."""
    from difflib import get_close_matches

    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"Did you mean {close[0]}?" if close else None
