"""The real servers that tests use, each found by an environment variable."""

from __future__ import annotations

import os
import socket
from typing import NoReturn
from urllib.parse import urlsplit

import pytest

POSTGRESQL = os.environ.get("EVENTWIRE_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("EVENTWIRE_TEST_REDIS", "redis://127.0.0.1:6379/15")

START = {
    "postgresql": "pg_ctlcluster $(ls /etc/postgresql) main start",
    "redis": "redis-server --daemonize yes --port 6379",
}


def require(name: str, url: str) -> None:
    """Skip the test where a server is absent; in CI, fail it."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 0), timeout=5).close()
    except OSError:
        absent(f"{name} does not answer at {url}; start it with: {START[name]}")


def absent(reason: str) -> NoReturn:
    """Skip, or fail where EVENTWIRE_REQUIRE_SERVICES=1."""
    if os.environ.get("EVENTWIRE_REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def closed_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
