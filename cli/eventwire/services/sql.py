"""What the SQL services share: fields, and statements whose identifiers are quoted and whose values are bound.

A payload never becomes SQL: tables and columns are quoted as identifiers, everything else is a parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from eventwire.errors import Rejected
from eventwire.fields import Context, Field, FieldType, Suggestion
from eventwire.services.declare import Operation, Repetition, Request, Send, Target, Values


class Dialect(NamedTuple):
    """How a server writes what SQL leaves open."""

    placeholder: Callable[[int], str]
    """The placeholder of the n-th parameter, from 1."""
    schemas: bool
    """Whether a dot in a table's name separates its schema."""
    longest_name: int | None = None
    """How many bytes of a name count, where the server cuts off the rest: it would be another table's name."""


TABLE = Field(
    "table",
    "Table",
    context=Context.IDENTIFIER,
    required=True,
    example="customers",
    suggestion=Suggestion.TABLE,
)
VALUES = Field(
    "values",
    "Values",
    type=FieldType.TABLE,
    context=Context.VALUE,
    required=True,
    example={"id": "{id}", "name": "{name}"},
    help="Column to value; values are bound, never part of the SQL.",
    suggestion=Suggestion.COLUMNS,
)
WHERE = Field(
    "where",
    "Where",
    type=FieldType.TABLE,
    context=Context.VALUE,
    required=True,
    example={"id": "{id}"},
    help="Column to value; all have to be equal, and null means IS NULL. Without a condition nothing is touched.",
    suggestion=Suggestion.COLUMNS,
)
RETURNING = Field(
    "returning",
    "Columns to return",
    type=FieldType.LIST,
    example=["id"],
    help="They stand in the response.",
)
CONFLICT = Field(
    "conflict",
    "Columns that are unique together",
    type=FieldType.LIST,
    required=True,
    example=["id"],
    help="Where a row has these values already, it is updated instead.",
)
UPDATE = Field(
    "update",
    "Columns to update",
    type=FieldType.LIST,
    example=["name"],
    help="Which columns change where the row is there already; all that are not unique, unless said.",
)
KEY_COLUMN = Field(
    "key-column",
    "Column for the idempotency key",
    context=Context.IDENTIFIER,
    example="delivery_key",
    help="A text column that is unique: it gets the delivery's key, and a row whose key is there already is not inserted "
    "again. So the action can be repeated safely, after a crash too.",
)
STATEMENT = Field(
    "statement",
    "SQL statement",
    context=Context.SQL,
    required=True,
    example="UPDATE stock SET left = left - 1 WHERE item = {id}",
    help="Each wildcard becomes a bound parameter; write none in quotes.",
)


def operations(dialect: Dialect, send: Send) -> tuple[Operation, ...]:
    """Insert, upsert, update, delete and execute, as a service with this dialect offers them."""
    example_values = {"table": "customers", "values": {"id": "{id}", "name": "{name}"}}
    return (
        Operation(
            name="insert",
            summary="Inserts a row.",
            fields=(TABLE, VALUES, KEY_COLUMN, RETURNING),
            build=insert_builder(dialect),
            send=send,
            repetition=repetition_of_insert,
            example=example_values,
        ),
        Operation(
            name="upsert",
            summary="Inserts a row, or updates the one that is there already.",
            fields=(TABLE, VALUES, CONFLICT, UPDATE, RETURNING),
            build=builder(upsert, dialect),
            send=send,
            repetition=Repetition.SAFE,
            example={**example_values, "conflict": ["id"]},
        ),
        Operation(
            name="update",
            summary="Updates the rows that meet a condition.",
            fields=(TABLE, VALUES, WHERE, RETURNING),
            build=builder(update, dialect),
            send=send,
            repetition=Repetition.SAFE,
            example={"table": "customers", "values": {"name": "{name}"}, "where": {"id": "{id}"}},
        ),
        Operation(
            name="delete",
            summary="Deletes the rows that meet a condition.",
            fields=(TABLE, WHERE, RETURNING),
            build=builder(delete, dialect),
            send=send,
            repetition=Repetition.SAFE,
            example={"table": "customers", "where": {"id": "{id}"}},
        ),
        Operation(
            name="execute",
            summary="Runs an SQL statement of your own.",
            fields=(STATEMENT,),
            build=builder(execute, dialect),
            send=send,
            example={"statement": "UPDATE stock SET amount = amount - 1 WHERE item = {id}"},
        ),
    )


class Writer:
    """A statement on its way: SQL with placeholders, and their parameters."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.parameters: list[Any] = []

    def bind(self, value: Any) -> str:
        """The placeholder of one more parameter."""
        self.parameters.append(value)
        return self.dialect.placeholder(len(self.parameters))

    def table(self, values: Values) -> str:
        """The table's name, quoted."""
        return table_name(self.dialect, str(values["table"]))

    def conditions(self, where: Mapping[str, Any]) -> str:
        """All columns equal to their values. Raises Rejected for no condition at all."""
        if not where:
            raise Rejected("There is no condition, and without one every row would be touched.")
        return " AND ".join(self.condition(column, value) for column, value in where.items())

    def condition(self, column: str, value: Any) -> str:
        """One column equal to its value; nothing equals NULL, which is asked for otherwise."""
        return f"{quote(column)} IS NULL" if value is None else f"{quote(column)} = {self.bind(value)}"

    def assignments(self, values: Mapping[str, Any]) -> str:
        """Columns set to their values."""
        return ", ".join(f"{quote(column)} = {self.bind(value)}" for column, value in filled(values).items())


def builder(write: Callable[[Writer, Values], str], dialect: Dialect) -> Callable[[Values, Target], Request]:
    """The `build` of an operation."""

    def build(values: Values, target: Target) -> Request:
        writer = Writer(dialect)
        statement = write(writer, values)
        return {"statement": statement, "parameters": writer.parameters}

    return build


def with_key(row: Mapping[str, Any], column: str, target: Target) -> Mapping[str, Any]:
    """A row with the delivery's idempotency key in its column. Raises Rejected where that has another value."""
    if column in row:
        raise Rejected(f'The column "{column}" is for the idempotency key.', next_step="Leave it out of `values`.")
    return {**row, column: target.idempotency_key}


def repetition_of_insert(values: Values) -> Repetition:
    """An insert happens twice, unless a column holds the delivery's key."""
    return Repetition.KEYED if values.get("key-column") else Repetition.UNSAFE


def insert_builder(dialect: Dialect) -> Callable[[Values, Target], Request]:
    """The `build` of an insert."""

    def build(values: Values, target: Target) -> Request:
        key_column = values.get("key-column")
        row = filled(values["values"]) if key_column is None else with_key(values["values"], key_column, target)
        returning = values.get("returning")
        returned = tuple(as_list(returning)) if returning else ()
        statement = insert_statement(dialect, str(values["table"]), tuple(row), key_column, returned)
        return {"statement": statement, "parameters": list(row.values())}

    return build


@lru_cache(maxsize=256)  # most events have the same one
def insert_statement(
    dialect: Dialect, table: str, columns: tuple[str, ...], key_column: str | None, returned: tuple[str, ...]
) -> str:
    """INSERT INTO table (columns) VALUES (parameters), and nothing where the delivery's key is there already. Raises Rejected."""
    names = ", ".join(map(quote, columns))
    bound = ", ".join(map(dialect.placeholder, range(1, len(columns) + 1)))
    once = f" ON CONFLICT ({quote(key_column)}) DO NOTHING" if key_column else ""
    return f"INSERT INTO {table_name(dialect, table)} ({names}) VALUES ({bound}){once}{returning_clause(returned)}"


def upsert(writer: Writer, values: Values) -> str:
    """INSERT … ON CONFLICT … DO UPDATE, or DO NOTHING where there is no column to update."""
    conflict = as_list(values["conflict"])
    row = filled(values["values"])
    changed = as_list(values["update"]) if "update" in values else [name for name in row if name not in conflict]
    for column in (*conflict, *changed):
        if column not in row:
            raise Rejected(f'The column "{column}" has no value.', next_step="Give it one in `values`.")
    assigned = ", ".join(f"{quote(column)} = excluded.{quote(column)}" for column in changed)
    action = f"UPDATE SET {assigned}" if assigned else "NOTHING"
    writer.parameters.extend(row.values())
    head = insert_statement(writer.dialect, str(values["table"]), tuple(row), None, ())
    return f"{head} ON CONFLICT ({', '.join(map(quote, conflict))}) DO {action}{returning(values)}"


def update(writer: Writer, values: Values) -> str:
    """UPDATE table SET columns WHERE condition."""
    assigned = writer.assignments(values["values"])
    where = writer.conditions(values["where"])
    return f"UPDATE {writer.table(values)} SET {assigned} WHERE {where}{returning(values)}"


def delete(writer: Writer, values: Values) -> str:
    """DELETE FROM table WHERE condition."""
    return f"DELETE FROM {writer.table(values)} WHERE {writer.conditions(values['where'])}{returning(values)}"


def execute(writer: Writer, values: Values) -> str:
    """The user's own statement, a parameter for each wildcard."""
    # the wildcards take 10 ms to import, and completion reads this declaration too
    from eventwire.language.wildcards import Statement

    statement = values["statement"]
    if not isinstance(statement, Statement):
        return str(statement)
    pieces = [statement.parts[0]]
    for value, part in zip(statement.values, statement.parts[1:], strict=True):
        pieces += [writer.bind(value), part]
    return "".join(pieces)


def returning(values: Values) -> str:
    """The RETURNING clause, where columns are asked for."""
    return returning_clause(as_list(values.get("returning") or []))


def returning_clause(columns: Sequence[str]) -> str:
    """The RETURNING clause of columns, where there are any."""
    return f" RETURNING {', '.join(map(quote, columns))}" if columns else ""


def table_name(dialect: Dialect, name: str) -> str:
    """A table's name, quoted. Raises Rejected."""
    parts = name.split(".") if dialect.schemas else [name]
    longest = dialect.longest_name
    if longest and any(len(part.encode()) > longest for part in parts):
        raise Rejected(f"The table's name {shortened(name)} is longer than {longest} bytes, and would be cut off.")
    return ".".join(map(quote, parts))


def filled(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row that has a column. Raises Rejected."""
    if not row:
        raise Rejected("There is no column to write.", next_step="Give at least one in `values`.")
    return row


def quote(name: str) -> str:
    """An identifier, quoted so that any text is one name. Raises Rejected for U+0000 and for nothing."""
    if not name or "\0" in name:
        raise Rejected(f"{name!r} cannot be the name of a table or column.")
    return '"' + name.replace('"', '""') + '"'


def shortened(name: str) -> str:
    """A name for a message."""
    return repr(name if len(name) <= 80 else name[:79] + "…")


def as_list(value: Any) -> Sequence[str]:
    """A list, or the list of one that a single value stands for."""
    return list(map(str, value)) if isinstance(value, list | tuple) else [str(value)]
