"""What an action of ReactiveHub's was configured with, as the fields of an operation here.

Each function takes what it knows of a template; what it leaves is listed by whoever called it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from eventwire.importing.wildcards import without_quotes
from eventwire.project.field_values import is_secret_name

Fields = dict[str, Any]
TYPES = {
    "POSTGRESQL": "postgresql",
    "POSTGRES": "postgresql",
    "REDIS": "redis",
    "HTTP": "http",
    "API": "http",
    "SLACK": "slack",
    "STRIPE": "stripe",
}
"""ReactiveHub's types of actions, and the services that stand for them."""
KEPT = "It stands in the project as a comment."
SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie")


class Translated(Struct, frozen=True):
    """An action as it stands in the project file, but for its name and its account's."""

    service: str
    operation: str
    fields: Fields
    settings: Mapping[str, Any]
    """What it told of its service account."""
    left: Mapping[str, Any]
    """What of its template no field takes."""


class NoCounterpart(Exception):
    """An action cannot be carried over; says why, and what to do."""

    def __init__(self, message: str, next_step: str = "", draft: Translated | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = f"{next_step} {KEPT}".strip()
        self.draft = draft
        """The action as far as it translated, for somebody to mend."""


class Template:
    """A template that is being taken apart."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.left = {name: value for name, value in values.items() if value is not None}
        """What nobody has taken yet."""
        self.settings: dict[str, Any] = {}
        """What belongs to the service account."""
        self.remarks: list[tuple[str, str, str]] = []
        """What changed: the template's key, a sentence, and the next step."""

    def take(self, *names: str) -> Any:
        """The value of the first of these keys that is there, however it is capitalized; None where none is."""
        for key in self.left:
            if key.lower() in names:
                return self.left.pop(key)
        return None

    def key(self, name: str) -> str:
        """A key as it is written."""
        return next((key for key in self.left if key.lower() == name), name)


def given(**fields: Any) -> Fields:
    """The fields that have a value; `_` in a name stands for `-`."""
    return {name.replace("_", "-"): value for name, value in fields.items() if value is not None}


# SQL


def table_of(template: Template) -> str | None:
    """The table; the database is a matter of the service account. Raises NoCounterpart for one that a payload names."""
    database = template.take("database")
    if database is not None and not is_constant(str(database)):
        raise NoCounterpart(f"Its database is {database}, and an account has one of its own.")
    if database is not None:
        template.settings["database"] = str(database)
    schema, table = template.take("schema"), template.take("table")
    return f"{schema}.{table}" if schema and table else table


def insert(template: Template) -> Fields:
    """INSERT: a table and its columns' values."""
    return given(table=table_of(template), values=template.take("payload", "values"))


def update(template: Template) -> Fields:
    """UPDATE: a table, its columns' values, and which rows."""
    return {**insert(template), **given(where=where(template))}


def delete(template: Template) -> Fields:
    """DELETE: a table, and which rows."""
    return given(table=table_of(template), where=where(template))


def where(template: Template) -> Fields | None:
    """The rows that are meant, as columns that are equal to values. Raises NoCounterpart for other operators."""
    condition = template.take("condition", "conditions", "where")
    if isinstance(condition, dict) and "field" not in condition:
        return condition
    clauses = [condition] if isinstance(condition, dict) else condition
    if clauses is None:
        return None
    found: Fields = {}
    for each in clauses if isinstance(clauses, list) else [clauses]:
        field = each.get("field") if isinstance(each, dict) else None
        operator = str(each.get("operator") or "=").strip() if isinstance(each, dict) else "?"
        if operator != "=" or not isinstance(field, str) or field in found or each.get("value") is None:
            said = f"{field} {operator}" if field else str(each)
            message = f"The rows that it touches are found by more than columns that are equal: {said}."
            raise NoCounterpart(message, "Write it as SQL with the action execute: each wildcard becomes a parameter.")
        found[field] = each["value"]
    return found


def execute(template: Template) -> Fields:
    """A statement of one's own; wildcards in quotes of their own lose them, since each becomes a parameter."""
    table_of(template)
    statement = template.take("statement", "query", "sql")
    return given(statement=without_quotes(statement) if isinstance(statement, str) else statement)


# Redis


def value_of(template: Template) -> Any:
    """A value, which was a structure where it was to be stringified: JSON is what becomes of it here, too."""
    value = template.take("value", "payload")
    if isinstance(value, dict | list) or not template.left.get(template.key("stringify")):
        template.take("stringify")
    return value


def key(template: Template) -> Fields:
    """INCR, RPOP."""
    return given(key=template.take("key"))


def key_value(template: Template) -> Fields:
    """SET, SETNX."""
    return {**key(template), **given(value=value_of(template))}


def key_field_value(template: Template) -> Fields:
    """HSETNX."""
    return {**key(template), **given(field=template.take("field"), value=value_of(template))}


def key_by(template: Template) -> Fields:
    """INCRBY, INCRBYFLOAT."""
    return {**key(template), **given(by=template.take("value", "by", "increment"))}


def key_field_by(template: Template) -> Fields:
    """HINCRBY, HINCRBYFLOAT."""
    return {**key(template), **given(field=template.take("field")), **key_by(template)}


def hash_values(template: Template) -> Fields:
    """HSET: a field and its value, or many."""
    field, value = template.take("field"), value_of(template)
    values = value if field is None else None if value is None else {str(field): value}
    return {**key(template), **given(values=values)}


def keys(template: Template) -> Fields:
    """DEL."""
    return given(keys=as_list(template.take("key", "keys")))


def key_fields(template: Template) -> Fields:
    """HDEL."""
    return {**key(template), **given(fields=as_list(template.take("field", "fields")))}


def key_values(template: Template) -> Fields:
    """RPUSH."""
    return {**key(template), **given(values=as_list(value_of(template)))}


def as_list(value: Any) -> list[Any] | None:
    """A list, or the list of one that a single value stands for."""
    return value if value is None or isinstance(value, list) else [value]


# HTTP and Slack


def request(method: str) -> Callable[[Template], Fields]:
    """A call with this method."""

    def fields(template: Template) -> Fields:
        headers = template.take("headers")
        if isinstance(headers, dict):
            headers = without_secrets(template, headers) or None
        payload = template.take("payload", "body", "json")
        body = given(body=payload) if isinstance(payload, str) else given(json=payload)
        called = given(url=template.take("url", "path"), headers=headers, query=template.take("query"))
        return {"method": method, **called, **body}

    return fields


def without_secrets(template: Template, headers: Fields) -> Fields:
    """The headers that hold no secret: the account keeps those."""
    kept = {}
    for name, value in headers.items():
        if is_constant(value) and (is_secret_name(name) or name.lower() in SECRET_HEADERS or "key" in name.lower()):
            template.settings |= {"authentication": "header", "header-name": name}
            message = f'The header "{name}" holds a secret, and was not copied.'
            template.remarks.append(("headers", message, "Give it to the service account, as its header-value."))
        else:
            kept[name] = value
    return kept


def is_constant(value: Any) -> bool:
    """Whether a value is text without a wildcard."""
    return isinstance(value, str) and "{" not in value


def post_message(template: Template) -> Fields:
    """A Slack message; its webhook's address is a secret of the account."""
    if template.take("url", "webhookurl", "webhook") is not None:
        message = "The webhook's URL is a secret, and was not copied."
        template.remarks.append(("url", message, "Give it to the service account, as its webhook-url."))
    return given(
        text=template.take("text", "message"),
        channel=template.take("channel"),
        blocks=template.take("blocks"),
        username=template.take("username"),
        icon_emoji=template.take("icon_emoji"),
    )


# Stripe

STRIPE_FIELDS = {
    "create-customer": ("email", "name", "phone", "description", "metadata"),
    "update-customer": ("email", "name", "phone", "description", "metadata"),
    "create-charge": ("amount", "currency", "customer", "source", "capture", "description", "metadata"),
    "capture-charge": ("amount", "metadata"),
}


def stripe(operation: str, identifier: str = "") -> Callable[[Template], Fields]:
    """A call of Stripe's: its own fields, and every other parameter by its own name."""

    def fields(template: Template) -> Fields:
        found = given(id=template.take(identifier, "id")) if identifier else {}
        payload = template.take("payload")
        parameters = {**template.left, **(payload if isinstance(payload, dict) else {})}
        template.left.clear()
        found |= {name: parameters.pop(name) for name in STRIPE_FIELDS[operation] if name in parameters}
        return {**found, "parameters": parameters} if parameters else found

    return fields


Translate = Callable[[Template], Fields]

ACTIONS: Mapping[tuple[str, str], tuple[str, Translate]] = {
    ("postgresql", "INSERT"): ("insert", insert),
    ("postgresql", "UPDATE"): ("update", update),
    ("postgresql", "DELETE"): ("delete", delete),
    ("postgresql", "EXECUTE"): ("execute", execute),
    ("postgresql", "QUERY"): ("execute", execute),
    ("redis", "SET"): ("set", key_value),
    ("redis", "SETNX"): ("setnx", key_value),
    ("redis", "HSET"): ("hset", hash_values),
    ("redis", "HSETNX"): ("hsetnx", key_field_value),
    ("redis", "DEL"): ("del", keys),
    ("redis", "HDEL"): ("hdel", key_fields),
    ("redis", "INCR"): ("incr", key),
    ("redis", "INCRBY"): ("incrby", key_by),
    ("redis", "INCRBYFLOAT"): ("incrbyfloat", key_by),
    ("redis", "HINCRBY"): ("hincrby", key_field_by),
    ("redis", "HINCRBYFLOAT"): ("hincrbyfloat", key_field_by),
    ("redis", "RPOP"): ("rpop", key),
    ("redis", "RPUSH"): ("rpush", key_values),
    **{("http", method): ("request", request(method)) for method in ("GET", "POST", "PUT", "DELETE")},
    ("slack", "WEBHOOK"): ("post-message", post_message),
    ("slack", "INCOMING_WEBHOOK"): ("post-message", post_message),
    ("stripe", "CREATE_CUSTOMER"): ("create-customer", stripe("create-customer")),
    ("stripe", "UPDATE_CUSTOMER"): ("update-customer", stripe("update-customer", "customerid")),
    ("stripe", "CREATE_CHARGE"): ("create-charge", stripe("create-charge")),
    ("stripe", "CAPTURE_CHARGE"): ("capture-charge", stripe("capture-charge", "chargeid")),
}
"""A service and ReactiveHub's action: the operation that stands for it, and what makes its fields."""
