"""The probe as a service of another package."""

from __future__ import annotations

import pytest

from eventwire.services import catalog
from tests.engine import probe
from tests.engine.wired import Machine


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A project's folder with the probe at hand; retries follow at once."""
    monkeypatch.setattr(catalog, "outside_services", lambda: {"probe": probe.SERVICE})
    monkeypatch.setattr("eventwire.engine.delivery.delay_seconds", lambda *arguments: 0.0)
    catalog.find_service.cache_clear()
    probe.SENT.clear()
    yield Machine(tmp_path)
    assert probe.Connected.open == 0, "every connection is closed at the end"
    catalog.find_service.cache_clear()
