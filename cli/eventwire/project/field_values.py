"""The values of declared fields: an account's settings and an action's configuration, checked against the declaration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, time
from math import isfinite
from typing import TYPE_CHECKING, Any

from eventwire.errors import did_you_mean
from eventwire.fields import Context, Field, FieldType
from eventwire.language.findings import LanguageError
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.language.models import Model
from eventwire.language.wildcards import check_template, parse_template
from eventwire.project.report import Report

if TYPE_CHECKING:
    from eventwire.project.scan import Keys

WANTED: Mapping[FieldType, tuple[tuple[type, ...], str]] = {
    FieldType.STRING: ((str,), "text"),
    FieldType.INTEGER: ((int,), "an integer"),
    FieldType.NUMBER: ((int, float), "a number"),
    FieldType.BOOLEAN: ((bool,), "true or false"),
    FieldType.TABLE: ((dict,), "a table"),
    FieldType.LIST: ((list, str, int, float), "a list"),
}

SECRET_NAME = lazy_pattern(r"(?i)passw|passphrase|secret|token|credential|(api|private|access)[-_]?key")
# eventwire's, Stripe's, Slack's, Standard Webhooks', GitHub's and AWS's keys, private keys, and addresses with a password in them.
SECRET_VALUE = lazy_pattern(
    r"\bew_(test|live)_\w|\b[sr]k_(test|live)_\w|\bxox[a-z]-\w|\bwhsec_\w|\bgh[pousr]_\w{30}|\bAKIA[A-Z0-9]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY|://[^\s/:@{}]*:[^\s/@{}]+@"
)


def check_fields(
    report: Report,
    fields: Sequence[Field],
    values: Mapping[str, Any],
    keys: Keys,
    owner: str,
    model: Model | None = None,
    exclusive: Sequence[Sequence[str]] = (),
    reserved: Sequence[str] = (),
) -> None:
    """Report every field that is unknown, missing, excluded by another or of a wrong value.

    With a model the values may hold wildcards. `owner` is whose fields they are, for messages; `reserved` are keys
    that mean something else in the same table.
    """
    declared = {each.name: each for each in fields}
    for name, value in values.items():
        if name not in declared and model is None and means_secret(name, fields):
            report_secret(report, (*keys, name), name)
        elif name not in declared:
            known = [*(each.name for each in fields if not each.secret), *reserved]
            step = did_you_mean(name, known) or f"Its fields are: {', '.join(known)}."
            report.error("unknown-field", f'"{name}" is no field of {owner}.', (*keys, name), step, of="key")
        elif declared[name].secret:
            report_secret(report, (*keys, name), name)
        else:
            check_value(report, declared[name], value, (*keys, name), model)
    for each in fields:
        check_presence(report, each, declared, values, keys, owner)
    for group in exclusive:
        given = [name for name in group if name in values]
        if len(given) > 1:
            report.error(
                "exclusive-fields",
                f'"{given[1]}" cannot be given beside "{given[0]}".',
                (*keys, given[1]),
                f"Keep one of: {', '.join(group)}.",
                of="key",
            )


def means_secret(name: str, fields: Sequence[Field]) -> bool:
    """Whether an unknown setting is one of the secret ones, misspelt, or by its name some other secret."""
    return is_secret_name(name) or did_you_mean(name, [each.name for each in fields if each.secret]) is not None


def is_secret_name(name: str) -> bool:
    """Whether a key's name says that a secret is behind it."""
    return SECRET_NAME.search(name) is not None


def holds_secret(value: Any) -> bool:
    """Whether a text can be told to be a secret, or to hold one, by the form that its service gives it."""
    return isinstance(value, str) and SECRET_VALUE.search(value) is not None


def report_secret(report: Report, keys: Keys, name: str) -> None:
    """An error for a secret that stands in the file; its line is not shown."""
    command = "add:source" if keys[0] == "sources" else "add:service-account"
    report.secret(
        keys,
        f'"{name}" is or holds a secret, and secrets never stand in the project file.',
        f"Remove it here, change it where it is from, and store it with: eventwire {command}",
    )


def check_presence(
    report: Report, field: Field, declared: Mapping[str, Field], values: Mapping[str, Any], keys: Keys, owner: str
) -> None:
    """Report a field that has to be there and is not, or is there and means nothing beside its neighbours."""
    applies = field.applies(values, declared)
    if field.name in values and not applies and field.when and not field.secret:
        report.error(
            "field-without-meaning",
            f'"{field.name}" means something only where {field.condition}.',
            (*keys, field.name),
            f'Remove it, or change "{field.when[0]}".',
            of="key",
        )
    if applies and field.required and field.default is None and not field.secret and field.name not in values:
        example = f" For example: {field.name} = {written(field.example)}" if field.example is not None else ""
        report.error(
            "missing-field",
            f'{owner} needs "{field.name}": {field.label.lower()}.',
            keys,
            f"Give it.{example}",
            of="key",
        )


def check_value(report: Report, field: Field, value: Any, keys: Keys, model: Model | None) -> None:
    """Report a value that does not fit its field, and what is wrong with its wildcards."""
    check_json(report, value, keys)
    check_refused(report, field, value, keys)
    if holds_secret(value):
        report_secret(report, keys, field.name)
        return
    if model is None or field.context is Context.LITERAL:
        check_constant(report, field, value, keys)
        return
    try:
        template = parse_template(value, field.context, field.type)
    except LanguageError as error:
        report.findings(error.findings, keys)
        return
    report.findings(check_template(template, model, field), keys)
    if not (isinstance(value, str) and template.wildcards):
        check_constant(report, field, value, keys)


def check_refused(report: Report, field: Field, value: Any, keys: Keys) -> None:
    """Report words that the field refuses, as its value or among its keys."""
    given = [(each, (*keys, each)) for each in value] if isinstance(value, dict) else [(value, keys)]
    for word, place in given:
        if isinstance(word, str) and word.lower() in field.refused:
            report.error(
                "refused-word",
                f'"{field.name}" cannot name {word}, which is set as the request is sent.',
                place,
                "Remove it.",
                of="key" if place != keys else "value",
            )


def check_json(report: Report, value: Any, keys: Keys) -> None:
    """Report what TOML can hold and a request cannot: dates without quotes, infinity, not a number."""
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            if not isinstance(each, str):
                check_json(report, each, (*keys, key))
    elif isinstance(value, float) and not isfinite(value):
        report.error("wrong-type", f"{value} is no number that can be sent.", keys, "Give a number, or leave it out.")
    elif isinstance(value, date | time):
        written = value.isoformat()
        report.error("wrong-type", "A date or time is sent as text.", keys, f'Put it in quotes: "{written}"')


def check_constant(report: Report, field: Field, value: Any, keys: Keys) -> None:
    """Report a value that is not of the field's type, range or choices."""
    if field.type is FieldType.ANY:
        return
    if value == "" and field.required:
        report.error("missing-field", f'"{field.name}" is empty: {field.label.lower()}.', keys, "Give it a value.")
        return
    types, wanted = WANTED[field.type]
    if not isinstance(value, types) or (isinstance(value, bool) and field.type is not FieldType.BOOLEAN):
        report.error("wrong-type", f'"{field.name}" has to be {wanted}.', keys, f"Make it {wanted}.")
    elif field.choices and value not in field.choices:
        step = did_you_mean(str(value), field.choices) or f"Choose one of: {', '.join(field.choices)}."
        report.error("unknown-choice", f'"{field.name}" cannot be "{value}".', keys, step)
    elif isinstance(value, int | float) and not in_range(field, value):
        report.error("out-of-range", f'"{field.name}" has to be {allowed(field)}.', keys, f"Make it {allowed(field)}.")
    elif field.type is FieldType.TABLE and field.required and not value:
        report.error("empty-table", f'"{field.name}" is empty.', keys, "Give it at least one key.")


def in_range(field: Field, value: float) -> bool:
    """Whether a number is within the field's bounds."""
    low, high = field.minimum, field.maximum
    return (low is None or value >= low) and (high is None or value <= high)


def allowed(field: Field) -> str:
    """A field's bounds in words."""
    bounds = [f"at least {field.minimum:g}"] if field.minimum is not None else []
    bounds += [f"at most {field.maximum:g}"] if field.maximum is not None else []
    return " and ".join(bounds)


def written(value: Any) -> str:
    """A value as TOML, for an example in a message."""
    from eventwire.project.written import toml_value

    return toml_value(value)
