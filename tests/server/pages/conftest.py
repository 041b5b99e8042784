"""A served project, and somebody who looks at it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.server.pages.serving import Served, served


class Visitor:
    """Somebody with a browser, without the browser."""

    def __init__(self, server: Served, address: str) -> None:
        self.server = server
        self.client = httpx.Client(base_url=address, timeout=30)
        server.closing.append(self.client.close)

    def get(self, path: str, status: int = 200) -> str:
        """A page's text."""
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    def post(self, path: str, status: int = 303, **fields: str) -> httpx.Response:
        """A form of one's own session, sent."""
        answer = self.client.post(path, data={"csrf": self.token(), **fields})
        assert answer.status_code == status, answer.text
        return answer

    def token(self) -> str:
        """What forms of this session carry."""
        return re.search(r'data-csrf="([0-9a-f]+)"', self.get("/accounts"))[1]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    """A served bakery."""
    with served(tmp_path) as running:
        running.address = running.listen()
        yield running


@pytest.fixture
def stranger(server: Served) -> Visitor:
    """Somebody who is not signed in."""
    return Visitor(server, server.address)


@pytest.fixture
def visitor(stranger: Visitor) -> Visitor:
    """Somebody who has signed in by a link of this machine."""
    assert stranger.client.get(stranger.server.link()).status_code == 303
    return stranger
