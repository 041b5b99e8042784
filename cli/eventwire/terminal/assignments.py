"""Values given by flags, `K=V`: read as the type of the declared field, and written back as the same flags."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eventwire.errors import UsageError, did_you_mean
from eventwire.fields import Field, FieldType
from eventwire.language.lazy_pattern import lazy_pattern

PLAIN_KEY = lazy_pattern(r"[A-Za-z0-9_-]+\Z")
NUMBERS = {FieldType.INTEGER: int, FieldType.NUMBER: float}


def read_assignments(given: Sequence[str], fields: Iterable[Field], flag: str) -> dict[str, Any]:
    """The values of `K=V` flags, each as its field's type. Raises UsageError.

    `values.id={id}` reaches into a table; giving a list's flag again adds to the list.
    """
    declared = {field.name: field for field in fields}
    values: dict[str, Any] = {}
    for assignment in given:
        key, separator, text = assignment.partition("=")
        if not separator:
            raise UsageError(f'{flag} "{assignment}" is not KEY=VALUE.', next_step=f"Known keys: {', '.join(declared)}")
        name, *path = key.split(".")
        field = find_field(name, declared, flag)
        if field.secret:
            raise secret_in_argument(field, flag)
        assign(values, field, path, text, f"{flag} {key}")
    return values


def secret_in_argument(field: Field, flag: str) -> UsageError:
    """The error for a secret as a flag's value. The value is not repeated."""
    return UsageError(
        f'"{field.name}" is a secret: as an argument it would be seen by others and kept in the shell\'s history.',
        next_step=f"Give its source with: {flag}-secret {field.name}=env:VARIABLE, "
        f"{field.name}=file:PATH or {field.name}=- (standard input)",
    )


def find_field(name: str, declared: Mapping[str, Field], flag: str) -> Field:
    """The declared field of that name. Raises UsageError."""
    if name not in declared:
        known = did_you_mean(name, declared) or f"Known fields: {', '.join(declared)}"
        raise UsageError(f'{flag}: there is no field "{name}".', next_step=known)
    return declared[name]


def assign(values: dict[str, Any], field: Field, path: Sequence[str], text: str, flag: str) -> None:
    """Put one value where its key says."""
    if path:
        place = values.setdefault(field.name, {})
        for part in path[:-1]:
            place = place.setdefault(part, {}) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            raise UsageError(f"{flag} reaches into a value that is no table.", next_step="Give the table's keys only.")
        place[path[-1]] = read_any(text)
    elif field.type is FieldType.LIST:
        values.setdefault(field.name, []).extend(read_list(text))
    else:
        values[field.name] = read_value(field, text, flag)


def read_value(field: Field, text: str, flag: str) -> Any:
    """A text as its field's type; a wildcard stays text until a payload gives its value. Raises UsageError."""
    if field.type is FieldType.STRING or ("{" in text and field.type is not FieldType.TABLE and not is_json(text)):
        return text
    if field.type is FieldType.BOOLEAN:
        if text.lower() not in ("true", "false"):
            raise UsageError(f'{flag} is true or false, not "{text}".')
        return text.lower() == "true"
    if convert := NUMBERS.get(field.type):
        try:
            return convert(text)
        except ValueError:
            raise UsageError(f'{flag} takes a number, not "{text}".') from None
    value = read_any(text)
    if field.type is FieldType.TABLE and not isinstance(value, dict):
        raise UsageError(f"{flag} is a table.", next_step=f"Give its keys one by one: --set {field.name}.KEY=VALUE")
    return value


def read_any(text: str) -> Any:
    """A text as JSON where it is JSON, else as itself: `5` is a number, `"5"` and `five` are texts."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def is_json(text: str) -> bool:
    """Whether a text is a JSON document."""
    return read_any(text) is not text


def read_list(text: str) -> list[Any]:
    """A list from a JSON array, or one element from any other text."""
    value = read_any(text)
    return value if isinstance(value, list) else [value]


def write_assignments(values: Mapping[str, Any], fields: Iterable[Field], flag: str) -> list[str]:
    """The flags that would give these values again."""
    declared = {field.name: field for field in fields}
    return [
        part
        for name, value in values.items()
        for key, text in flatten(declared[name], value)
        for part in (flag, f"{key}={text}")
    ]


def flatten(field: Field, value: Any) -> list[tuple[str, str]]:
    """A value as keys and texts: a table as its keys where they can stand in a dotted key, a list as its elements."""
    if isinstance(value, dict) and value and all(PLAIN_KEY.match(each) for each in value):
        return [(f"{field.name}.{inner}", write_any(each)) for inner, each in value.items()]
    if field.type is FieldType.LIST and isinstance(value, list) and all(isinstance(each, str) for each in value):
        return [(field.name, write_any(each)) for each in value]
    if isinstance(value, str):
        return [(field.name, value if field.type is FieldType.STRING else write_any(value))]
    return [(field.name, json.dumps(value, ensure_ascii=False))]


def write_any(value: Any) -> str:
    """A text that `read_any` reads as this value."""
    if isinstance(value, str) and not is_json(value):
        return value
    return json.dumps(value, ensure_ascii=False)
