"""Validation: every way in which a payload does not fit its model, each as a path and a sentence in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eventwire.language.paths import format_path
from eventwire.language.payloads import encode_json
from eventwire.language.properties import Model
from eventwire.language.shorthand import build_validator

Violations = list[tuple[str, str]]
Validator = Callable[[Mapping[str, Any]], Violations]

_TYPES = {
    "string": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}
_FORMATS = {
    "date": "a date, as in 2026-11-23",
    "date-time": "a date-time with its zone, as in 2026-11-23T15:00:00Z",
    "time": "a time with its zone, as in 15:00:00Z",
    "email": "an e-mail address",
    "uri": "a URL",
    "uuid": "a UUID",
    "ipv4": "an IPv4 address",
    "ipv6": "an IPv6 address",
    "hostname": "a host name",
}


def compile_model(model: Model) -> Validator:
    """A function that lists every violation of a payload, as property path and sentence; empty where it fits."""
    validator = build_validator(model.schema)

    def violations(payload: Mapping[str, Any]) -> Violations:
        try:
            if validator.is_valid(payload):
                return []
            return sorted({each for error in validator.iter_errors(payload) for each in describe(error)})
        except UnicodeEncodeError:
            return [("", "holds half a character (a lone surrogate), which is no Unicode text")]
        except ValueError as error:
            return [("", f"cannot be validated: {error}")]

    return violations


def describe(error: Any) -> Violations:
    """A validation error as violations: one for each property that is missing or not allowed."""
    path = list(error.instance_path)
    kind = error.kind.name
    if kind == "required":
        return [(format_path([*path, error.kind.property]), "is missing")]
    if kind in ("additionalProperties", "unevaluatedProperties"):
        return [(format_path([*path, name]), "is not in the model") for name in error.kind.unexpected]
    return [(format_path(path), _sentence(error, kind))]


def _sentence(error: Any, kind: str) -> str:
    found = describe_value(error.instance)
    if kind == "type":
        return f"must be {_choice([_TYPES.get(name, name) for name in _types(error.kind.types)])}, not {found}"
    if kind == "format":
        return f"must be {_FORMATS.get(error.kind.format, 'in the format ' + error.kind.format)}, not {found}"
    if kind == "enum":
        options = [describe_value(option) for option in error.kind.options if option is not None]
        return f"must be {_choice(options)}, not {found}"
    if kind == "falseSchema":
        return "is not allowed"
    if kind in ("anyOf", "oneOfNotValid"):
        return f"must have one of the forms that the model allows, not {found}"
    limit = _limit(error, kind)
    return f"must {limit}, not {found}" if limit else _own_words(error)


def _types(types: Any) -> Sequence[str]:
    names = [types] if isinstance(types, str) else list(types)
    return [name for name in names if name != "null"] or names


def _limit(error: Any, kind: str) -> str | None:
    detail = error.kind.as_dict()
    limit = detail.get("limit")
    sentences = {
        "minimum": f"be at least {limit}",
        "maximum": f"be at most {limit}",
        "exclusiveMinimum": f"be more than {limit}",
        "exclusiveMaximum": f"be less than {limit}",
        "minLength": f"have at least {limit} characters",
        "maxLength": f"have at most {limit} characters",
        "minItems": f"have at least {limit} elements",
        "maxItems": f"have at most {limit} elements",
        "minProperties": f"have at least {limit} properties",
        "maxProperties": f"have at most {limit} properties",
        "multipleOf": f"be a multiple of {detail.get('multiple_of')}",
        # without the pattern, the engine has given up: one with look-around may take more steps than it is allowed
        "pattern": f"match the pattern {detail['pattern']}"
        if "pattern" in detail
        else "match its pattern in fewer steps",
        "uniqueItems": "have no element twice",
    }
    if kind == "const":
        return f"be {describe_value(detail.get('expected_value'))}"
    return sentences.get(kind)


def _own_words(error: Any) -> str:
    text = str(error.message)
    return text if len(text) <= 200 else text[:200] + "…"


def _choice(options: Sequence[str]) -> str:
    if len(options) < 2:
        return "".join(options)
    return f"{', '.join(options[:-1])} or {options[-1]}"


def describe_value(value: Any) -> str:
    """A JSON value in a sentence: `the text "abc"`, `the number 5`, `a list`."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, (list, tuple)):
        return "a list"
    if value is None or isinstance(value, bool):
        return encode_json(value)
    written = encode_json(value)
    written = written if len(written) <= 60 else written[:59] + "…"
    return f"the text {written}" if isinstance(value, str) else f"the number {written}"
