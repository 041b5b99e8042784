"""What a thousand open timelines cost the events that come in: the rate of durable 202s with nobody and with all watching.

`eventwire serve` is one process, those who watch another, and the load a third; rounds without and with watchers follow each
other, since the machine is not the same from minute to minute.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from statistics import median
from urllib.parse import urlsplit

from tests.benchmarks import job, node_red
from tests.benchmarks.server import serving

WATCHERS = 1000
ROUNDS = 5
SECONDS = 5
WATCH = """
import asyncio, sys
host, port, cookie, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
told = 0
async def watch(started):
    global told
    reader, writer = await asyncio.open_connection(host, port)
    request = f"GET /live?environment=test HTTP/1.1\\r\\nhost: {host}:{port}\\r\\ncookie: {cookie}\\r\\naccept: text/event-stream\\r\\n\\r\\n"
    writer.write(request.encode())
    assert b" 200 " in await reader.readline()
    started.release()
    while data := await reader.read(1 << 16):
        told += data.count(b"event: entries")
async def main():
    started = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(watch(started)) for _ in range(count)]
    for _ in range(count):
        await started.acquire()
    print("watching", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(told, flush=True)
    import os
    os._exit(0)
asyncio.run(main())
"""


def sign_in(link: str) -> str:
    """The cookie of a link's session."""
    parts = urlsplit(link)
    connection = HTTPConnection(parts.hostname or "", parts.port)
    connection.request("GET", f"{parts.path}?{parts.query}")
    cookies = connection.getresponse().headers.get_all("set-cookie") or []
    connection.close()
    return next(each.partition(";")[0] for each in cookies if "form" not in each.partition("=")[0])


@contextmanager
def watched(url: str, cookie: str) -> Iterator[list[int]]:
    """So many open timelines; at the end, how many messages they got together."""
    parts = urlsplit(url)
    command = [sys.executable, "-c", WATCH, parts.hostname or "", str(parts.port), cookie, str(WATCHERS)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    told: list[int] = []
    try:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "watching\n"
        yield told
        process.stdin.write("\n")
        process.stdin.flush()
        told.append(int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Print the figures."""
    if reason := node_red.missing():
        print(reason)
        return
    figures = []
    with serving(job.idle_project_text()) as served:
        headers = {"authorization": f"Bearer {served.key}", "prefer": "respond-async"}
        cookie = sign_in(served.sign_in)

        def rate(first: int) -> float:
            loaded = node_red.load(f"{served.url}/events/e", 64, SECONDS, first=first << 32, headers=headers)
            assert not loaded.failed, loaded
            return loaded.requests / loaded.seconds

        rate(99)
        for number in range(ROUNDS):
            alone = rate(2 * number)
            time.sleep(1)
            with watched(served.url, cookie) as told:
                together = rate(2 * number + 1)
            figures.append((alone, together))
            print(
                f"  nobody {alone:,.0f}, {WATCHERS:,} watching {together:,.0f} a second; {told[0]:,} messages",
                flush=True,
            )
    alone, together = (median(each) for each in zip(*figures, strict=True))
    ratio = median(after / before for before, after in figures)
    print(f"{WATCHERS:,} watching: {together:,.0f} of {alone:,.0f} a second, {1 - ratio:.1%} less")


if __name__ == "__main__":
    main()
