"""Start-up, as whole processes against `python -c pass` in the same run."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import eventwire

REPETITIONS = 21
TOOL = str(Path(sys.executable).with_name("eventwire"))
COMPLETE = {"_EVENTWIRE_COMPLETE": "bash_complete", "COMP_WORD": ""}
COMPLETE_ACTION = "eventwire add:action new-customer on-event x --service-account shop-database --action "


def commands(project: Path) -> dict[str, tuple[list[str], dict[str, str]]]:
    """What is measured: name to arguments and environment."""
    store = ["--only", "on-event/store", "--json"]
    return {
        "python -c pass": ([sys.executable, "-c", "pass"], {}),
        "import click": ([sys.executable, "-c", "import click"], {}),
        "import click, asyncio": ([sys.executable, "-c", "import click, asyncio"], {}),
        "--version": ([TOOL, "--version"], {}),
        "--help": ([TOOL, "--help"], {}),
        "completion of a command": ([TOOL], {**COMPLETE, "COMP_LINE": "eventwire add:"}),
        "completion of an event": ([TOOL], {**COMPLETE, "COMP_LINE": "eventwire run "}),
        "completion of an action": ([TOOL], {**COMPLETE, "COMP_LINE": COMPLETE_ACTION}),
        "add:filter by flags": ([TOOL, "add:filter", "new-customer", "f{n}", "--where", "amount > 1"], {}),
        "run of one SQLite action": ([TOOL, "run", "new-customer", "--set", "id={n}", *store], {}),
    }


def main() -> None:
    """Print each command's median, and its ratio to Python alone."""
    # a package that was installed has its bytecode; a checkout in a shell that forbids writing it has not
    compileall.compile_dir(str(Path(eventwire.__file__).parent), quiet=2)
    with TemporaryDirectory() as folder:
        subprocess.run([TOOL, "demo"], cwd=folder, check=True, capture_output=True)
        project = Path(folder) / "eventwire-demo"
        shutil.copy(project / "eventwire.toml", project / "clean.toml")
        times: dict[str, list[float]] = {name: [] for name in commands(project)}
        for number in range(REPETITIONS):
            for name, (arguments, environ) in commands(project).items():
                shutil.copy(project / "clean.toml", project / "eventwire.toml")
                filled = [each.replace("{n}", str(1000 + number)) for each in arguments]
                times[name].append(timed(filled, environ, project))
    base = median(times["python -c pass"])
    for name, measured in times.items():
        print(f"{name:26} {median(measured) * 1000:7.1f} ms  {median(measured) / base:5.2f}")


def timed(arguments: list[str], environ: dict[str, str], folder: Path) -> float:
    """Seconds from start to end of a process that has to succeed."""
    started = time.perf_counter()
    subprocess.run(arguments, cwd=folder, env={**os.environ, **environ}, check=True, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
