"""The commands of the server's guide are run, word for word but for the port."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.servers import closed_port
from tests.tools import environment

GUIDE = (Path(__file__).parent.parent.parent / "docs" / "guides" / "server.md").read_text(encoding="utf-8")
READY = 'until curl -s -o /dev/null "http://127.0.0.1:8030/openapi.json"; do sleep 0.1; done'


def commands():
    """The guide's commands; between the start and the first request, the server is waited for."""
    script = []
    for kind, block in re.findall(r"<!-- server(: \w+)? -->\n```sh\n(.*?)```", GUIDE, re.DOTALL):
        script += [block, *([] if kind else [READY])]
    return "\n".join(script)


def test_the_guide(tmp_path):
    script = "set -m\n" + commands().replace("8030", str(closed_port()))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={**environment(tmp_path), "PYTHONUTF8": "1", "LC_ALL": os.environ.get("LC_ALL", "C.UTF-8")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    for words in (
        "Serving shop at http://127.0.0.1:",
        "HTTP/1.1 201",
        '"status":"succeeded"',
        '"status":422',
        "Stopping:",
    ):
        assert words in told, words
    # the first, the asynchronous, one of two with a key, three CloudEvents and a batch's two
    reports = set(re.findall(r'"id":"([0-9a-z]{26})","event":"new-customer"', told))
    assert len(reports) == 7, told
