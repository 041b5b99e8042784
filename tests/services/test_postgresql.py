"""PostgreSQL: a real server."""

from __future__ import annotations

import asyncio
import json
import uuid
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from eventwire.engine.batching import Batching
from eventwire.errors import Rejected, Unavailable
from eventwire.language.wildcards import Statement
from eventwire.services.declare import Credentials, Target
from eventwire.services.postgresql import SERVICE
from eventwire.services.postgresql_batches import numbered
from tests.servers import POSTGRESQL, closed_port, require
from tests.services.batches import PostgresqlPlace, query_postgresql, send_together
from tests.services.lines import line_to

TARGET = Target({}, "test", "ew_1")
COLUMNS = """
id integer PRIMARY KEY, name text NOT NULL, amount numeric, active boolean, signed_up timestamptz, born date,
tags text[], address jsonb, token uuid, score double precision, big bigint
"""


@pytest.fixture
def schema():
    """A schema of the test's own, with the table customers."""
    require("postgresql", POSTGRESQL)
    name = f"ew_{uuid.uuid4().hex[:12]}"

    async def run(*statements):
        connection = await asyncpg.connect(POSTGRESQL)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run(f"CREATE SCHEMA {name}", f"CREATE TABLE {name}.customers ({COLUMNS})"))
    yield name
    asyncio.run(run(f"DROP SCHEMA {name} CASCADE"))


def settings(**changes):
    parts = urlsplit(POSTGRESQL)
    given = {
        "host": parts.hostname,
        "port": parts.port or 5432,
        "database": parts.path.lstrip("/"),
        "user": parts.username,
        "ssl-mode": "prefer",
        "prepared-statements": True,
    }
    return Credentials({**given, **changes}, {"password": parts.password} if parts.password else {})


def perform(*steps, credentials=None):
    """Send requests one after the other over one pool; returns the responses."""

    async def run():
        server = await SERVICE.connect(credentials or settings())
        try:
            return [await SERVICE.operation(name).send(server, request(name, values)) for name, values in steps]
        finally:
            await server.close()

    return asyncio.run(run())


def request(name, values):
    return SERVICE.operation(name).build(values, TARGET)


def rows(schema, sql="SELECT * FROM {}.customers ORDER BY id"):
    async def run():
        connection = await asyncpg.connect(POSTGRESQL)
        try:
            return [dict(row) for row in await connection.fetch(sql.format(schema))]
        finally:
            await connection.close()

    return asyncio.run(run())


def test_an_insert_is_one_statement_with_quoted_names_and_bound_values():
    built = request("insert", {"table": "shop.customers", "values": {"id": 1, 'na"me': "x'; DROP TABLE y"}})
    assert built == {
        "statement": 'INSERT INTO "shop"."customers" ("id", "na""me") VALUES ($1, $2)',
        "parameters": [1, "x'; DROP TABLE y"],
    }


def test_a_row_of_every_type_arrives_as_it_was_sent(schema):
    values = {
        "id": 1,
        "name": "Ana 🤖",
        "amount": Decimal("12345678901234567890.123456789"),
        "active": True,
        "signed_up": "2026-01-02T03:04:05+01:00",
        "born": "1990-05-06",
        "tags": ["a", None, "b,{}"],
        "address": {"city": "Recife", "n": [1, None]},
        "token": "12345678-1234-5678-1234-567812345678",
        "score": 0.1,
        "big": 2**62,
    }
    (response,) = perform(("insert", {"table": f"{schema}.customers", "values": values, "returning": ["id", "amount"]}))
    assert response["rows"] == 1
    assert response["returned"] == [{"id": 1, "amount": values["amount"]}]
    (row,) = rows(schema)
    assert row["amount"] == values["amount"]
    assert row["signed_up"].isoformat() == "2026-01-02T02:04:05+00:00"
    assert row["tags"] == ["a", None, "b,{}"]
    assert row["address"] == '{"n": [1, null], "city": "Recife"}'
    assert (row["name"], row["active"], row["score"], row["big"]) == ("Ana 🤖", True, 0.1, 2**62)


def test_values_of_another_json_type_are_converted_where_that_loses_nothing(schema):
    values = {"id": "7", "name": 5, "amount": 19.99, "active": "true", "big": 3.0}
    perform(("insert", {"table": f"{schema}.customers", "values": values}))
    (row,) = rows(schema)
    assert (row["id"], row["name"], row["amount"], row["active"], row["big"]) == (7, "5", Decimal("19.99"), True, 3)


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("amount", "many", 'Parameter 3, "many", is no numeric'),
        ("big", 1.5, "is no int8: it has a fraction"),
        ("big", 2**70, "out of"),
        ("signed_up", "yesterday", "is no timestamptz"),
        ("active", "perhaps", "is not true or false"),
        ("tags", "a", "an array is needed"),
        ("token", "x", "is no uuid"),
    ],
)
def test_a_value_that_does_not_fit_its_column_is_rejected(schema, column, value, sentence):
    with pytest.raises(Rejected, match=sentence):
        perform(("insert", {"table": f"{schema}.customers", "values": {"id": 1, "name": "x", column: value}}))
    assert rows(schema) == []


def test_a_zero_byte_is_rejected(schema):
    with pytest.raises(Rejected, match="cannot store U\\+0000"):
        perform(("insert", {"table": f"{schema}.customers", "values": {"id": 1, "name": "a\0b"}}))


def test_an_escaped_backslash_before_u0000_is_no_zero(schema):
    values = {"id": 1, "name": "x", "address": {"text": "\\u0000 \\\\u0000"}}
    perform(("insert", {"table": f"{schema}.customers", "values": values}))
    assert json.loads(rows(schema)[0]["address"]) == values["address"]
    with pytest.raises(Rejected, match="cannot store U\\+0000 in JSON"):
        perform(("insert", {"table": f"{schema}.customers", "values": {**values, "id": 2, "address": "a\\\0"}}))


def test_a_name_that_the_server_would_cut_off_is_rejected():
    """PostgreSQL takes the first 63 bytes of a name, which may be another table's."""
    assert request("insert", {"table": f"shop.{'ü' * 31}", "values": {"id": 1}})
    with pytest.raises(Rejected, match="longer than 63 bytes"):
        request("insert", {"table": f"shop.{'ü' * 32}", "values": {"id": 1}})


def test_upsert_twice_leaves_one_row(schema):
    def step(name):
        values = {"id": 1, "name": name}
        return "upsert", {"table": f"{schema}.customers", "values": values, "conflict": ["id"]}

    perform(step("first"), step("second"))
    assert [row["name"] for row in rows(schema)] == ["second"]


def test_update_and_delete_touch_what_meets_the_condition(schema):
    table = f"{schema}.customers"
    inserts = [("insert", {"table": table, "values": {"id": n, "name": "x"}}) for n in (1, 2, 3)]
    *_, updated, deleted = perform(
        *inserts,
        ("update", {"table": table, "values": {"name": "y"}, "where": {"id": 2, "amount": None}}),
        ("delete", {"table": table, "where": {"name": "x", "id": 3}}),
    )
    assert (updated["rows"], deleted["rows"]) == (1, 1)
    assert [(row["id"], row["name"]) for row in rows(schema)] == [(1, "x"), (2, "y")]


@pytest.mark.parametrize("operation", ["update", "delete"])
def test_without_a_condition_nothing_is_touched(operation):
    with pytest.raises(Rejected, match="every row would be touched"):
        request(operation, {"table": "t", "values": {"a": 1}, "where": {}})


def test_execute_binds_its_wildcards(schema):
    hostile = "x'); DROP TABLE customers; --"
    statement = Statement((f"INSERT INTO {schema}.customers (id, name) VALUES (", ", upper(", "))"), (4, hostile))
    perform(("execute", {"statement": statement}))
    assert rows(schema)[0]["name"] == hostile.upper()


def test_any_text_is_one_identifier(schema):
    with pytest.raises(Rejected, match="does not exist"):
        perform(("insert", {"table": f'{schema}.customers" (id) VALUES (1); --', "values": {"id": 1}}))
    assert rows(schema) == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"table": "missing_table", "values": {"id": 1}}, 'relation "missing_table" does not exist'),
        ({"table": "{schema}.customers", "values": {"nope": 1}}, 'column "nope".* does not exist'),
        ({"table": "{schema}.customers", "values": {"id": 9}}, "violates not-null constraint"),
        ({"table": "{schema}.customers", "values": {"id": 1, "name": "b"}}, "already exists"),
    ],
)
def test_the_servers_own_words_are_passed_on(schema, values, words):
    table = f"{schema}.customers"
    given = {**values, "table": values["table"].format(schema=schema)}
    with pytest.raises(Rejected, match=words) as raised:
        perform(("insert", {"table": table, "values": {"id": 1, "name": "a"}}), ("insert", given))
    assert raised.value.response["sqlstate"]


def test_a_server_that_is_down_may_be_up_later_and_nothing_was_sent():
    with pytest.raises(Unavailable, match=r"PostgreSQL at 127\.0\.0\.1") as raised:
        perform(credentials=settings(host="127.0.0.1", port=closed_port()))
    assert raised.value.sent is False


def test_an_unknown_database_is_rejected():
    require("postgresql", POSTGRESQL)
    with pytest.raises(Rejected, match="does not exist"):
        perform(credentials=settings(database="no_such_database"))


def test_a_cut_off_statement_leaves_the_pool_usable(schema):
    async def run():
        server = await SERVICE.connect(settings())
        slow = SERVICE.operation("execute")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await slow.send(server, {"statement": "SELECT pg_sleep(30)", "parameters": []})
        answers = [slow.send(server, {"statement": "SELECT 1", "parameters": []}) for _ in range(20)]
        done = await asyncio.gather(*answers)
        await server.close()
        return done

    assert all(answer["rows"] == 1 for answer in asyncio.run(run()))


def test_tables_and_their_columns_are_read(schema):
    async def run():
        server = await SERVICE.connect(settings())
        try:
            return await SERVICE.verify(server), await SERVICE.tables(server)
        finally:
            await server.close()

    verified, tables = asyncio.run(run())
    assert verified.startswith("PostgreSQL ")
    columns = {column.name: column for column in tables[f"{schema}.customers"]}
    assert columns["id"].required
    assert columns["name"].type == "text"
    assert not columns["amount"].required


def test_a_wrong_password_is_refused(schema, tmp_path: Path):
    """The server here trusts everybody, so a role that may not log in stands in for one that is refused."""

    async def run(statement):
        connection = await asyncpg.connect(POSTGRESQL)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run(f"CREATE ROLE {schema} NOLOGIN"))
    try:
        with pytest.raises(Rejected, match="not permitted to log in") as raised:
            perform(credentials=settings(user=schema))
        assert raised.value.code == "refused"
    finally:
        asyncio.run(run(f"DROP ROLE {schema}"))


def test_a_parameter_of_ones_own_is_rejected_in_words(schema):
    with pytest.raises(Rejected, match="has 1 parameters, but 0 wildcards"):
        perform(("execute", {"statement": Statement(("SELECT $1::int",), ())}))


INTERVALS = [
    ("3 days", "3 days"),
    ("1 year 2 mons 3 days 04:05:06.7", "1 year 2 mons 3 days 04:05:06.7"),
    ("P1Y2M", "1 year 2 mons"),
    ("-1 day", "-1 days"),
    (90, "00:01:30"),
    (Decimal("0.25"), "00:00:00.25"),
    ("90", "00:01:30"),
]


def test_an_interval_is_read_by_the_server(schema):
    statement = Statement(("SELECT ", "::interval AS it, ", "::interval[] AS both"), ())
    for given, expected in INTERVALS:
        statement = Statement(statement.parts, (given, [given, None]))
        (response,) = perform(("execute", {"statement": statement}))
        assert response["returned"] == [{"it": expected, "both": [expected, None]}]


@pytest.mark.parametrize(("given", "words"), [("soon", "invalid input syntax for type interval"), (True, "no length")])
def test_what_is_no_interval_is_rejected(schema, given, words):
    with pytest.raises(Rejected, match=words):
        perform(("execute", {"statement": Statement(("SELECT ", "::interval"), (given,))}))


def test_a_pooler_may_give_each_transaction_another_connection(schema, pooler):
    """Types that the client has to look up first, and more at once than the pooler has connections."""

    async def run():
        account = settings(host="127.0.0.1", port=pooler, **{"prepared-statements": False, "ssl-mode": "disable"})
        server = await SERVICE.connect(account)
        insert = SERVICE.operation("insert")
        table = f"{schema}.customers"
        built = [
            request("insert", {"table": table, "values": {"id": n, "name": "x", "tags": ["a"], "address": {"n": n}}})
            for n in range(100)
        ]
        try:
            await asyncio.gather(*(insert.send(server, each) for each in built))
            with pytest.raises(Rejected, match="already exists"):
                await insert.send(server, built[0])
            return await SERVICE.verify(server)
        finally:
            await server.close()

    assert asyncio.run(run()).startswith("PostgreSQL ")
    assert len(rows(schema)) == 100


def test_behind_a_pooler_a_statement_has_a_transaction_and_is_committed(schema):
    account = settings(**{"prepared-statements": False})
    savepoint = Statement(("SAVEPOINT needs_a_transaction",), ())
    perform(("execute", {"statement": savepoint}), credentials=account)
    with pytest.raises(Rejected, match="can only be used in transaction blocks"):
        perform(("execute", {"statement": savepoint}))
    perform(("insert", {"table": f"{schema}.customers", "values": {"id": 1, "name": "x"}}), credentials=account)
    assert len(rows(schema)) == 1


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(30)", "user request"),
        ("SELECT * FROM {}.customers FOR UPDATE NOWAIT", "could not obtain lock"),
    ],
)
def test_a_cancelled_statement_and_a_lock_that_is_held_may_pass_and_changed_nothing(schema, statement, words):
    async def run():
        holder = await asyncpg.connect(POSTGRESQL)
        server = await SERVICE.connect(settings())
        try:
            await holder.execute(f"INSERT INTO {schema}.customers (id, name) VALUES (1, 'x')")
            async with holder.transaction():
                await holder.execute(f"SELECT 1 FROM {schema}.customers FOR UPDATE")
                given = {"statement": statement.format(schema), "parameters": []}
                await SERVICE.operation("execute").send(server, given)
        finally:
            await server.close()
            await holder.close()

    with pytest.raises(Unavailable, match=words) as raised:
        asyncio.run(run())
    assert raised.value.sent is False


@pytest.mark.parametrize(
    ("lock", "sent"),
    [
        # its statement is still being prepared
        ("LOCK TABLE {}.customers", False),
        # it is running
        ("SELECT 1 FROM {}.customers FOR UPDATE", True),
    ],
)
def test_what_was_not_running_yet_when_the_network_failed_was_not_sent(schema, lock, sent):
    parts = urlsplit(POSTGRESQL)
    statement = f"DELETE FROM {schema}.customers"
    waiting = "SELECT 1 FROM pg_stat_activity WHERE query = $1 AND wait_event_type = 'Lock'"

    async def run():
        holder = await asyncpg.connect(POSTGRESQL)
        # within its transaction the holder would see what others did at one moment only
        watcher = await asyncpg.connect(POSTGRESQL)
        async with line_to(parts.hostname, parts.port or 5432) as line:
            server = await SERVICE.connect(settings(host="127.0.0.1", port=line.port, **{"ssl-mode": "disable"}))
            try:
                await holder.execute(f"INSERT INTO {schema}.customers (id, name) VALUES (1, 'x')")
                async with holder.transaction():
                    await holder.execute(lock.format(schema))
                    given = {"statement": statement, "parameters": []}
                    sending = asyncio.create_task(SERVICE.operation("execute").send(server, given))
                    async with asyncio.timeout(30):
                        while not await watcher.fetch(waiting, statement):
                            pass
                    line.cut()
                    await sending
            finally:
                await server.close()
                await holder.close()
                await watcher.close()

    with pytest.raises(Unavailable) as raised:
        asyncio.run(run())
    assert raised.value.sent is sent


def together(*steps, credentials=None, rounds=1):
    """Send requests together over one pool, as often as said; returns the outcomes of the last time."""

    async def run():
        server = await SERVICE.connect(credentials or settings())
        pairs = [(SERVICE.operation(name), request(name, values)) for name, values in steps]
        try:
            return [await send_together(SERVICE, server, pairs) for _ in range(rounds)][-1]
        finally:
            await server.close()

    return asyncio.run(run())


def insert(schema, **values):
    return "insert", {"table": f"{schema}.customers", "values": {"name": "x", **values}}


def test_rows_sent_together_arrive_as_they_were_sent(schema):
    values = [
        {"id": "1", "amount": Decimal("12345678901234567890.123456789"), "active": "true", "tags": ["a", None, "b,{}"]},
        {"id": 2.0, "amount": 0.1, "active": False, "tags": []},
        {"id": 3, "amount": None, "active": None, "tags": None},
    ]
    more = {"signed_up": "2026-01-02T03:04:05+01:00", "address": {"n": [1, None]}, "score": 0.1, "big": 2**62}
    together(*(insert(schema, **each, **more) for each in values))
    arrived = rows(schema)
    query_postgresql(f"DELETE FROM {schema}.customers")
    perform(*(insert(schema, **each, **more) for each in values))
    assert arrived == rows(schema)
    assert len(arrived) == 3


def test_each_row_says_whether_it_went_in_and_what_it_returned(schema):
    def upsert(number, name, **more):
        values = {"id": number, "name": name}
        return "upsert", {"table": f"{schema}.customers", "values": values, "conflict": ["id"], **more}

    query_postgresql(f"INSERT INTO {schema}.customers (id, name) VALUES (2, 'there')")
    kept = [upsert(n, "new", update=[], returning=["id", "name"]) for n in (1, 2, 3)]
    outcomes = together(*kept)
    assert [each["rows"] for each in outcomes] == [1, 0, 1]
    assert [each["status"] for each in outcomes] == ["INSERT 0 1", "INSERT 0 0", "INSERT 0 1"]
    assert [each.get("returned") for each in outcomes] == [[{"id": 1, "name": "new"}], None, [{"id": 3, "name": "new"}]]
    outcomes = together(upsert(2, "first"), upsert(2, "second"))
    assert outcomes == [{"status": "INSERT 0 1", "rows": 1}] * 2
    assert rows(schema)[1]["name"] == "second"


def test_a_row_that_a_trigger_leaves_out_is_not_counted(schema):
    query_postgresql(
        f"CREATE FUNCTION {schema}.skip() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN IF new.id % 2 = 0 THEN RETURN NULL; END IF; RETURN new; END$$",
        f"CREATE TRIGGER skip BEFORE INSERT ON {schema}.customers FOR EACH ROW EXECUTE FUNCTION {schema}.skip()",
    )
    outcomes = together(*(insert(schema, id=n) for n in (1, 2, 3)))
    assert [each["rows"] for each in outcomes] == [1, 0, 1]
    assert len(rows(schema)) == 2


def test_a_name_that_looks_like_a_clause_is_a_name(schema):
    name = 'a" RETURNING b'
    statement = request(*insert(schema, **{name: "x"}))["statement"]
    assert numbered(statement, 2) == f'{statement} RETURNING $3::int4 AS "eventwire row"'
    returning = f'{statement} RETURNING "id"'
    assert numbered(returning, 2) == f'{returning}, $3::int4 AS "eventwire row"'
    query_postgresql(f'ALTER TABLE {schema}.customers ADD COLUMN "a"" RETURNING b" text')
    assert together(insert(schema, id=1, **{name: "x"}), insert(schema, id=2, **{name: "y"}))[1]["rows"] == 1
    assert [each[name] for each in rows(schema)] == ["x", "y"]


def test_a_table_that_changes_is_seen(schema):
    async def run():
        server = await SERVICE.connect(settings())
        found = []
        try:
            for first, changed in ((1, "ALTER COLUMN name TYPE integer USING 5"), (3, "ADD COLUMN more text"), (5, "")):
                steps = [insert(schema, id=first, name="7"), insert(schema, id=first + 1, name="8")]
                pairs = [(SERVICE.operation(name), request(name, values)) for name, values in steps]
                found += await send_together(SERVICE, server, pairs)
                if changed:
                    connection = await asyncpg.connect(POSTGRESQL)
                    await connection.execute(f"ALTER TABLE {schema}.customers {changed}")
                    await connection.close()
        finally:
            await server.close()
        return found

    assert [each["rows"] for each in asyncio.run(run())] == [1] * 6
    assert [each["name"] for each in rows(schema)] == [5, 5, 7, 8, 7, 8]


def test_a_constraint_that_is_checked_at_the_end_is_its_own_rows_fault(schema):
    query_postgresql(
        f"ALTER TABLE {schema}.customers ADD parent integer REFERENCES {schema}.customers DEFERRABLE INITIALLY DEFERRED"
    )
    outcomes = together(*(insert(schema, id=n, parent=99 if n == 7 else None) for n in range(1, 30)))
    assert [n for n, each in enumerate(outcomes, start=1) if isinstance(each, Rejected)] == [7]
    assert "violates foreign key constraint" in outcomes[6].message
    assert len(rows(schema)) == 28


def test_a_row_that_waits_for_a_lock_delays_no_neighbour_and_ends_with_its_delivery(schema):
    """Another transaction has inserted the same key, and has not ended yet."""

    async def run():
        holder = await asyncpg.connect(POSTGRESQL)
        server = await SERVICE.connect(settings())
        batching = Batching(SERVICE, server)
        try:
            async with holder.transaction():
                await holder.execute(f"INSERT INTO {schema}.customers (id, name) VALUES (20, 'x')")
                sending = [
                    asyncio.create_task(batching.send(SERVICE.operation("insert"), request(*insert(schema, id=n))))
                    for n in range(1, 40)
                ]
                blocked = sending.pop(19)
                answers = await asyncio.gather(*sending)
                assert not blocked.done()
                blocked.cancel()
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE $1 AND state = 'active' AND pid <> pg_backend_pid()"
            async with asyncio.timeout(30):
                while await holder.fetchval(waiting, f'INSERT INTO "{schema}"%'):
                    pass
            return answers
        finally:
            await batching.close()
            await server.close()
            await holder.close()

    assert [each["rows"] for each in asyncio.run(run())] == [1] * 38
    assert len(rows(schema)) == 39  # the holder's own


def test_a_lone_row_goes_over_the_connection_that_is_there_and_holds_no_other_back(schema):
    async def run():
        holder = await asyncpg.connect(POSTGRESQL)
        server = await SERVICE.connect(settings())
        batching = Batching(SERVICE, server)

        def send(number):
            built = request(*insert(schema, id=number))
            return asyncio.create_task(batching.send(SERVICE.operation("insert"), built))

        try:
            await send(1)
            opened = server.pool.get_size(), server.batches.count
            async with holder.transaction():
                await holder.execute(f"INSERT INTO {schema}.customers (id, name) VALUES (2, 'x')")
                blocked = send(2)
                for number in range(3, 13):
                    await send(number)
                assert not blocked.done()
            with pytest.raises(Rejected, match="already exists"):
                await blocked
            return opened
        finally:
            await server.close()
            await holder.close()

    assert asyncio.run(run()) == (1, 0)
    assert len(rows(schema)) == 12


def test_what_is_cancelled_as_a_whole_leaves_nothing_running(schema):
    place = PostgresqlPlace(schema)

    async def run():
        holder = await asyncpg.connect(POSTGRESQL)
        watcher = await asyncpg.connect(POSTGRESQL)
        server = await SERVICE.connect(settings())
        running = (
            f"SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%{schema}%' AND state = 'active' AND pid <> $1"
        )

        async def until(count):
            async with asyncio.timeout(30):
                while await watcher.fetchval(running, watcher.get_server_pid()) != count:
                    pass

        try:
            await holder.execute(f"INSERT INTO {schema}.customers (id, name) VALUES (-1, 'a')")
            await place.stall(None)
            async with holder.transaction():
                await holder.execute(f"SELECT 1 FROM {schema}.customers FOR UPDATE")
                pairs = [place.pair("other", 1), place.pair("good", 1)]
                sending = asyncio.create_task(SERVICE.run_many(server, pairs))
                await until(2)
                sending.cancel()
                await until(0)
            with pytest.raises(asyncio.CancelledError):
                await sending
        finally:
            await server.close()
            await holder.close()
            await watcher.close()

    asyncio.run(run())
    assert [row["name"] for row in rows(schema)] == ["a"]


def test_rows_that_triggers_make_slow_go_in_smaller_parts(schema):
    query_postgresql(
        f"CREATE FUNCTION {schema}.slow() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN PERFORM pg_sleep(0.02); RETURN new; END$$",
        f"CREATE TRIGGER slow BEFORE INSERT ON {schema}.customers FOR EACH ROW EXECUTE FUNCTION {schema}.slow()",
    )

    async def run():
        server = await SERVICE.connect(settings())
        pairs = [(SERVICE.operation("insert"), request(*insert(schema, id=n))) for n in range(1, 41)]
        try:
            await send_together(SERVICE, server, pairs[:20])
            return server.paces.parts(pairs[0][1]["statement"], pairs)
        finally:
            await server.close()

    assert 1 <= len(asyncio.run(run())[0]) <= 5


def test_behind_a_pooler_rows_go_together_too(schema, pooler):
    account = settings(host="127.0.0.1", port=pooler, **{"prepared-statements": False, "ssl-mode": "disable"})
    steps = [insert(schema, id=n if n != 50 else 1, tags=["a"], address={"n": n}) for n in range(1, 101)]
    outcomes = together(*steps, credentials=account)
    assert [n for n, each in enumerate(outcomes, start=1) if isinstance(each, Rejected)] in ([1], [50])
    assert len(rows(schema)) == 99


def test_batches_that_follow_each_other_see_a_table_that_has_changed_in_between(schema):
    """Whatever was prepared for the first is no longer right for the second."""
    changes = (
        "DROP COLUMN name, ADD COLUMN name integer",
        "ALTER COLUMN name TYPE text",
        "ALTER COLUMN name TYPE date USING '2026-01-01'",
        "RENAME COLUMN id TO number",
    )

    async def run():
        server = await SERVICE.connect(settings())
        connection = await asyncpg.connect(POSTGRESQL)
        found = []

        async def both(first: int, name: str):
            steps = [insert(schema, id=first, name=name), insert(schema, id=first + 1, name=name)]
            pairs = [(SERVICE.operation(operation), request(operation, values)) for operation, values in steps]
            found.append(await send_together(SERVICE, server, pairs))

        try:
            for first, (name, change) in enumerate(zip(("1", "2", "3", "2026-02-03"), changes, strict=True)):
                await both(first * 2, name)
                await connection.execute(f"ALTER TABLE {schema}.customers {change}")
            await both(20, "2026-02-04")
        finally:
            await connection.close()
            await server.close()
        return found

    *fit, last = asyncio.run(run())
    assert [[each["rows"] for each in both] for both in fit] == [[1, 1]] * 4
    assert all(isinstance(each, Rejected) and '"id"' in each.message for each in last)


def test_a_connection_that_its_server_ended_meanwhile_is_made_anew(schema):
    async def run():
        server = await SERVICE.connect(settings())
        connection = await asyncpg.connect(POSTGRESQL)
        steps = [(SERVICE.operation("insert"), request(*insert(schema, id=number))) for number in range(1, 9)]
        try:
            first = await send_together(SERVICE, server, steps[:4])
            async with server.batches.lent() as lent:
                process = lent.connection.get_server_pid()
            await asyncio.gather(*server.batches._being_put_in_order)  # nobody uses it now
            await connection.fetch("SELECT pg_terminate_backend($1)", process)
            for _ in range(500):
                await asyncio.sleep(0 if lent.is_lost else 0.01)
            # not sent anew one by one because it failed, but over a connection that works
            async with server.batches.lent() as anew:
                assert not anew.is_lost
            return [*first, *await send_together(SERVICE, server, steps[4:])]
        finally:
            await connection.close()
            await server.close()

    assert [each["rows"] for each in asyncio.run(run())] == [1] * 8


def test_what_a_trigger_locks_for_its_session_is_let_go_after_the_batch(schema):
    query_postgresql(
        f"CREATE FUNCTION {schema}.locks() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_advisory_lock(4711); RETURN NEW; END $$",
        f"CREATE TRIGGER locks BEFORE INSERT ON {schema}.customers FOR EACH ROW EXECUTE FUNCTION {schema}.locks()",
    )

    async def run():
        server = await SERVICE.connect(settings())
        steps = [(SERVICE.operation("insert"), request(*insert(schema, id=number))) for number in range(1, 4)]
        try:
            outcomes = await send_together(SERVICE, server, steps)
            connection = await asyncpg.connect(POSTGRESQL)
            async with asyncio.timeout(10):
                await connection.execute("SELECT pg_advisory_lock(4711)")
            await connection.close()
        finally:
            await server.close()
        return outcomes

    assert [each["rows"] for each in asyncio.run(run())] == [1] * 3
