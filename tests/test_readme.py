"""The README's commands are run, word for word."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(marker: str, text: str = README) -> list[str]:
    """The commands below each marker."""
    return re.findall(rf"<!-- {marker} -->\n```sh\n(.*?)```", text, re.DOTALL)


def test_the_tour(tmp_path):
    if shutil.which("sqlite3") is None:
        (tmp_path / "bin").mkdir()
        shim = tmp_path / "bin" / "sqlite3"
        shim.write_text(
            f'#!/bin/sh\nexec {sys.executable} -c "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute(sys.argv[2])" "$@"\n'
        )
        shim.chmod(0o755)
    path = f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks("tour"))],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for words in (
        "2 of 2 filters matched",
        'Added the event "order-paid"',
        "No problems found",
        "dry run, nothing is sent",
        "total > 100  total is 20, 80 short of > 100",
        "100 events in",
        '"status":"succeeded"',
    ):
        assert words in done.stdout + done.stderr, words


def test_the_set_up_commands_are_the_ones_that_ci_runs():
    (command,) = blocks("set-up: tests")
    assert ".venv/bin/pytest" in command
    assert "set-up: tests" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [*ROOT.glob("docs/**/*.md"), ROOT / "README.md"], ids=lambda path: path.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
