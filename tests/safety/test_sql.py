"""A payload is never SQL: what arrives is what was sent, in its own row, and all other tables and rows stay."""

from __future__ import annotations

import json
import sqlite3
import uuid
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.safety.hostile import NIGHTLY, NORMAL, any_text, each_hostile
from tests.safety.wired import Wired, account, action, sent
from tests.servers import POSTGRESQL, require

VICTIMS = [(1, "Ana"), (2, "Bob"), (3, "x")]
SCHEMA = """
CREATE TABLE {0}victims (id integer PRIMARY KEY, name text);
CREATE TABLE {0}texts (action text PRIMARY KEY, text text);
"""
WRITTEN = {"insert", "beside", "statement", "upsert"}


def actions(prefix: str, database: str) -> str:
    """An action for every way into a database; `prefix` is the schema's name and a dot, or nothing."""
    texts, victims = f"{prefix}texts", f"{prefix}victims"
    statement = f"INSERT INTO {texts} (action, text) VALUES ('statement', {{text}}) -- '{{{{id}}}}'"
    return "".join(
        [
            action("insert", database, "insert", table=texts, values={"action": "insert", "text": "{text}"}),
            action("beside", database, "insert", table=texts, values={"action": "beside", "text": "<{text}>"}),
            action("statement", database, "execute", statement=statement),
            action(
                "upsert",
                database,
                "upsert",
                table=texts,
                values={"action": "upsert", "text": "{text}"},
                conflict=["action"],
            ),
            action(
                "update",
                database,
                "update",
                table=victims,
                values={"name": "{text}"},
                where={"name": "{text}", "id": 1},
            ),
            action("delete", database, "delete", table=victims, where={"name": "{text}", "id": 2}),
            action("named", database, "insert", table=f"{prefix}{{text}}", values={"it": "{text}"}),
        ]
    )


def check_rows(text, records, rows):
    """Each value is in its row, and in no other."""
    expected = {name: f"<{text}>" if name == "beside" else text for name in WRITTEN if sent(records[name])}
    assert dict(rows) == expected
    assert "\0" in text or set(expected) == WRITTEN, "only U+0000 may be refused"


class PostgreSQL:
    """A schema of the test's own in a real database."""

    def __init__(self, folder):
        parts = urlsplit(POSTGRESQL)
        self.schema = f"ew_{uuid.uuid4().hex[:12]}"
        settings = {"host": parts.hostname, "port": parts.port or 5432, "user": parts.username}
        settings["database"] = parts.path.lstrip("/")
        tags = action(
            "tags", "db", "execute", statement="SELECT {text}::text AS it, ARRAY[{text}, 'b']::text[] AS tags"
        )
        documents = {"doc": {"text": "{text}", "list": ["{text}"]}, "tags": ["{text}"]}
        document = action("document", "db", "insert", table=f"{self.schema}.documents", values=documents)
        self.wired = Wired(
            folder, account("db", "postgresql", **settings) + actions(f"{self.schema}.", "db") + tags + document
        )
        self.connection = self.do(asyncpg.connect(POSTGRESQL))
        self.execute(f"CREATE SCHEMA {self.schema}")
        self.execute(SCHEMA.format(f"{self.schema}."))
        self.execute(f"CREATE TABLE {self.schema}.documents (doc jsonb, tags text[])")
        self.insert_victims()

    def do(self, work):
        return self.wired.do(work)

    def execute(self, statement):
        self.do(self.connection.execute(statement))

    def insert_victims(self):
        self.do(self.connection.executemany(f"INSERT INTO {self.schema}.victims VALUES ($1, $2)", VICTIMS))

    def rows(self, statement):
        """What a statement returns; `{}` is the schema."""
        return [tuple(row) for row in self.do(self.connection.fetch(statement.replace("{}", self.schema, 1)))]

    def check(self, text):
        named = self.make_table(text)
        records = self.wired.send(text)
        check_rows(text, records, self.rows("SELECT action, text FROM {}.texts"))
        self.check_documents(text, records)
        self.check_others(text, named)
        assert sent(records["named"]) is named
        if named:
            assert self.rows(f"SELECT it FROM {{}}.{quoted(text)}") == [(text,)]
            self.execute(f"DROP TABLE {self.schema}.{quoted(text)}")
        self.execute(f"TRUNCATE {self.schema}.texts, {self.schema}.documents")

    def make_table(self, text):
        """A table of that name, where it can be one: what is in it then came by its name."""
        if not text or "\0" in text or "." in text or len(text.encode()) > 63:
            return False
        self.execute(f"CREATE TABLE {self.schema}.{quoted(text)} (it text)")
        return True

    def check_documents(self, text, records):
        found = self.rows("SELECT doc, tags FROM {}.documents")
        if "\0" in text:
            assert not sent(records["document"]) and not sent(records["tags"])
            assert found == []
            return
        ((document, tags),) = found
        assert (json.loads(document), tags) == ({"text": text, "list": [text]}, [text])
        assert records["tags"].response["returned"] == [{"it": text, "tags": [text, "b"]}]

    def check_others(self, text, named):
        tables = {name for (name,) in self.rows("SELECT tablename FROM pg_tables WHERE schemaname = '{}'")}
        assert tables == {"victims", "texts", "documents"} | ({text} if named else set())
        kept = [row for row in VICTIMS if row != (2, text)]
        assert self.rows("SELECT id, name FROM {}.victims ORDER BY id") == kept
        if kept != VICTIMS:
            self.execute(f"TRUNCATE {self.schema}.victims")
            self.insert_victims()

    def close(self):
        self.execute(f"DROP SCHEMA {self.schema} CASCADE")
        self.do(self.connection.close())
        self.wired.close()


class SQLite:
    """A database file."""

    def __init__(self, folder):
        self.wired = Wired(folder, account("db", "sqlite", database="db.sqlite3") + actions("", "db"))
        self.connection = sqlite3.connect(folder / "db.sqlite3", isolation_level=None)
        self.connection.executescript(SCHEMA.format(""))
        self.insert_victims()

    def insert_victims(self):
        self.connection.executemany("INSERT INTO victims VALUES (?, ?)", VICTIMS)

    def rows(self, statement):
        return self.connection.execute(statement).fetchall()

    def check(self, text):
        named = self.make_table(text)
        records = self.wired.send(text)
        check_rows(text, records, self.rows("SELECT action, text FROM texts"))
        tables = {name for (name,) in self.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        assert tables == {"victims", "texts"} | ({text} if named else set())
        kept = [row for row in VICTIMS if row != (2, text)]
        assert self.rows("SELECT id, name FROM victims ORDER BY id") == kept
        if kept != VICTIMS:
            self.connection.execute("DELETE FROM victims")
            self.insert_victims()
        assert sent(records["named"]) is named
        if named:
            assert self.rows(f"SELECT it FROM {quoted(text)}") == [(text,)]
            self.connection.execute(f"DROP TABLE {quoted(text)}")
        self.connection.execute("DELETE FROM texts")

    def make_table(self, text):
        if not text or "\0" in text or "." in text or text.lower().startswith("sqlite_"):
            return False
        self.connection.execute(f"CREATE TABLE {quoted(text)} (it text)")
        return True

    def close(self):
        self.connection.close()
        self.wired.close()


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture(scope="module", params=["postgresql", "sqlite"])
def database(request, tmp_path_factory):
    if request.param == "postgresql":
        require("postgresql", POSTGRESQL)
    kind = {"postgresql": PostgreSQL, "sqlite": SQLite}[request.param]
    made = kind(tmp_path_factory.mktemp(request.param))
    yield made
    made.close()


@each_hostile
def test_a_hostile_text_is_a_value_and_a_name(database, text):
    database.check(text)


@any_text(NORMAL)
def test_any_text_is_a_value_and_a_name(database, text):
    database.check(text)


@pytest.mark.nightly
@any_text(NIGHTLY)
def test_any_text_is_a_value_and_a_name_at_length(database, text):
    database.check(text)
