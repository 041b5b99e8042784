"""The project that tests of commands work on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.durable import Shop
from tests.services.answering import answering
from tests.tools import make_shop


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with one event, two filters, and accounts for files and a SQLite database."""
    return make_shop(tmp_path / "shop")


@pytest.fixture
def orders(tmp_path: Path) -> Iterator[Shop]:
    """A project whose orders go to an HTTP server and into a file."""
    with answering() as server:
        yield Shop(tmp_path, server)
        server.held.set()
