"""The SQL of what goes into the journal: all rows of a group by one statement, which is a transaction of its own.

The writer's connection has a view with a column for each kind of row; inserting JSON arrays into it fires a trigger that writes
them. While a statement runs, the interpreter is free for the event loop, and after each one it has to be waited for: so
there is one.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Container, Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.json import Encoder

from eventwire.journal.rows import (
    AcceptedRun,
    AccountState,
    EndedRun,
    FinishedDelivery,
    LeftRun,
    PlannedDelivery,
    PostponedDelivery,
    RelatedRun,
    ResolvedDelivery,
    StartedDelivery,
)

# What is written for each kind of row, in this order, whatever order the rows came in. `{name}` is a field's value,
# `{fields}` and `{values}` are all of them, and `{rows}` is where they come from.
INSERT_RUN = "INSERT INTO runs ({fields}, owner) SELECT {values}, NEW.owner FROM {rows}"
WRITES: dict[type[Struct], tuple[str, ...]] = {
    AcceptedRun: (INSERT_RUN,),
    RelatedRun: (INSERT_RUN,),
    PlannedDelivery: ("INSERT INTO deliveries ({fields}) SELECT {values} FROM {rows}",),
    StartedDelivery: (
        "UPDATE deliveries SET status = 'started', due_at = NULL FROM {rows} "
        "WHERE deliveries.run = {run} AND deliveries.position = {position}",
    ),
    PostponedDelivery: (
        "INSERT OR REPLACE INTO attempts (run, position, number, started_at, duration_ms, error, response) "
        "SELECT {run}, {position}, {attempts}, {started_at}, {duration_ms}, {error}, {response} FROM {rows}",
        "UPDATE deliveries SET status = 'planned', attempts = {attempts}, due_at = {due_at}, error = {error}, "
        "started_ms = {started_ms} FROM {rows} WHERE deliveries.run = {run} AND deliveries.position = {position}",
    ),
    FinishedDelivery: (
        "UPDATE deliveries SET status = {status}, attempts = {attempts}, started_ms = {started_ms}, "
        "duration_ms = {duration_ms}, response = {response}, error = {error}, due_at = NULL FROM {rows} "
        "WHERE deliveries.run = {run} AND deliveries.position = {position}",
    ),
    # A run whose outcomes are not all in the journal has not ended, whatever kept them out: `recover` sees to it.
    EndedRun: (
        "UPDATE runs SET status = {status}, duration_ms = {duration_ms}, not_raised = {not_raised} FROM {rows} "
        "WHERE runs.id = {id} AND NOT EXISTS "
        "(SELECT 1 FROM deliveries WHERE run = runs.id AND status IN ('planned', 'started'))",
    ),
    LeftRun: (
        "UPDATE runs SET owner = NULL, duration_ms = {duration_ms} FROM {rows} "
        "WHERE runs.id = {id} AND runs.status = 'running'",
    ),
    ResolvedDelivery: (
        "UPDATE deliveries SET status = {status}, resolution = {resolution} FROM {rows} "
        "WHERE deliveries.run = {run} AND deliveries.position = {position} AND deliveries.status = 'unknown'",
        "UPDATE runs SET status = {run_status} FROM {rows} WHERE runs.id = {run}",
    ),
    AccountState: ("INSERT OR REPLACE INTO account_states ({fields}) SELECT {values} FROM {rows}",),
}
Kinds = tuple[type[Struct], ...]
Rows = Mapping[type[Struct], str]
"""Rows of each kind, as a JSON array of arrays."""

encode = Encoder().encode

NUL = r"(?<!\\)(?:\\\\)*\\u0000"
"""The character that a text would end at: SQLite's JSON cuts it off there without a word."""


class TooMuch(Exception):
    """Rows are more than one statement takes; nothing was written."""


def as_json(entries: Iterable[Struct]) -> Rows:
    """Rows as they are written. Raises ValueError or TypeError where a value is none that JSON, or the journal, has."""
    rows: dict[type[Struct], list[Struct]] = {}
    for entry in entries:
        kind = type(entry)
        if kind in rows:
            rows[kind].append(entry)
        else:
            rows[kind] = [entry]
    found = {}
    for kind, several in rows.items():
        array = found[kind] = encode(several).decode()
        if "\\u0000" in array and re.search(NUL, array):
            raise ValueError("the journal keeps no text with the character U+0000")
    return found


class Entries:
    """Writes rows over a connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._statements: dict[Kinds, str] = {}
        connection.execute("PRAGMA temp_store = MEMORY")

    def write(self, portions: Sequence[Rows], owner: str | None, *, most_characters: int | None = None) -> None:
        """Write rows, all or none: durably, unless within a transaction. Runs that come in are `owner`'s.

        SQLite needs a few times the memory that the rows' JSON does; `most_characters` limits that.
        Raises sqlite3.Error and TooMuch.
        """
        kinds = in_order({kind for rows in portions for kind in rows})
        arrays = [joined([rows[kind] for rows in portions if kind in rows]) for kind in kinds]
        if most_characters and sum(map(len, arrays)) > most_characters:
            raise TooMuch
        if kinds:
            # `execute` asks for the last row's id as well, and gives the interpreter away once more for it
            self.connection.executemany(self._statement(kinds), [(owner, *arrays)])

    def get_ready(self, entries: Sequence[Struct]) -> None:
        """Prepare what `write` needs for such rows: in a transaction that is undone, it would be undone as well."""
        if entries:
            self._statement(in_order({type(entry) for entry in entries}))

    def _statement(self, kinds: Kinds) -> str:
        """What writes rows of these kinds. Looking for rows of every kind would make a lone event a tenth slower."""
        statement = self._statements.get(kinds)
        if statement is None:
            view = f"entries_{len(self._statements)}"
            columns = ", ".join(f"NULL AS {name}" for name in ["owner", *(kind.__name__ for kind in kinds)])
            body = "; ".join(filled(kind, each) for kind in kinds for each in WRITES[kind])
            self.connection.execute(f"DROP VIEW IF EXISTS temp.{view}")  # of a time when this failed
            self.connection.execute(f"CREATE TEMP VIEW {view} AS SELECT {columns}")
            self.connection.execute(f"CREATE TEMP TRIGGER {view}_come INSTEAD OF INSERT ON {view} BEGIN {body}; END")
            statement = self._statements[kinds] = f"INSERT INTO {view} VALUES ({', '.join('?' * (len(kinds) + 1))})"
        return statement


def in_order(kinds: Container[type[Struct]]) -> Kinds:
    """Kinds of rows in the order in which they are written."""
    return tuple([kind for kind in WRITES if kind in kinds])


def joined(arrays: Sequence[str]) -> str:
    """JSON arrays as one."""
    return arrays[0] if len(arrays) == 1 else f"[{','.join([each[1:-1] for each in arrays])}]"


def filled(row: type[Struct], statement: str) -> str:
    """A statement for one kind of row, as it stands in the trigger."""
    values = {field: f"json_extract(entry.value, '$[{place}]')" for place, field in enumerate(row.__struct_fields__)}
    # the union makes SQLite read each row out of the array once, not once for each of its fields
    rows = f"(SELECT value FROM json_each(NEW.{row.__name__}) UNION ALL SELECT NULL WHERE 0) AS entry"
    return statement.format(fields=", ".join(values), values=", ".join(values.values()), rows=rows, **values)
