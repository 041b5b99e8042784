"""Models and their properties: what conditions, wildcards and prompts know of an event's payload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from eventwire.language.paths import Path, format_path, parse_path


class Kind(StrEnum):
    """What kind of value a property holds."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATE_TIME = "date-time"
    OBJECT = "object"
    ARRAY = "array"
    ANY = "any"


KIND_LABELS: Mapping[Kind, str] = {
    Kind.STRING: "text",
    Kind.INTEGER: "an integer",
    Kind.NUMBER: "a number",
    Kind.BOOLEAN: "a boolean",
    Kind.DATE: "a date",
    Kind.DATE_TIME: "a date-time",
    Kind.OBJECT: "an object",
    Kind.ARRAY: "a list",
    Kind.ANY: "any value",
}
"""How a kind is called in a sentence."""


class Property(Struct, frozen=True):
    """One property of a model."""

    kind: Kind
    optional: bool = False
    """It may be left out, or null."""
    properties: Mapping[str, Property] = {}
    """What an object holds."""
    items: Property | None = None
    """What a list holds; None where it may hold anything."""
    keywords: Mapping[str, Any] = {}
    """Further keywords of JSON Schema: `enum`, `format`, `minimum` …"""
    open: bool = False
    """Properties that are not declared may be named in conditions and wildcards."""

    @property
    def enum(self) -> tuple[Any, ...] | None:
        """The only values it may have, where they are listed."""
        values = self.keywords.get("enum")
        if isinstance(values, Sequence) and not isinstance(values, str):
            return tuple(value for value in values if value is not None)
        return (self.keywords["const"],) if "const" in self.keywords else None


ANYTHING = Property(Kind.ANY, optional=True, open=True)


class Model(Struct, frozen=True):
    """An event's properties."""

    properties: Mapping[str, Property]
    schema: Mapping[str, Any]
    """The JSON Schema (2020-12) that payloads are validated with."""
    open: bool = False
    """Properties that are not declared may be named in conditions and wildcards."""

    @property
    def closed(self) -> bool:
        """Whether naming a property that is not declared is an error."""
        return not self.open

    @property
    def root(self) -> Property:
        """The payload itself, as a property."""
        return Property(Kind.OBJECT, properties=self.properties, open=self.open)

    def find(self, path: str | Path) -> Property | None:
        """The property at a path, `items[0].sku`; None where there is none.

        It is optional where anything on the way to it is, or where it is an element of a list, which may be too short.
        """
        found, _ = self.follow(parse_path(path) if isinstance(path, str) else path)
        return found

    def follow(self, path: Path) -> tuple[Property | None, int]:
        """The property at a path, and how many of the path's parts are known."""
        here = self.root
        for depth, part in enumerate(path):
            step = step_into(here, part)
            if step is None:
                return None, depth
            here = replace(step, optional=True) if here.optional and not step.optional else step
        return here, len(path)

    def paths(self) -> list[tuple[str, Property]]:
        """Every path that can be named, with its property; elements of lists as `items[0].sku`."""
        return [(format_path(path), each) for path, each in walk(self.root, ())]

    def names_beside(self, path: Path) -> list[str]:
        """The names that could stand where a path stops being known, as whole paths."""
        _, depth = self.follow(path)
        parent, _ = self.follow(path[:depth])
        return [format_path((*path[:depth], name)) for name in parent.properties] if parent else []


def step_into(parent: Property, part: str | int) -> Property | None:
    """The property that a path's next part leads to."""
    if isinstance(part, int):
        if parent.kind is Kind.ARRAY:
            return replace(parent.items or ANYTHING, optional=True)
        return ANYTHING if parent.kind is Kind.ANY else None
    if part in parent.properties:
        return parent.properties[part]
    return ANYTHING if parent.open or parent.kind is Kind.ANY else None


def walk(parent: Property, path: Path) -> Iterator[tuple[Path, Property]]:
    """Every property below one, with its path."""
    for name, each in parent.properties.items():
        yield (*path, name), each
        yield from walk(each, (*path, name))
    if parent.items is not None:
        element = replace(parent.items, optional=True)
        yield (*path, 0), element
        yield from walk(element, (*path, 0))
