"""Templates checked against a model: unknown properties, values that do not fit the field, missing defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from eventwire.errors import did_you_mean
from eventwire.fields import Context, Field, FieldType
from eventwire.language.contexts import TYPED
from eventwire.language.findings import Finding
from eventwire.language.paths import format_path
from eventwire.language.pipes import PIPES
from eventwire.language.properties import KIND_LABELS, Kind, Model, Property
from eventwire.language.roots import ROOTS, known_names

if TYPE_CHECKING:
    from eventwire.language.template_parser import Wildcard
    from eventwire.language.wildcards import Template

_FITTING: Mapping[FieldType, frozenset[Kind]] = {
    FieldType.INTEGER: frozenset({Kind.INTEGER, Kind.ANY}),
    FieldType.NUMBER: frozenset({Kind.INTEGER, Kind.NUMBER, Kind.ANY}),
    FieldType.BOOLEAN: frozenset({Kind.BOOLEAN, Kind.ANY}),
    FieldType.TABLE: frozenset({Kind.OBJECT, Kind.ANY}),
}
_WANTED = {
    FieldType.INTEGER: "an integer",
    FieldType.NUMBER: "a number",
    FieldType.BOOLEAN: "true or false",
    FieldType.TABLE: "an object",
}


def check_template(
    template: Template, model: Model, field: Field, roots: Mapping[str, Property] = ROOTS
) -> list[Finding]:
    """Everything that is wrong or doubtful about a field's wildcards for events of a model."""
    findings: list[Finding] = []
    for wildcard in template.wildcards:
        findings.extend(_check_wildcard(wildcard, template, model, field, roots))
    return findings


def _check_wildcard(
    wildcard: Wildcard, template: Template, model: Model, field: Field, roots: Mapping[str, Property]
) -> list[Finding]:
    found = _property(wildcard, model, roots)
    if found is None:
        return [_unknown(wildcard, model, roots)]
    findings = []
    for pipe in wildcard.pipes:
        kind = PIPES[pipe.name]
        if found.kind not in kind.takes:
            takes = "a number" if kind.name == "round" else "text"
            message = (
                f"{wildcard.text}: the pipe {pipe.name} takes {takes}, but its value is {KIND_LABELS[found.kind]}."
            )
            findings.append(_finding("pipe-type", wildcard, message, start=pipe.start, end=pipe.end))
        found = kind.result(found, pipe.argument)
    if misfit := _misfit(wildcard, found, template, field):
        findings.append(misfit)
    if found.optional and not wildcard.has_default:
        findings.append(_without_default(wildcard))
    return findings


def _finding(
    rule: str, wildcard: Wildcard, message: str, step: str | None = None, *, start: int = -1, end: int = -1
) -> Finding:
    start, end = (wildcard.start, wildcard.end) if start < 0 else (start, end)
    return Finding(rule, message, start, end, step, keys=wildcard.keys)


def _property(wildcard: Wildcard, model: Model, roots: Mapping[str, Property]) -> Property | None:
    if wildcard.root == "payload":
        return model.find(wildcard.path)
    root = roots.get(wildcard.root)
    return Model(root.properties, {}, open=root.open).find(wildcard.path) if root else None


def _unknown(wildcard: Wildcard, model: Model, roots: Mapping[str, Property]) -> Finding:
    if wildcard.root != "payload":
        names = (
            [f"{wildcard.root}.{name}" for name in roots[wildcard.root].properties] if wildcard.root in roots else []
        )
        message = f"{wildcard.text}: there is no {wildcard.name}; there are {', '.join(names)}."
        own = f"A property of the payload called {wildcard.root} is written `{wildcard.root}`."
        hint = did_you_mean(wildcard.name, names)
        return _finding("unknown-property", wildcard, message, f"{hint} {own}" if hint else own)
    names = known_names(model, "payload", wildcard.path)
    step = did_you_mean(format_path(wildcard.path), names) or f"The model has {_some(names)}."
    return _finding("unknown-property", wildcard, f"{wildcard.text}: the model has no {wildcard.name}.", step)


def _misfit(wildcard: Wildcard, found: Property, template: Template, field: Field) -> Finding | None:
    """What is wrong with a value's type in its place."""
    if template.is_lone and field.type in _FITTING:
        if found.kind in _FITTING[field.type]:
            return None
        message = f"{wildcard.text} is {KIND_LABELS[found.kind]}, but {field.name} takes {_WANTED[field.type]}."
        rounds = found.kind is Kind.NUMBER and field.type is FieldType.INTEGER
        step = f"Round it: {{{wildcard.name} | round: 0}}." if rounds else None
        return _finding("field-type", wildcard, message, step)
    if field.type in _FITTING and not wildcard.keys and field.type is not FieldType.TABLE:
        message = f"{field.name} takes {_WANTED[field.type]}, but {wildcard.text} stands in a text here."
        return _finding("field-type", wildcard, message, f"Let the field be the wildcard alone: {wildcard.text}.")
    if found.kind in (Kind.OBJECT, Kind.ARRAY) and _becomes_text(wildcard, template, field):
        message = f"{wildcard.text} is {KIND_LABELS[found.kind]}, which is no text."
        return _finding("field-type", wildcard, message, f"Write it as JSON: {{{wildcard.name} | json}}.")
    return None


def _becomes_text(wildcard: Wildcard, template: Template, field: Field) -> bool:
    if field.context is Context.SQL:
        return False
    whole = _text_at(template.source, wildcard.keys)
    lone = isinstance(whole, str) and whole == wildcard.text
    return not (lone and field.context in TYPED and field.type is not FieldType.STRING)


def _text_at(source: Any, keys: tuple[str | int, ...]) -> Any:
    for key in keys:
        source = source[key]
    return source


def _without_default(wildcard: Wildcard) -> Finding:
    message = f"{wildcard.text}: {wildcard.name} may be missing, and then the action fails."
    step = f"Give it a default: {{{wildcard.name} | default: …}}."
    return replace(_finding("no-default", wildcard, message, step), severity="warning")


def _some(names: list[str]) -> str:
    shown = list(dict.fromkeys(names))
    return ", ".join(shown[:8]) + (" …" if len(shown) > 8 else "") if shown else "no properties"
