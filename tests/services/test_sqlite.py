"""SQLite: real files."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from decimal import Decimal

import pytest

from eventwire.engine.batching import Batching
from eventwire.errors import Rejected, ServiceError, Unavailable
from eventwire.language.wildcards import Statement
from eventwire.services import sqlite
from eventwire.services.declare import Credentials
from eventwire.services.sqlite import SERVICE
from tests.services.batches import send_together
from tests.services.helpers import TARGET

COLUMNS = "id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, amount NUMERIC, tags TEXT, note"


@pytest.fixture
def shop(tmp_path):
    """A database with the table customers."""
    path = tmp_path / "shop.sqlite3"
    query(path, f"CREATE TABLE customers ({COLUMNS})")
    return path


def query(path, sql, *parameters):
    connection = sqlite3.connect(path)
    try:
        with connection:
            return connection.execute(sql, parameters).fetchall()
    finally:
        connection.close()


def request(name, values):
    return SERVICE.operation(name).build(values, TARGET)


async def opened(path):
    return await SERVICE.connect(Credentials({"database": path.name}, {}, base=str(path.parent)))


def perform(path, *steps):
    """Send requests one after the other; returns the responses."""

    async def run():
        database = await opened(path)
        try:
            return [await SERVICE.operation(name).send(database, request(name, values)) for name, values in steps]
        finally:
            await database.close()

    return asyncio.run(run())


def test_an_insert_is_in_the_file(shop):
    values = {"id": 1, "name": "Ana 🤖", "amount": 9.5, "tags": ["a", {"b": None}], "note": True}
    (response,) = perform(shop, ("insert", {"table": "customers", "values": values}))
    assert response == {"rows": 1}
    assert query(shop, "SELECT * FROM customers") == [(1, "Ana 🤖", 9.5, '["a",{"b":null}]', 1)]


def test_returned_columns_stand_in_the_response(shop):
    values = {"table": "customers", "values": {"name": "Ana"}, "returning": ["id", "name"]}
    assert perform(shop, ("insert", values)) == [{"rows": 1, "returned": [{"id": 1, "name": "Ana"}]}]


def test_rows_that_triggers_touch_are_not_counted(shop):
    query(shop, "CREATE TABLE log (name)")
    query(shop, "CREATE TRIGGER t AFTER INSERT ON customers BEGIN INSERT INTO log VALUES (new.name); END")
    assert perform(shop, ("insert", {"table": "customers", "values": {"name": "a"}})) == [{"rows": 1}]


def test_rows_of_a_statement_that_begins_otherwise_are_counted(shop):
    statement = Statement(("WITH n(i) AS (VALUES (1), (2)) INSERT INTO customers (name) SELECT i FROM n",), ())
    assert perform(shop, ("execute", {"statement": statement})) == [{"rows": 2}]


def test_upsert_twice_leaves_one_row(shop):
    def step(name, note):
        values = {"id": 1, "name": name, "note": note}
        return "upsert", {"table": "customers", "values": values, "conflict": "id", "update": ["name"]}

    perform(shop, step("first", 1), step("second", 2))
    assert query(shop, "SELECT id, name, note FROM customers") == [(1, "second", 1)]


def test_upsert_of_the_unique_columns_alone_changes_nothing(shop):
    values = {"table": "customers", "values": {"name": "a"}, "conflict": ["name"]}
    assert [each["rows"] for each in perform(shop, ("upsert", values), ("upsert", values))] == [1, 0]


def test_update_and_delete_touch_what_meets_the_condition(shop):
    query(shop, "INSERT INTO customers (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    updated, deleted = perform(
        shop,
        ("update", {"table": "customers", "values": {"amount": 5}, "where": {"name": "b", "amount": None}}),
        ("delete", {"table": "customers", "where": {"id": 3}}),
    )
    assert (updated["rows"], deleted["rows"]) == (1, 1)
    assert query(shop, "SELECT id, amount FROM customers") == [(1, None), (2, 5)]


@pytest.mark.parametrize("operation", ["update", "delete"])
def test_without_a_condition_nothing_is_touched(operation):
    with pytest.raises(Rejected, match="every row would be touched"):
        request(operation, {"table": "t", "values": {"a": 1}, "where": {}})


def test_execute_binds_its_wildcards(shop):
    hostile = "x'); DROP TABLE customers; --"
    statement = Statement(("INSERT INTO customers (name) VALUES (upper(", "))"), (hostile,))
    perform(shop, ("execute", {"statement": statement}))
    assert query(shop, "SELECT name FROM customers") == [(hostile.upper(),)]


def test_execute_takes_one_statement_only(shop):
    statement = Statement(("DELETE FROM customers; DROP TABLE customers",), ())
    with pytest.raises(Rejected, match="one statement at a time"):
        perform(shop, ("execute", {"statement": statement}))


def test_rows_that_a_statement_returns_are_cut(shop):
    count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n"
    (response,) = perform(shop, ("execute", {"statement": Statement((count,), ())}))
    assert len(response["returned"]) == 100


@pytest.mark.parametrize("value", ["'; DROP TABLE customers; --", "a\0b", "", "\n", "{id}", "🤖", "1e9"])
def test_any_text_arrives_as_it_was_sent(shop, value):
    perform(shop, ("insert", {"table": "customers", "values": {"name": value}}))
    assert query(shop, "SELECT name FROM customers") == [(value,)]


@pytest.mark.parametrize("name", ['customers" (name) VALUES (1); --', "shop.customers", "main.customers"])
def test_any_text_is_one_identifier(shop, name):
    with pytest.raises(Rejected, match="no such table"):
        perform(shop, ("insert", {"table": name, "values": {"name": 1}}))
    query(shop, 'CREATE TABLE "{}" (name)'.format(name.replace('"', '""')))
    assert perform(shop, ("insert", {"table": name, "values": {"name": 1}})) == [{"rows": 1}]


def test_numbers_keep_their_digits_or_are_rejected(shop):
    large = Decimal("12345678901234567890.5")
    perform(shop, ("insert", {"table": "customers", "values": {"id": -(2**63), "name": large}}))
    assert query(shop, "SELECT id, name FROM customers") == [(-(2**63), str(large))]
    with pytest.raises(Rejected, match="larger than SQLite's integers"):
        perform(shop, ("insert", {"table": "customers", "values": {"id": 2**63, "name": "x"}}))


def test_text_that_is_no_unicode_is_rejected(shop):
    with pytest.raises(Rejected, match="surrogates not allowed"):
        perform(shop, ("insert", {"table": "customers", "values": {"name": "\ud800"}}))


@pytest.mark.parametrize(
    ("values", "words", "next_step"),
    [
        ({"table": "missing", "values": {"id": 1}}, "no such table: missing", "CREATE TABLE"),
        ({"table": "customers", "values": {"nope": 1}}, "no column named nope", ".schema"),
        ({"table": "customers", "values": {"name": None}}, "NOT NULL constraint failed: customers.name", ""),
        ({"table": "customers", "values": {"name": "taken"}}, "UNIQUE constraint failed: customers.name", ""),
    ],
)
def test_the_databases_own_words_are_passed_on(shop, values, words, next_step):
    query(shop, "INSERT INTO customers (name) VALUES ('taken')")
    with pytest.raises(Rejected, match=words) as raised:
        perform(shop, ("insert", values))
    assert next_step in (raised.value.next_step or "")
    assert raised.value.message.startswith("shop.sqlite3: ")


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(Rejected, match=r"folder .*nowhere does not exist") as raised:
        perform(tmp_path / "nowhere" / "x.sqlite3")
    assert "mkdir -p" in raised.value.next_step


def test_another_kind_of_file_is_rejected(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be read as one " * 100)
    with pytest.raises(Rejected, match="file is not a database"):
        perform(path)


def test_a_folder_in_its_place_is_rejected(tmp_path):
    (tmp_path / "x.sqlite3").mkdir()
    with pytest.raises(Rejected, match="cannot be opened"):
        perform(tmp_path / "x.sqlite3")


def test_a_locked_database_may_be_free_later(shop, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    holder = sqlite3.connect(shop, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(Unavailable, match="database is locked") as raised:
            perform(shop, ("insert", {"table": "customers", "values": {"name": "a"}}))
        assert raised.value.sent is False
    finally:
        holder.close()


def test_a_waiting_lock_does_not_stop_the_event_loop(shop):
    async def run():
        holder = sqlite3.connect(shop, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        connecting = asyncio.create_task(opened(shop))
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert not connecting.done()
        holder.close()
        await (await connecting).close()

    asyncio.run(run())


def test_a_cut_off_statement_is_undone_and_those_behind_it_go_on(shop):
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO customers (name) SELECT i FROM n"
    )

    async def run():
        database = await opened(shop)
        execute, insert = SERVICE.operation("execute"), SERVICE.operation("insert")
        slow = asyncio.create_task(execute.send(database, {"statement": endless, "parameters": []}))
        await asyncio.sleep(0.05)
        behind = [
            asyncio.create_task(insert.send(database, request("insert", {"table": "customers", "values": {"name": n}})))
            for n in "abc"
        ]
        await asyncio.sleep(0)
        behind[0].cancel()
        slow.cancel()
        outcomes = await asyncio.gather(slow, *behind, return_exceptions=True)
        await database.close()
        return outcomes

    slow, first, *others = asyncio.run(run())
    assert isinstance(slow, asyncio.CancelledError)
    assert isinstance(first, asyncio.CancelledError)
    assert others == [{"rows": 1}, {"rows": 1}]
    assert query(shop, "SELECT name FROM customers") == [("b",), ("c",)]


def test_a_bad_statement_among_good_ones_fails_alone(shop):
    async def run():
        database = await opened(shop)
        insert = SERVICE.operation("insert")
        names = [f"n{number // 2}" for number in range(100)]  # each twice, and the column is unique
        outcomes = await asyncio.gather(
            *(insert.send(database, request("insert", {"table": "customers", "values": {"name": n}})) for n in names),
            return_exceptions=True,
        )
        await database.close()
        return outcomes

    outcomes = asyncio.run(run())
    assert sum(isinstance(each, ServiceError) for each in outcomes) == 50
    assert query(shop, "SELECT count(*) FROM customers") == [(50,)]


def test_tables_and_their_columns_are_read(shop):
    query(shop, 'CREATE TABLE "odd ""name" (id INTEGER NOT NULL, at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)')

    async def run():
        database = await opened(shop)
        try:
            return await SERVICE.verify(database), await SERVICE.tables(database)
        finally:
            await database.close()

    verified, tables = asyncio.run(run())
    assert verified == f"SQLite {sqlite3.sqlite_version}, shop.sqlite3, 2 tables"
    assert {column.name: column.required for column in tables["customers"]} == {
        "id": False,
        "name": True,
        "amount": False,
        "tags": False,
        "note": False,
    }
    assert [column.required for column in tables['odd "name']] == [True, False]


def test_importing_it_loads_no_event_loop():
    code = "import sys; import eventwire.services.sqlite, eventwire.services.file; sys.exit('asyncio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def together(path, *steps):
    """Send requests together; returns the outcomes."""

    async def run():
        database = await opened(path)
        try:
            pairs = [(SERVICE.operation(name), request(name, values)) for name, values in steps]
            return await send_together(SERVICE, database, pairs)
        finally:
            await database.close()

    return asyncio.run(run())


def insert(**values):
    return "insert", {"table": "customers", "values": values}


def test_statements_sent_together_are_one_transaction(shop):
    query(shop, "CREATE TABLE seen (count INTEGER)")

    async def run():
        database = await opened(shop)
        texts = []
        await database.do(lambda connection: connection.set_trace_callback(texts.append))
        pairs = [(SERVICE.operation("insert"), request(*insert(name=f"n{n}"))) for n in range(5)]
        await SERVICE.run_many(database, pairs)
        await database.close()
        return [text.split()[0] for text in texts]

    assert asyncio.run(run()) == ["BEGIN", *["INSERT"] * 5, "COMMIT"]


@pytest.mark.parametrize("how", ["trigger", "conflict"])
def test_one_that_rolls_everything_back_takes_no_neighbour_along(shop, how):
    if how == "trigger":
        query(
            shop,
            "CREATE TRIGGER t BEFORE INSERT ON customers WHEN new.id = 3 BEGIN SELECT RAISE(ROLLBACK, 'not this'); END",
        )
    else:
        query(shop, "DROP TABLE customers")
        query(shop, "CREATE TABLE customers (id INTEGER PRIMARY KEY, name, unwanted UNIQUE ON CONFLICT ROLLBACK)")
        query(shop, "INSERT INTO customers VALUES (0, '', 3)")
    more = {"unwanted": 3} if how == "conflict" else {}
    outcomes = together(shop, *(insert(id=n, name=f"n{n}", **(more if n == 3 else {})) for n in range(1, 6)))
    assert [isinstance(each, Rejected) for each in outcomes] == [False, False, True, False, False]
    assert query(shop, "SELECT count(*) FROM customers WHERE id > 0") == [(4,)]


def test_a_foreign_key_that_is_checked_at_the_end_is_its_own_statements_fault(shop):
    query(
        shop,
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer REFERENCES customers DEFERRABLE INITIALLY DEFERRED)",
    )
    query(shop, "INSERT INTO customers (id, name) VALUES (1, 'a')")

    async def run():
        database = await opened(shop)
        await database.do(lambda connection: connection.execute("PRAGMA foreign_keys = ON"))
        values = [{"id": n, "customer": 99 if n == 2 else 1} for n in range(1, 4)]
        steps = [(SERVICE.operation("insert"), request("insert", {"table": "orders", "values": v})) for v in values]
        try:
            return await send_together(SERVICE, database, steps)
        finally:
            await database.close()

    first, second, third = asyncio.run(run())
    assert (first, third) == ({"rows": 1}, {"rows": 1})
    assert "FOREIGN KEY constraint failed" in second.message
    assert query(shop, "SELECT id FROM orders") == [(1,), (3,)]


def test_statements_of_the_users_own_are_in_no_transaction_with_others(shop):
    vacuum = ("execute", {"statement": Statement(("VACUUM",), ())})
    outcomes = together(shop, insert(name="a"), vacuum, insert(name="b"))
    assert outcomes[0] == outcomes[2] == {"rows": 1}
    assert not isinstance(outcomes[1], Exception)


def test_a_locked_database_may_be_free_later_for_all_that_waited(shop, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    holder = sqlite3.connect(shop, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        outcomes = together(shop, insert(name="a"), insert(name="b"))
    finally:
        holder.close()
    assert [type(each) for each in outcomes] == [Unavailable] * 2
    assert [each.sent for each in outcomes] == [False] * 2
    assert "database is locked" in outcomes[1].message


def test_a_delivery_that_is_given_up_undoes_none_of_its_neighbours(shop):
    async def run():
        database = await opened(shop)
        batching = Batching(SERVICE, database)
        insert_operation = SERVICE.operation("insert")
        sending = [
            asyncio.create_task(batching.send(insert_operation, request(*insert(name=f"n{n}")))) for n in range(200)
        ]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        sending[100].cancel()
        outcomes = await asyncio.gather(*sending, return_exceptions=True)
        await database.close()
        return outcomes

    outcomes = asyncio.run(run())
    assert isinstance(outcomes.pop(100), asyncio.CancelledError)
    assert outcomes == [{"rows": 1}] * 199
    assert query(shop, "SELECT count(*) FROM customers WHERE name <> 'n100'") == [(199,)]
