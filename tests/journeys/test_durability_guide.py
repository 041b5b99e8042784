"""The session of the guide on durable delivery is run, word for word, and its project-file examples are read."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from eventwire.project.model import Retry
from tests.tools import environment

GUIDE = (Path(__file__).parent.parent.parent / "docs" / "guides" / "durability.md").read_text(encoding="utf-8")
SQLITE = """#!{python}
import sqlite3, sys
sqlite3.connect(sys.argv[1]).execute(sys.argv[2])
"""


@pytest.fixture
def said(tmp_path):
    """What each of the session's commands came to: the command, its exit code, and what it printed and said."""
    environ = environment(tmp_path)
    if shutil.which("sqlite3") is None:
        (tmp_path / "bin").mkdir()
        shim = tmp_path / "bin" / "sqlite3"
        shim.write_text(SQLITE.format(python=sys.executable))
        shim.chmod(0o755)
        environ["PATH"] = f"{tmp_path / 'bin'}:{environ['PATH']}"
    blocks = re.findall(r"<!-- durability -->\n```sh\n(.*?)```", GUIDE, re.DOTALL)
    commands = [each for block in blocks for each in re.split(r"\n(?! )", block.strip())]
    folder, told = tmp_path, []
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        told.append((command.split("  #")[0].strip(), done.returncode, done.stdout + done.stderr))
        folder = tmp_path / "shop" if (tmp_path / "shop").is_dir() else folder
    return told


def test_the_session(said):
    codes = {command: code for command, code, _ in said}
    assert [code for command, code, _ in said if command == "eventwire run order-paid"] == [5]
    assert {code for command, code in codes.items() if command != "eventwire run order-paid"} == {0}, said
    before, after = [text for command, _, text in said if command == "eventwire history --status failed"]
    assert "on-event/store: " in before and "no such table" in before
    assert after == "No run has an action that has failed and was not settled since.\n"
    replayed = [text for command, _, text in said if command == "eventwire replay --status failed --yes"]
    assert replayed == [
        "1 run replayed: 1 succeeded.\n",
        "No run is found that fits. See the runs with: eventwire history\n",
    ]


def test_every_key_of_retry_is_explained():
    for name in Retry.__struct_fields__:
        default = getattr(Retry(), name)
        assert f"| `{name.replace('_', '-')}` | {default:g} |" in GUIDE
