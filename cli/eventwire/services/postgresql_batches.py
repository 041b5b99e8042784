"""Rows that go to PostgreSQL together: which statements can, how each row is told apart, and how many at a time.

The rows are executions of one prepared statement, sent without waiting for each answer, in one transaction. So each
is what it would be alone: its values have the same types, its triggers fire for it, and a key may come twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from eventwire.errors import ServiceError, Unavailable
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.services.declare import Request
from eventwire.services.postgresql_connections import BatchConnection, Prepared
from eventwire.services.postgresql_errors import translate
from eventwire.services.postgresql_values import Parameters, convert, response_of

if TYPE_CHECKING:
    from eventwire.services.postgresql import Server

Row = TypeVar("Row")

TOGETHER = ("insert", "upsert")
"""The operations whose statements touch one row. Others may wait for many locks, and go their own way."""

ROW = "eventwire row"
"""The column that a statement returns beside the user's own: which row it was. A row that a trigger or ON CONFLICT DO
NOTHING left out returns nothing."""

LARGEST = 500
SECONDS_TOGETHER = 0.1
LOCK_MILLISECONDS = 50
STATEMENTS = 1000  # that something is remembered of; a payload may name the table
ALONE = 8  # so few rows are not halved any more

QUOTED = lazy_pattern(r'"(?:[^"]|"")*"')


def numbered(statement: str, parameters: int) -> str:
    """An INSERT that also returns its row's number, which is one parameter more."""
    # identifiers are always quoted, so that what is left holds the keyword or does not
    returns = " RETURNING " in QUOTED.sub("", statement)
    return f'{statement}{"," if returns else " RETURNING"} ${parameters + 1}::int4 AS "{ROW}"'


class Paces:
    """How many rows of each statement go together, so that none waits long for its neighbours.

    Triggers may make a row slow. What took longer than a tenth of a second is sent in smaller parts from then on,
    and in larger ones again when it does not.
    """

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}

    def parts(self, statement: str, rows: Sequence[Row]) -> list[Sequence[Row]]:
        """The rows, in parts of the size that this statement has now."""
        size = self._sizes.get(statement, LARGEST)
        return [rows[start : start + size] for start in range(0, len(rows), size)]

    def note(self, statement: str, rows: int, seconds: float) -> None:
        """Learn from what a part took."""
        size = self._sizes.get(statement, LARGEST)
        if seconds > SECONDS_TOGETHER:
            if len(self._sizes) >= STATEMENTS:
                self._sizes.clear()
            self._sizes[statement] = max(1, int(rows * SECONDS_TOGETHER / seconds))
        elif size < LARGEST:
            self._sizes[statement] = min(LARGEST, size * 2)


class Batch:
    """Rows of one statement that go together: all are in, or none is."""

    def __init__(self, server: Server, statement: str, requests: Mapping[int, Request], outcomes: list[Any]) -> None:
        """`requests` by their positions in `outcomes`, which is where the outcomes go."""
        self.server = server
        self.statement = statement
        self.requests = requests
        self.outcomes = outcomes
        self.sent: list[int] = []
        """The positions of those whose values fit, once they are under way."""
        self.rows: list[Any] | None = None
        """What came back, once it is committed."""

    async def run(self) -> None:
        """Give every row its outcome. Raises nothing but CancelledError."""
        try:
            await self.insert()
        except Exception as error:
            if self.rows is None:
                await self.recover(error)
                return
            # committed all the same: it was the connection that did not go back into the pool
        self.settle(self.rows or [])

    async def insert(self) -> None:
        """Send all rows whose values fit, and commit them."""
        begun = perf_counter()
        async with self.server.batches.lent() as lent, self.server.together(lent.connection):
            if self.server.pooled:
                await lent.connection.execute(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")
            some = next(iter(self.requests.values()))
            prepared, given = await self.prepared(lent, numbered(self.statement, len(some["parameters"])))
            self.sent = list(given)
            rows = await prepared.statement.fetchmany(list(given.values())) if given else []
        self.rows = rows
        self.server.paces.note(self.statement, len(self.requests), perf_counter() - begun)

    async def prepared(self, lent: BatchConnection, statement: str) -> tuple[Prepared, dict[int, list[Any]]]:
        """The statement, and each row's values for it; one whose values do not fit has its outcome at once."""
        if kept := lent.kept(statement):
            given = self.converted(kept)
            if len(given) == len(self.requests):  # otherwise the table may have changed
                return kept, given
        prepared = await lent.prepare(statement)
        return prepared, self.converted(prepared)

    def converted(self, prepared: Prepared) -> dict[int, list[Any]]:
        """Each row's values by its position; of one whose values do not fit, the outcome is why."""
        found = {}
        kinds, converters = prepared.parameters
        parameters = Parameters(kinds[:-1], converters[:-1])  # the last is the row's number
        for position, request in self.requests.items():
            try:
                values = convert(request["parameters"], parameters)
            except Exception as error:
                foreseen = isinstance(error, ServiceError)
                self.outcomes[position] = error if foreseen else translate(error, self.server.address, sent=False)
            else:
                values.append(position)
                found[position] = values
        return found

    def settle(self, rows: Sequence[Any]) -> None:
        """Each row's response, from what all of them returned."""
        returned = {row[-1]: row for row in rows}  # the last column is the row's number
        is_bare = bool(rows) and len(rows[0]) == 1  # the statement returns nothing of its own
        for position in self.sent:
            row = returned.get(position)
            if row is None:
                self.outcomes[position] = response_of("INSERT 0 0", ())
            elif is_bare:
                self.outcomes[position] = {"status": "INSERT 0 1", "rows": 1}
            else:
                columns = [(name, value) for name, value in row.items() if name != ROW]
                self.outcomes[position] = response_of("INSERT 0 1", (columns,))

    async def recover(self, error: Exception) -> None:
        """Where it is certain that no row is in, send them anew: in halves, to find the one that is to blame, or alone."""
        from asyncio import gather

        problem = translate(error, self.server.address, sent=bool(self.sent))
        if isinstance(problem, Unavailable) and problem.sent:
            for position in self.sent:
                self.outcomes[position] = translate(error, self.server.address)
            return
        left = self.sent or [each for each in self.requests if self.outcomes[each] is None]
        # a lock that is held, or a server that is short of something, is not found faster by halving
        if len(left) <= ALONE or isinstance(problem, Unavailable) or not self.sent:
            for position in left:
                self.outcomes[position] = self.server.alone(self.requests[position])
            return
        middle = len(left) // 2
        halves = (left[:middle], left[middle:])
        await gather(*(self.part(half).run() for half in halves))

    def part(self, positions: Sequence[int]) -> Batch:
        """Some of the rows as a batch of their own."""
        return Batch(self.server, self.statement, {each: self.requests[each] for each in positions}, self.outcomes)
