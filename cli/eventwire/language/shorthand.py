"""The shorthand of models in the project file, and the JSON Schema that it stands for.

A property is a type's name (`"string"`), with `[]` for a list of it and a trailing `?` where it may be left out or
null; or an inline table. A table is read as keywords where its `type` names a type and all else in it is a keyword of
JSON Schema (`{ type = "string", enum = ["free", "pro"] }`, `optional = true` for the `?`). Otherwise it is a nested
object with a property for each key: so is a table whose values are all types, unless it has a `format`, or the `items`
of an array. What could be read either way is written `{ type = "object", properties = { … } }`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from eventwire.errors import did_you_mean
from eventwire.language.findings import Finding, LanguageError
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.language.paths import Path, format_path, look_up
from eventwire.language.payloads import plain_value
from eventwire.language.properties import Kind, Model, Property

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TYPE = lazy_pattern(r"\s*([A-Za-z-]+)\s*((?:\[\s*\]\s*)*)(\?)?\s*")
_KIND_NAMES = {kind.value: kind for kind in Kind} | {"datetime": Kind.DATE_TIME}
_DATE_OR_TIME = {"anyOf": [{"format": "date-time"}, {"format": "date"}]}
_KEYWORDS = frozenset(
    [
        "type",
        "optional",
        "enum",
        "const",
        "format",
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "items",
        "minItems",
        "maxItems",
        "uniqueItems",
        "contains",
        "minContains",
        "maxContains",
        "prefixItems",
        "properties",
        "required",
        "additionalProperties",
        "minProperties",
        "maxProperties",
        "patternProperties",
        "propertyNames",
        "title",
        "description",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "contentEncoding",
        "contentMediaType",
        "anyOf",
        "oneOf",
        "allOf",
        "not",
    ]
)


def read_model(table: Mapping[str, Any]) -> Model:
    """Read an event's `model` table. Raises LanguageError with every finding; `keys` is the way into the table."""
    findings: list[Finding] = []
    properties = _read_properties(table, (), findings)
    if not findings and (problem := schema_problem(schema := _root_schema(properties))) is not None:
        findings.append(replace(problem, keys=_keys_in_shorthand(problem.keys, schema)))
    if findings:
        raise LanguageError(findings)
    return Model(properties, _root_schema(properties))


def _read_properties(table: Mapping[str, Any], keys: Path, findings: list[Finding]) -> dict[str, Property]:
    read = {str(name): _read_property(value, (*keys, str(name)), findings) for name, value in table.items()}
    return {name: each for name, each in read.items() if each is not None}


def _read_property(value: Any, keys: Path, findings: list[Finding]) -> Property | None:
    if isinstance(value, str):
        return _read_type(value, keys, findings)
    if isinstance(value, Mapping):
        if _is_keywords(value):
            return _read_keywords(value, keys, findings)
        return Property(Kind.OBJECT, properties=_read_properties(value, keys, findings))
    findings.append(_no_type(value, keys))
    return None


def _read_type(text: str, keys: Path, findings: list[Finding]) -> Property | None:
    match = _TYPE.fullmatch(text)
    kind = _KIND_NAMES.get(match[1].lower()) if match else None
    if match is None or kind is None:
        findings.append(_unknown_type(text, match[1] if match else text, keys))
        return None
    # ReactiveHub's Date holds either form, so only the lower-case name is held to dates.
    either = kind is Kind.DATE and match[1] != "date"
    here = Property(Kind.DATE_TIME, keywords=_DATE_OR_TIME) if either else Property(kind, open=_is_open(kind))
    for _ in range(match[2].count("[")):
        here = Property(Kind.ARRAY, items=here)
    return replace(here, optional=bool(match[3]))


def _is_open(kind: Kind) -> bool:
    return kind in (Kind.OBJECT, Kind.ANY)


def _is_type(value: Any) -> bool:
    return isinstance(value, str) and (match := _TYPE.fullmatch(value)) is not None and match[1].lower() in _KIND_NAMES


def _is_keywords(table: Mapping[str, Any]) -> bool:
    """Whether a table holds keywords of one property, and not the properties of a nested object."""
    if not _is_type(table.get("type")) or not all(key in _KEYWORDS for key in table):
        return False
    others = {key: value for key, value in table.items() if key != "type"}
    says_more = "format" in others or ("items" in others and table["type"].lower().startswith("array"))
    return not others or says_more or not all(_is_type(value) for value in others.values())


def _read_keywords(table: Mapping[str, Any], keys: Path, findings: list[Finding]) -> Property | None:
    here = _read_type(table["type"], keys, findings)
    if here is None:
        return None
    optional = table.get("optional", here.optional)
    if not isinstance(optional, bool):
        findings.append(Finding("bad-model", "`optional` is true or false.", keys=(*keys, "optional")))
    if "properties" in table:
        here = _with_properties(here, table["properties"], (*keys, "properties"), findings)
    if "items" in table:
        here = _with_items(here, table["items"], (*keys, "items"), findings)
    if "enum" in table:
        _check_enum(here, table["enum"], (*keys, "enum"), findings)
    own = {key: value for key, value in table.items() if key not in ("type", "optional", "properties", "items")}
    return replace(here, optional=bool(optional), keywords={**here.keywords, **own})


_VALUES: Mapping[Kind, tuple[type, ...]] = {
    Kind.STRING: (str,),
    Kind.DATE: (str,),
    Kind.DATE_TIME: (str,),
    Kind.INTEGER: (int, float),
    Kind.NUMBER: (int, float),
    Kind.BOOLEAN: (bool,),
}


def _check_enum(here: Property, values: Any, keys: Path, findings: list[Finding]) -> None:
    """Report an `enum` that no payload could satisfy; what it is beyond that, JSON Schema says."""
    if not isinstance(values, list):
        return
    if not values:
        findings.append(Finding("bad-model", "`enum` lists no value: nothing would fit.", keys=keys))
    wanted = _VALUES.get(here.kind, (object,))
    for position, each in enumerate(values):
        if not isinstance(each, wanted) or (isinstance(each, bool) and bool not in wanted and object not in wanted):
            message = f"`enum` lists {each!r}, which is no {here.kind}."
            findings.append(Finding("bad-model", message, keys=(*keys, position)))


def _with_properties(here: Property, table: Any, keys: Path, findings: list[Finding]) -> Property:
    if here.kind is not Kind.OBJECT or not isinstance(table, Mapping):
        findings.append(Finding("bad-model", "`properties` is a table, and only an object has it.", keys=keys))
        return here
    return replace(here, properties=_read_properties(table, keys, findings), open=False)


def _with_items(here: Property, value: Any, keys: Path, findings: list[Finding]) -> Property:
    if here.kind is not Kind.ARRAY or here.items is not None:
        message = '`items` says what a list holds, and goes with type = "array".'
        findings.append(Finding("bad-model", message, keys=keys))
        return here
    return replace(here, items=_read_property(value, keys, findings))


def _unknown_type(text: str, word: str, keys: Path) -> Finding:
    hint = did_you_mean(word.lower(), _KIND_NAMES)
    types = ", ".join(kind.value for kind in Kind)
    return Finding(
        "unknown-type",
        f'"{text}" is not a type.',
        next_step=" ".join(
            part for part in (hint, f"Types are {types}; [] makes a list and ? an optional one.") if part
        ),
        keys=keys,
    )


def _no_type(value: Any, keys: Path) -> Finding:
    hint = did_you_mean(str(keys[-1]), _KEYWORDS) if len(keys) > 1 else None
    form = 'A property is a type\'s name, as in "string", or a table.'
    return Finding(
        "bad-model",
        f"{format_path(keys)} is {value!r}, which is no type.",
        next_step=f"{hint} {form}" if hint else form,
        keys=keys,
    )


# Writing JSON Schema


def _root_schema(properties: Mapping[str, Property]) -> dict[str, Any]:
    return {"$schema": DIALECT} | _object_schema(properties)


def _object_schema(properties: Mapping[str, Property]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    if properties:
        schema["properties"] = {name: property_schema(each) for name, each in properties.items()}
        if required := [name for name, each in properties.items() if not each.optional]:
            schema["required"] = required
    return schema


def property_schema(each: Property) -> dict[str, Any]:
    """A property as JSON Schema. An optional one may be null."""
    schema = _kind_schema(each) | {key: plain_value(value) for key, value in each.keywords.items()}
    if each.optional and "type" in schema:
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
        if "const" in schema:
            schema["enum"] = [schema.pop("const"), None]
    return schema


def _kind_schema(each: Property) -> dict[str, Any]:
    if each.kind is Kind.ANY:
        return {}
    if each.kind is Kind.OBJECT:
        return _object_schema(each.properties)
    if each.kind is Kind.ARRAY:
        return {"type": "array"} | ({"items": property_schema(each.items)} if each.items else {})
    if each.kind in (Kind.DATE, Kind.DATE_TIME):
        return {"type": "string"} | ({} if "anyOf" in each.keywords else {"format": each.kind.value})
    return {"type": each.kind.value}


def schema_problem(schema: Any) -> Finding | None:
    """What is wrong with a JSON Schema, or None. `keys` is the way to the part that is meant."""
    import jsonschema_rs

    try:
        build_validator(schema)
    except jsonschema_rs.ValidationError as error:
        place = tuple(error.instance_path)
        message = str(error.message).split("\n")[0].rstrip(".")
        where = f" at {format_path(place)}" if place else ""
        return Finding("bad-schema", f"This is not a JSON Schema{where}: {message}.", keys=place)
    except (ValueError, TypeError, OverflowError) as error:
        return Finding("bad-schema", f"This is not a JSON Schema: {error}.")
    return None


def build_validator(schema: Any) -> Any:
    """A validator that asserts formats and never leaves the machine for a `$ref`."""
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True, retriever=_refuse_retrieval)


def _refuse_retrieval(uri: str) -> Any:
    raise ValueError(f"{uri} is not in the schema itself, and nothing is fetched")


def _keys_in_shorthand(keys: Path, schema: Any) -> Path:
    """The way to a part of the generated schema as a way into the shorthand that it was made from."""
    kept: list[str | int] = []
    for part in keys:
        inside = isinstance(schema, Mapping) and schema.get("type") in ("object", ["object", "null"])
        if not (part == "properties" and inside):
            kept.append(part)
        schema = look_up((part,), schema)
    return tuple(kept)
