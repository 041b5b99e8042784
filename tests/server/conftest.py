"""What tests of the server use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventwire.server.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The server's file, empty."""
    with Store(tmp_path) as opened:
        yield opened
