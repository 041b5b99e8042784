"""What tests of every part use."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# how long an example takes says something of the machine only
settings.register_profile("eventwire", deadline=None)
settings.load_profile("eventwire")

# tests import their helpers by name: tests.servers, tests.tools
sys.path.insert(0, str(Path(__file__).parent.parent))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: one more than there are cores, as tests wait for servers and clocks a third of the time."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A worker that is done takes tests from another: those in a browser, which take long, all come last."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long tests run only where they are asked for, with `-m nightly`."""
    if "nightly" not in (config.option.markexpr or ""):
        long = [item for item in items if item.get_closest_marker("nightly")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
