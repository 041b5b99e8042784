"""Makes docs/waterfall.svg: a real run, against the servers that the tests use, drawn as the terminal draws it."""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import asyncpg
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.servers import POSTGRESQL, REDIS  # noqa: E402
from tests.services.answering import answering  # noqa: E402

from eventwire.app import main as eventwire  # noqa: E402
from eventwire.terminal.session import Session  # noqa: E402

WIDTH = 96
TABLE = """
DROP SCHEMA IF EXISTS eventwire_picture CASCADE;
CREATE SCHEMA eventwire_picture;
CREATE TABLE eventwire_picture.customers (id integer PRIMARY KEY, name text, city text);
CREATE FUNCTION eventwire_picture.wait() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(0.12); RETURN NEW; END $$;
CREATE TRIGGER wait BEFORE INSERT ON eventwire_picture.customers
    FOR EACH ROW EXECUTE FUNCTION eventwire_picture.wait();
"""
PROJECT = """
[project]
name = "shop"

[service-accounts.warehouse]
service = "postgresql"
test = {{ host = "{db.hostname}", port = {db_port}, database = "{db_name}", user = "{db.username}" }}
[service-accounts.cache]
service = "redis"
test = {{ host = "{cache.hostname}", port = {cache.port}, database = {cache_number} }}
[service-accounts.crm]
service = "http"
test = {{ base-url = "{web}" }}

[events.new-customer.model]
id = "integer"
name = "string"
plan = "string"
amount = "number"
address = {{ city = "string", country = "string" }}

[events.new-customer.filters.on-event.actions.store]
service-account = "warehouse"
action = "insert"
table = "eventwire_picture.customers"
values = {{ id = "{{id}}", name = "{{name}}", city = "{{address.city}}" }}
[events.new-customer.filters.on-event.actions.cache-name]
service-account = "cache"
action = "set"
key = "eventwire:picture:{{id}}"
value = "{{name}}"
expire-seconds = 60

[events.new-customer.filters.big-spender]
where = 'amount > 100 AND address.country IN ("BR", "PT")'
[events.new-customer.filters.big-spender.actions.tell-crm]
service-account = "crm"
action = "request"
url = "/customers/{{id}}"
json = {{ name = "{{name}}", spent = "{{amount}}" }}
[events.new-customer.filters.big-spender.actions.start-onboarding]
service-account = "crm"
action = "request"
url = "/onboarding"
json = {{ customer = "{{id}}" }}

[events.new-customer.filters.pro-plan]
where = 'plan = "pro"'
"""
PAYLOAD = (
    '{"id": 7, "name": "Ana Souza", "plan": "free", "amount": 129.9, "address": {"city": "Recife", "country": "BR"}}'
)


class Screen(io.StringIO):
    """A stream that says it is a terminal, so that colours are drawn."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


async def prepare(*statements: str) -> None:
    """Run statements in the tests' database."""
    connection = await asyncpg.connect(POSTGRESQL)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def draw() -> str:
    """A run as the terminal shows it, colours included."""
    db, cache = urlsplit(POSTGRESQL), urlsplit(REDIS)
    with answering() as web, TemporaryDirectory() as folder:
        web.answers = [(200, {}, {"ok": True}), (422, {}, {"error": "customer 7 is on the free plan"})]
        text = PROJECT.format(
            db=db,
            db_port=db.port or 5432,
            db_name=db.path.lstrip("/"),
            cache=cache,
            cache_number=cache.path.lstrip("/") or 0,
            web=web.url,
        )
        (Path(folder) / "eventwire.toml").write_text(text)
        screen = Screen()
        environ = {"COLUMNS": str(WIDTH), "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
        session = Session(io.StringIO(), screen, io.StringIO(), environ, Path(folder))
        eventwire(["run", "new-customer", "--data", PAYLOAD], session)
        return screen.getvalue()


def main() -> None:
    """Write the picture."""
    asyncio.run(prepare(TABLE))
    try:
        drawn = draw()
    finally:
        asyncio.run(prepare("DROP SCHEMA eventwire_picture CASCADE"))
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text("$ eventwire run new-customer", style="bold"))
    console.print(Text.from_ansi(drawn))
    console.save_svg(str(ROOT / "docs" / "waterfall.svg"), title="eventwire")


if __name__ == "__main__":
    main()
