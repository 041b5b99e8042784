"""`eventwire serve` as a process, and clients of it."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import aiohttp
import httpx

from tests.tools import EVENTWIRE, SECONDS, environment, process

END_SECONDS = 30


class Server:
    """The installed command, serving a project."""

    def __init__(self, folder: Path, *arguments: str, environ: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.log = folder / f"serve-{time.monotonic_ns()}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [EVENTWIRE, "serve", "--port", "0", "--json", *arguments],
                cwd=folder,
                env=environment(folder, **(environ or {})),
                stdout=subprocess.PIPE,
                stderr=log,
            )
        line = self.process.stdout.readline()
        assert line, self.said
        self.url: str = json.loads(line)["url"]
        self.port = int(self.url.rpartition(":")[2])

    @property
    def said(self) -> str:
        """What it said for whoever runs it."""
        return self.log.read_text()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait for its end; returns the exit code."""
        return self.process.wait(END_SECONDS)

    def stop(self) -> int:
        """Stop it in good order."""
        self.signal(signal.SIGTERM)
        return self.end()

    def post(self, path: str, body: Any, key: str | None = None, **headers: str) -> httpx.Response:
        """The answer to a POST."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"content-type": "application/json"} | {name.replace("_", "-"): each for name, each in headers.items()}
        if key is not None:
            given["authorization"] = f"Bearer {key}"
        return httpx.post(self.url + path, content=content, headers=given, timeout=SECONDS)

    def get(self, path: str, key: str) -> httpx.Response:
        """The answer to a GET."""
        return httpx.get(self.url + path, headers={"authorization": f"Bearer {key}"}, timeout=SECONDS)

    def talk(self, *parts: bytes) -> bytes:
        """What is answered to bytes, until the connection ends or nothing more comes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS) as connection:
            for part in parts:
                connection.sendall(part)
            return answer_of(connection)

    def wait_for(self, words: str) -> None:
        """Wait until it has said something."""
        until(lambda: words in self.said, self.log)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def answer_of(connection: socket.socket) -> bytes:
    """Everything up to the end of one answer, or of the connection."""
    got = b""
    while b"\r\n\r\n" not in got:
        more = connection.recv(65536)
        if not more:
            return got
        got += more
    head, _, body = got.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while len(body) < int(lengths[0] if lengths else 0):
        more = connection.recv(65536)
        if not more:
            break
        body += more
    return head + b"\r\n\r\n" + body


def make_key(folder: Path, environment: str = "test", name: str | None = None) -> str:
    """A new key of a project."""
    done = process("add:key", name or f"key-{environment}", "--environment", environment, folder=folder)
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def until(condition: Any, what: Any = "", seconds: float = END_SECONDS) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


class Load:
    """Many events at once, each sent until it is acknowledged or the server has gone."""

    def __init__(self, url: str, key: str, numbers: range, *, waits: bool = True) -> None:
        """`waits` asks for the report of every second event; the others are acknowledged at once."""
        self.url = url
        self.key = key
        self.numbers = iter(numbers)
        self.waits = waits
        self.acknowledged: dict[int, str] = {}
        """The run of each event that was acknowledged."""
        self.refused: list[int] = []
        """The statuses of the others that were answered."""
        self.lost = 0

    async def run(self, connections: int = 32) -> None:
        """Send all, over connections that are kept alive."""
        limit = aiohttp.TCPConnector(limit=connections)
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        async with aiohttp.ClientSession(self.url, connector=limit, headers=headers) as session:
            await asyncio.gather(*(self._send_on(session) for _ in range(connections)))

    async def _send_on(self, session: aiohttp.ClientSession) -> None:
        for number in self.numbers:
            headers = {} if self.waits and number % 2 else {"prefer": "respond-async"}
            try:
                async with session.post("/events/e", data=json.dumps({"id": number}), headers=headers) as answer:
                    document = await answer.json(content_type=None)
                    if answer.status in (201, 202):
                        self.acknowledged[number] = document["id"]
                    else:
                        self.refused.append(answer.status)
            except (aiohttp.ClientError, OSError):
                self.lost += 1
                return  # the server has gone
