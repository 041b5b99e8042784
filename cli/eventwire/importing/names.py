"""Names for what had ids: `NewCustomer` becomes `new-customer`, and two that would be the same are told apart."""

from __future__ import annotations

from eventwire.errors import Place
from eventwire.importing.source import Notes
from eventwire.project.names import LONGEST, proposal


class Names:
    """The names of one kind in one place: events of a project, filters of an event, actions of a filter."""

    def __init__(self, kind: str, notes: Notes) -> None:
        self.kind = kind
        self.notes = notes
        self.taken: set[str] = set()

    def name(self, identifier: str, place: Place, wanted: str | None = None) -> str:
        """A name nobody else has, as near to the id as can be, or to `wanted`; noted where it needed a number."""
        first = wanted or proposal(identifier)
        name, number = first, 1
        while name in self.taken:
            number += 1
            suffix = f"-{number}"
            name = first[: LONGEST - len(suffix)].rstrip("-") + suffix
        self.taken.add(name)
        if number > 1:
            message = f'The name {first} is taken already: the {self.kind} "{identifier}" is called {name} here.'
            self.notes.note(place, message, "Rename it in the project, where another name says more.")
        return name
