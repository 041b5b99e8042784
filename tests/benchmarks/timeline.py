"""A timeline of a million events: how long the server takes for a page of it, by what is asked for.

The journal and the index are filled with a million runs of a month, in two environments. Each page is asked for of the
application itself, without a socket: what a browser would wait for beside the network. `EVENTS` may be set smaller by the
environment variable EVENTWIRE_BENCH_EVENTS.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from eventwire.journal.identifiers import in_base_32
from eventwire.journal.store import open_database
from eventwire.language.payloads import encode_json
from eventwire.project.locate import state_folder
from eventwire.server.pages import make_pages
from eventwire.server.runner import Runner
from eventwire.server.sessions import start_session
from tests.project.projects import write
from tests.server.pages.serving import BAKERY

EVENTS = int(os.environ.get("EVENTWIRE_BENCH_EVENTS", "1000000"))
REPETITIONS = 9
MONTH_SECONDS = 30 * 86_400
CITIES = ("Lisboa", "Porto", "Recife", "Luanda", "Braga", "Olinda")
INSERT = """
INSERT INTO runs (id, event, environment, source, received_at, payload, payload_hash, filters, filter_count, status, duration_ms)
VALUES (?, ?, ?, ?, ?, ?, '', ?, 2, ?, 4.2)
"""
FILTERS = encode_json(
    [
        {"name": "on-event", "where": None, "matched": True, "explanation": None},
        {"name": "big", "where": "amount > 100", "matched": False, "explanation": None},
    ]
)


def rows(count: int) -> Iterator[tuple[Any, ...]]:
    """Runs, oldest first: of a hundred, one is live, five failed, and ten are entries of the log."""
    chance = random.Random(7)
    start = time.time() - MONTH_SECONDS - 60
    for number in range(count):
        at = start + MONTH_SECONDS * number / count
        run = in_base_32(int(at * 1000) << 80 | chance.getrandbits(80), 120)
        status = "failed" if chance.random() < 0.05 else "succeeded"
        environment = "live" if chance.random() < 0.01 else "test"
        if chance.random() < 0.1:
            entry = {"type": "text", "name": f"Deploy {number}", "content": "42 checks", "category": f"c{number % 20}"}
            yield run, "log", environment, "log", at, encode_json(entry), "[]", status
            continue
        address = {"city": chance.choice(CITIES), "country": "PT"}
        payload = {"id": number, "name": f"Ana {number % 5000}", "plan": "pro", "address": address, "amount": 30}
        yield run, "new-customer", environment, "http", at, encode_json(payload), FILTERS, status


def fill(folder: Path) -> None:
    """A journal of so many runs."""
    with closing(open_database(folder / "journal.sqlite3")) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.executemany(INSERT, rows(EVENTS))
        connection.execute("COMMIT")


async def ask(pages: Any, cookie: str, path: str) -> tuple[float, str]:
    """The milliseconds that a page takes, and its text."""
    address, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": address,
        "raw_path": address.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"localhost"), (b"cookie", cookie.encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    body = b""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        nonlocal body
        assert message.get("status", 200) == 200, message
        body += message.get("body", b"")

    began = time.perf_counter()
    await pages(scope, receive, send)
    return (time.perf_counter() - began) * 1000, body.decode()


async def measure(folder: Path) -> None:
    """Fill, index, and ask."""
    runner = Runner(folder, {}, print)
    pages = make_pages(runner)
    state = state_folder(folder)
    began = time.perf_counter()
    fill(state)
    print(f"{EVENTS:,} runs in the journal after {time.perf_counter() - began:.0f} s")
    began = time.perf_counter()
    cold, _ = await ask(pages, cookie_of(pages, runner), "/")
    print(f"the newest, before anything is indexed       {cold:7.1f} ms")
    while pages.site.timeline.index_some():
        pass
    spent = time.perf_counter() - began
    size = sum(each.stat().st_size for each in state.glob("timeline*")) / 1e6
    print(f"indexed in {spent:.0f} s, {EVENTS / spent:,.0f} a second; {size:,.0f} MB")
    middle = next(iter(runner.journal.runs(until=time.time() - MONTH_SECONDS / 2, limit=1)))["id"]
    paths = {
        "the newest": "/?environment=test",
        "the newest, live": "/?environment=live",
        "older, from the middle on": f"/?environment=test&before={middle}",
        "one category": "/?environment=test&category=c7",
        "those that failed": "/?environment=test&status=failed",
        "search: a word of one event in 5,000": "/?environment=test&search=4711",
        "search: a word of every sixth event": "/?environment=test&search=lisboa",
        "search: two words": "/?environment=test&search=ana+recife",
        "search: the beginning of many words": "/?environment=test&search=a",
        "search: nothing": "/?environment=test&search=zzz",
        "search, live: a word of every sixth event": "/?environment=live&search=lisboa",
    }
    cookie = cookie_of(pages, runner)
    for name, path in paths.items():
        times = [(await ask(pages, cookie, path))[0] for _ in range(REPETITIONS)]
        print(f"{name:44} {median(times):7.1f} ms  (first {times[0]:.1f}, worst {max(times):.1f})")
    pages.site.timeline.close()
    await runner.stop(1)


def cookie_of(pages: Any, runner: Runner) -> str:
    """The cookie of somebody who is signed in."""
    return f"{pages.site.session_cookie}={start_session(runner.store, None)}"


def main() -> None:
    """Print the figures."""
    with TemporaryDirectory() as folder:
        asyncio.run(measure(write(Path(folder), BAKERY)))


if __name__ == "__main__":
    main()
