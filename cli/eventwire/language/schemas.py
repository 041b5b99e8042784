"""Models from JSON Schemas (2020-12): what conditions, wildcards and prompts can know of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from msgspec.structs import replace

from eventwire.language.findings import Finding, LanguageError
from eventwire.language.properties import ANYTHING, Kind, Model, Property
from eventwire.language.shorthand import DIALECT, schema_problem

DEEPEST = 16
"""How deep a schema that refers to itself is followed; below that anything is allowed."""
LARGEST = 10_000
"""How many properties are worked out at most, for schemas that refer to themselves in many ways."""

_KINDS = {
    "string": Kind.STRING,
    "integer": Kind.INTEGER,
    "number": Kind.NUMBER,
    "boolean": Kind.BOOLEAN,
    "object": Kind.OBJECT,
    "array": Kind.ARRAY,
}
_STRUCTURE = frozenset(
    [
        "type",
        "properties",
        "required",
        "items",
        "additionalProperties",
        "$ref",
        "$defs",
        "definitions",
        "allOf",
        "$schema",
        "$id",
        "$anchor",
    ]
)


def model_from_schema(schema: Mapping[str, Any]) -> Model:
    """The model that a JSON Schema describes. Raises LanguageError where it is no schema of an object.

    An object that lists properties is closed for conditions and wildcards unless it says `additionalProperties` or
    `patternProperties`; one that lists none is open, and so is what a `anyOf` or `oneOf` leaves undecided.
    """
    if (problem := schema_problem(schema)) is not None:
        raise LanguageError([problem])
    root = _Reader(schema).read(schema, 0)
    if root.kind not in (Kind.OBJECT, Kind.ANY):
        message = "The schema of a payload describes an object."
        raise LanguageError([Finding("bad-schema", message, next_step='Give it "type": "object".', keys=("type",))])
    whole = dict(schema) if "type" in schema else {"$schema": DIALECT, **schema, "type": "object"}
    return Model(root.properties, whole, open=root.open)


class _Reader:
    """Works properties out of one document."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        self.count = 0

    def read(self, schema: Any, depth: int) -> Property:
        self.count += 1
        if not isinstance(schema, Mapping) or depth > DEEPEST or self.count > LARGEST:
            return ANYTHING
        schema = self.merged(schema, depth)
        kind, nullable = _kind(schema)
        keywords = {key: value for key, value in schema.items() if key not in _STRUCTURE}
        here = Property(kind, optional=nullable, keywords=keywords, open=kind is Kind.ANY)
        if kind is Kind.OBJECT:
            return self.with_properties(here, schema, depth)
        if kind is Kind.ARRAY and "items" in schema:
            return replace(here, items=self.read(schema["items"], depth + 1))
        return here

    def with_properties(self, here: Property, schema: Mapping[str, Any], depth: int) -> Property:
        required = schema.get("required", ())
        properties = {}
        for name, value in schema.get("properties", {}).items():
            each = self.read(value, depth + 1)
            properties[name] = replace(each, optional=each.optional or name not in required)
        additional = schema.get("additionalProperties", not properties)
        return replace(here, properties=properties, open=additional is not False or "patternProperties" in schema)

    def merged(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """A schema with its `$ref` followed and its `allOf` folded in."""
        self.count += 1
        merged = {key: value for key, value in schema.items() if key not in ("allOf", "$ref")}
        if depth > DEEPEST or self.count > LARGEST:
            return merged
        parts = [part for part in schema.get("allOf", ()) if isinstance(part, Mapping)]
        if isinstance(reference := schema.get("$ref"), str):
            parts.append(_resolve(reference, self.root))
        for part in parts:
            merged = _both(self.merged(part, depth + 1), merged)
        return merged


def _both(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    both = {**first, **second}
    if "properties" in first or "properties" in second:
        both["properties"] = {**first.get("properties", {}), **second.get("properties", {})}
    if "required" in first or "required" in second:
        both["required"] = [*first.get("required", ()), *second.get("required", ())]
    if first.get("additionalProperties") is False:
        both["additionalProperties"] = False
    return both


def _resolve(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema that a reference inside the same document names; an empty one where it leads elsewhere."""
    if not reference.startswith("#"):
        return {}
    target: Any = root
    for part in reference[1:].split("/")[1:]:
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        target = target.get(name) if isinstance(target, Mapping) else None
    return target if isinstance(target, Mapping) else {}


def _kind(schema: Mapping[str, Any]) -> tuple[Kind, bool]:
    """A schema's kind, and whether null is allowed."""
    declared = schema.get("type")
    names = [declared] if isinstance(declared, str) else list(declared or ())
    nullable = "null" in names and len(names) > 1
    names = [name for name in names if name != "null"]
    if not names:
        return (Kind.OBJECT if "properties" in schema else _kind_of_values(schema)), nullable
    if set(names) == {"integer", "number"}:
        return Kind.NUMBER, nullable
    if len(names) > 1:
        return Kind.ANY, nullable
    kind = _KINDS.get(names[0], Kind.ANY)
    if kind is Kind.STRING and schema.get("format") in ("date", "date-time"):
        kind = Kind(schema["format"])
    return kind, nullable


def _kind_of_values(schema: Mapping[str, Any]) -> Kind:
    """The kind of a schema that lists its values and names no type."""
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    kinds = {type(value) for value in values if value is not None}
    return {str: Kind.STRING, int: Kind.INTEGER, float: Kind.NUMBER, bool: Kind.BOOLEAN}.get(
        kinds.pop() if len(kinds) == 1 else object, Kind.ANY
    )
