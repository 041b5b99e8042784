"""The server under load: an event that is durable before its 202, beside an ASGI application that only parses the JSON; and
the whole job over HTTP, beside Node-RED's flows of the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from eventwire.server.keys import add_key
from eventwire.server.store import Store
from tests.benchmarks import job, node_red
from tests.servers import closed_port
from tests.tools import EVENTWIRE, environment

SECONDS = 6
ROUNDS = 3
TABLE = "ew_bench_server"
BARE = """
import sys, msgspec, uvicorn
decode = msgspec.json.Decoder().decode
async def application(scope, receive, send):
    message = await receive()
    body = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    decode(body)
    await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})
uvicorn.run(application, port=int(sys.argv[1]), http="httptools", loop="uvloop", lifespan="off", log_level="error",
            access_log=False)
"""


class Server(NamedTuple):
    """`eventwire serve`: its address, a test key, its process, and a link to sign in with."""

    url: str
    key: str
    pid: int
    sign_in: str


@contextmanager
def serving(text: str) -> Iterator[Server]:
    """`eventwire serve` with a project of this text."""
    with TemporaryDirectory(prefix="eventwire-benchmark-", dir=Path.cwd()) as name:
        folder = Path(name)
        (folder / "eventwire.toml").write_text(text)
        (folder / ".eventwire").mkdir(mode=0o700)
        with Store(folder / ".eventwire") as store:
            key = add_key(store, "bench", "test")
        process = subprocess.Popen(
            [EVENTWIRE, "serve", "--port", "0", "--json"],
            cwd=folder,
            env=environment(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            yield Server(told["url"], key, process.pid, told["sign_in"])
        finally:
            process.terminate()
            process.wait(timeout=30)


@contextmanager
def bare() -> Iterator[str]:
    """The application that only parses; its address."""
    port = closed_port()
    process = subprocess.Popen([sys.executable, "-c", BARE, str(port)])
    try:
        node_red.wait_for(f"http://127.0.0.1:{port}/", process)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(timeout=30)


def ingest() -> tuple[float, float]:
    """Events a second of the bare application, and of the event API with 202, in turn, each with nothing else running: a server
    goes on indexing for the timeline after the last event.
    """
    figures = []
    for number in range(ROUNDS):
        with bare() as plain:
            first = node_red.load(plain, 64, SECONDS, first=0)
        with serving(job.idle_project_text()) as (url, key, *_):
            headers = {"authorization": f"Bearer {key}", "prefer": "respond-async"}
            second = node_red.load(f"{url}/events/e", 64, SECONDS, first=number << 32, headers=headers)
        assert not second.failed, second
        figures.append((first.requests / first.seconds, second.requests / second.seconds))
        print(f"  parsed only {figures[-1][0]:,.0f}, durable {figures[-1][1]:,.0f} a second", flush=True)
    return median(each for each, _ in figures), median(each for _, each in figures)


def whole_job(connections: int) -> job.Figures:
    """The event API with its 201, once both outcomes are durable."""
    node_red.database(f"DROP TABLE IF EXISTS {TABLE}", f"CREATE TABLE {TABLE} ({job.COLUMNS})")
    try:
        with serving(job.project_text(TABLE)) as (url, key, pid, _):
            headers = {"authorization": f"Bearer {key}"}
            node_red.load(f"{url}/events/e", connections, node_red.WARM_UP_SECONDS, first=0, headers=headers)
            node_red.database(f"TRUNCATE {TABLE}")
            loaded = node_red.load(f"{url}/events/e", connections, SECONDS, first=1 << 40, headers=headers)
            memory = job.resident_mib(pid)
        (stored,) = node_red.database(f"SELECT count(*) FROM {TABLE}")
        assert not loaded.failed, loaded
        assert stored >= loaded.requests, (stored, loaded)
    finally:
        node_red.database(f"DROP TABLE {TABLE}")
    return job.Figures(loaded.requests / loaded.seconds, loaded.p50_ms, loaded.p99_ms, memory)


def main() -> None:
    """Print the figures."""
    if reason := node_red.missing():
        print(reason)
        return
    parsed, durable = ingest()
    print(f"durable 202: {durable:,.0f} a second, {durable / parsed:.2f} of parsing only ({parsed:,.0f})")
    for connections in (64, 256):
        print(f"eventwire {connections:3} connections: {whole_job(connections)}", flush=True)
        for flow in ("nodes", "function"):
            measured = node_red.measure(flow, connections, SECONDS)  # type: ignore[arg-type]
            print(f"Node-RED's {flow:8} {connections:3} connections: {measured}", flush=True)


if __name__ == "__main__":
    main()
