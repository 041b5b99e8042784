"""The project that tests of commands work on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools import make_shop


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with one event, two filters, and accounts for files and a SQLite database."""
    return make_shop(tmp_path / "shop")
