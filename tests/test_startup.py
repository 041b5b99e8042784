"""What must stay unloaded at start: each of these costs more than a whole small command may take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "aiohttp", "asyncio", "asyncpg", "dataclasses", "eventwire.engine", "eventwire.journal", "httpx", "importlib.metadata",
    "jsonschema_rs", "keyring", "msgspec", "prompt_toolkit", "questionary", "redis", "rich", "sqlite3", "tomlkit", "uvloop",
    "eventwire.importing", "yaml",
}  # fmt: skip
PROBE = """
import atexit, sys, json
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
from eventwire.app import main
sys.exit(main(sys.argv[1:]))
"""


def loaded(*arguments: str, cwd: Path, **environ: str) -> set[str]:
    """The modules that a command has loaded when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        cwd=cwd,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    modules = set(json.loads(done.stderr.splitlines()[-1]))
    return {name for name in HEAVY if name in modules}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    subprocess.run([sys.executable, "-m", "eventwire", "init"], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["run", "--help"], ["add:action", "--help"], ["import", "--help"]]
)
def test_help_loads_nothing_heavy(project, arguments):
    assert loaded(*arguments, cwd=project) == set()


@pytest.mark.parametrize("line", ["eventwire add:", "eventwire run ", "eventwire run new-customer --only "])
def test_completion_loads_nothing_heavy(project, line):
    word = line.rpartition(" ")[2]
    environ = {"_EVENTWIRE_COMPLETE": "bash_complete", "COMP_LINE": line, "COMP_WORD": word}
    assert loaded(cwd=project, **environ) == set()


def test_editing_loads_neither_the_engine_nor_a_terminal_library(project):
    found = loaded("add:filter", "new-customer", "small", "--where", "amount < 5", cwd=project)
    assert found <= {"msgspec", "jsonschema_rs"}


def test_running_a_file_action_loads_no_keyring_and_no_terminal_library(project):
    found = loaded("run", "new-customer", "--json", cwd=project)
    assert found <= {
        "asyncio",
        "eventwire.engine",
        "eventwire.journal",
        "jsonschema_rs",
        "msgspec",
        "sqlite3",
        "uvloop",
    }
