"""ReactiveHub's models as the shorthand of the project file.

ReactiveHub never validated a payload, so that any property could be missing. Here each becomes optional: an event that
came in there comes in here, and an action whose wildcard finds nothing fails by itself and sends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventwire.importing.source import Keys, Notes, SourceFile
from eventwire.language.lazy_pattern import lazy_pattern

TYPES = {
    "string": "string",
    "number": "number",
    "integer": "integer",
    "boolean": "boolean",
    "date": "Date",  # with a time or without
    "array": "array",
    "object": "object",
    "any": "any",
}
LEAF = lazy_pattern(r"\s*([A-Za-z]+)\s*(\[\s*\])?\s*\??\s*")


def translate_model(file: SourceFile, model: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """The shorthand table of a model; what is no type there becomes `any?` and is noted."""
    return {name: Translator(file, notes).property(each, ("model", name)) for name, each in model.items()}


class Translator:
    """Translates one model."""

    def __init__(self, file: SourceFile, notes: Notes) -> None:
        self.file = file
        self.notes = notes

    def property(self, value: Any, keys: Keys) -> str | dict[str, Any]:
        """A property: a type's name, a nested object, or a list with what it holds."""
        if isinstance(value, Mapping):
            return self.object(value, keys)
        if isinstance(value, list):
            return self.array(value, keys)
        match = LEAF.fullmatch(value) if isinstance(value, str) else None
        name = TYPES.get(match[1].lower()) if match else None
        if match is None or name is None:
            return self.unknown(value, keys)
        return f"{name}{'[]' if match[2] else ''}?"

    def object(self, table: Mapping[str, Any], keys: Keys) -> str | dict[str, Any]:
        """A nested object; one without properties may hold anything."""
        if not table:
            return "object?"
        return {
            "type": "object?",
            "properties": {name: self.property(each, (*keys, name)) for name, each in table.items()},
        }

    def array(self, items: list[Any], keys: Keys) -> str | dict[str, Any]:
        """A list, described by its first item."""
        if not items:
            return "array?"
        inner = self.property(items[0], (*keys, 0))
        if len(items) > 1:
            step = "See that the type of its items is right."
            self.notes.note(self.file.place(keys), "Only the first item of the list describes it.", step)
        return {"type": "array?", "items": inner}

    def unknown(self, value: Any, keys: Keys) -> str:
        """What is no type: the property may hold anything."""
        types = "String, Number, Date, Boolean, Array and Object"
        message = f"{value!r} is no type of ReactiveHub's; the property may hold anything now."
        self.notes.note(self.file.place(keys), message, f"Give it its type in the project; there, types were {types}.")
        return "any?"
