"""Collecting what is wrong with a project file. Places are worked out only where somebody reads them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

from eventwire.errors import Place, Problem

if TYPE_CHECKING:
    from eventwire.language.findings import Finding
    from eventwire.project.scan import Keys
    from eventwire.project.toml import Document


SEE_TYPES = "See the properties and their types with: eventwire show"


class _Entry(Struct, frozen=True):
    rule: str
    message: str
    keys: Keys
    next_step: str | None
    severity: str
    of: str
    span: tuple[int, int] | None


class Report:
    """The problems of one project file."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._entries: list[_Entry] = []
        self._secrets: list[Keys] = []

    @property
    def has_errors(self) -> bool:
        """Whether anything keeps the project from running."""
        return any(entry.severity == "error" for entry in self._entries)

    def error(self, rule: str, message: str, keys: Keys, next_step: str | None, *, of: str = "value") -> None:
        """Something that keeps the project from running, at the key or the value of `keys`."""
        self._entries.append(_Entry(rule, message, keys, next_step, "error", of, None))

    def warning(self, rule: str, message: str, keys: Keys, next_step: str | None, *, of: str = "key") -> None:
        """Something doubtful, which stops nothing."""
        self._entries.append(_Entry(rule, message, keys, next_step, "warning", of, None))

    def secret(self, keys: Keys, message: str, next_step: str) -> None:
        """A secret in the file: an error whose line is never shown."""
        self._secrets.append(keys)
        self.error("secret-in-project", message, keys, next_step, of="key")

    def findings(self, findings: Iterable[Finding], keys: Keys) -> None:
        """What the language has to say about the text or table at `keys`."""
        for each in findings:
            span = (each.start, max(each.end, each.start + 1)) if each.end else None
            of = "key" if each.rule == "wildcard-in-key" else "value"
            self._entries.append(
                _Entry(
                    each.rule, each.message, (*keys, *each.keys), each.next_step or SEE_TYPES, each.severity, of, span
                )
            )

    def problems(self) -> list[Problem]:
        """Everything that was found, in the order of the file."""
        hidden = self._hidden_lines()
        found = [self._problem(entry, hidden) for entry in self._entries]
        return sorted(found, key=_position)

    def _hidden_lines(self) -> set[int | None]:
        return {self._document.place(keys, of=of).line for keys in self._secrets for of in ("key", "value")}

    def _problem(self, entry: _Entry, hidden: set[int | None]) -> Problem:
        if entry.span and entry.of == "value":
            place = self._document.place_at(entry.keys, entry.span[0])
            length = self._document.length_at(entry.keys, *entry.span)
        else:
            place = self._document.place(entry.keys, of=entry.of)
            length = self._document.length(entry.keys, of=entry.of)
        excerpt = None if place.line in hidden else self._document.excerpt(place, length) or None
        return Problem(entry.rule, entry.message, place, entry.next_step, entry.severity, excerpt)


def _position(problem: Problem) -> tuple[int, int]:
    place = problem.place or Place("")
    return place.line or 0, place.column or 0
