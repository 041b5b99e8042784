"""Models inferred from a sample payload, as the shorthand that would stand in the project file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.language.numbers import is_number
from eventwire.language.properties import Kind, Property

_DATE = lazy_pattern(r"\d{4}-\d\d-\d\d")
_DATE_TIME = lazy_pattern(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_NULL = Property(Kind.ANY, optional=True, open=True)
"""What is known of a property that was null. Known by identity: a mixture of kinds may look the same."""


def infer_model(sample: Mapping[str, Any]) -> dict[str, Any]:
    """The shorthand table of a payload. Lists are described by all of their elements together; null gives `any?`."""
    return {name: shorthand(_infer(value)) for name, value in sample.items()}


def shorthand(each: Property) -> str | dict[str, Any]:
    """A property as the shorthand that `read_model` reads back."""
    mark = "?" if each.optional else ""
    if each.kind is Kind.OBJECT and each.properties:
        return _write_object(each)
    keywords = {key: value for key, value in each.keywords.items() if not _is_implied(each, key)}
    name = "Date" if "anyOf" in each.keywords and each.kind is Kind.DATE_TIME else each.kind.value
    if each.kind is Kind.ARRAY and each.items is not None:
        inner = shorthand(each.items)
        if not isinstance(inner, str) or inner.endswith("?"):
            return {"type": "array" + mark, "items": inner, **keywords}
        name = f"{inner}[]"
    return {"type": name + mark, **keywords} if keywords else name + mark


def _write_object(each: Property) -> dict[str, Any]:
    properties = {name: shorthand(inner) for name, inner in each.properties.items()}
    if not each.optional and not each.keywords and "type" not in properties:
        return properties
    return {"type": "object" + ("?" if each.optional else ""), "properties": properties, **each.keywords}


def _is_implied(each: Property, keyword: str) -> bool:
    """Whether the kind's name says a keyword already."""
    dates = each.kind in (Kind.DATE, Kind.DATE_TIME)
    return dates and (keyword == "anyOf" or (keyword == "format" and each.keywords["format"] == each.kind.value))


def _infer(value: Any) -> Property:
    if isinstance(value, Mapping):
        return Property(
            Kind.OBJECT, properties={str(name): _infer(each) for name, each in value.items()}, open=not value
        )
    if isinstance(value, (list, tuple)):
        return Property(Kind.ARRAY, items=_merge_all([_infer(each) for each in value]))
    return _NULL if value is None else Property(_scalar_kind(value))


def _scalar_kind(value: Any) -> Kind:
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, int):
        return Kind.INTEGER
    return Kind.NUMBER if is_number(value) else _text_kind(str(value))


def _text_kind(text: str) -> Kind:
    try:
        if _DATE.fullmatch(text):
            date.fromisoformat(text)
            return Kind.DATE
        if _DATE_TIME.fullmatch(text):
            datetime.fromisoformat(text.upper())
            return Kind.DATE_TIME
    except ValueError:
        return Kind.STRING
    return Kind.STRING


def _merge_all(found: Sequence[Property]) -> Property | None:
    """One property that describes all of those found."""
    if not found:
        return None
    merged = found[0]
    for each in found[1:]:
        merged = _merge(merged, each)
    return merged


def _merge(first: Property, second: Property) -> Property:
    optional = first.optional or second.optional
    if first is _NULL or second is _NULL:
        known = second if first is _NULL else first
        return Property(known.kind, True, known.properties, known.items, known.keywords, known.open)
    if first.kind is not second.kind:
        kinds = {first.kind, second.kind}
        if kinds == {Kind.INTEGER, Kind.NUMBER}:
            return Property(Kind.NUMBER, optional)
        if kinds <= {Kind.STRING, Kind.DATE, Kind.DATE_TIME}:
            return Property(Kind.STRING, optional)
        return Property(Kind.ANY, optional, open=True)
    if first.kind is Kind.OBJECT:
        return _merge_objects(first, second, optional)
    if first.kind is Kind.ARRAY:
        items = [each for each in (first.items, second.items) if each is not None]
        return Property(Kind.ARRAY, optional, items=_merge_all(items))
    return Property(first.kind, optional, open=first.open)


def _merge_objects(first: Property, second: Property, optional: bool) -> Property:
    properties = {}
    for name in [*first.properties, *(name for name in second.properties if name not in first.properties)]:
        one, other = first.properties.get(name), second.properties.get(name)
        properties[name] = _merge(one, other) if one and other else _merge(one or other or _NULL, _NULL)
    return Property(Kind.OBJECT, optional, properties, open=not properties)
