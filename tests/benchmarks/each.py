"""A hundred thousand events through `--each`: the rate, and the memory at a tenth of the way and at the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

EVENTS = int(os.environ.get("EVENTS", "100000"))
TOOL = str(Path(sys.executable).with_name("eventwire"))


def main() -> None:
    """Print the figures of one run."""
    with TemporaryDirectory(prefix="eventwire-benchmark-", dir=Path.cwd()) as folder:
        subprocess.run([TOOL, "init", "--name", "bench"], cwd=folder, check=True, capture_output=True)
        lines = Path(folder) / "events.ndjson"
        with lines.open("w") as file:
            for number in range(EVENTS):
                file.write(json.dumps(payload(number)) + "\n")
        process = subprocess.Popen(
            [TOOL, "run", "new-customer", "--each", f"@{lines}", "--json"],
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        samples = []
        while process.poll() is None:
            samples.append(resident_kib(process.pid))
            time.sleep(0.25)
        assert process.stdout is not None
        tally = json.loads(process.stdout.read())
    rate = tally["events"] / tally["duration_ms"] * 1000
    early, late = samples[len(samples) // 10], max(samples[len(samples) // 2 : -1])
    print(f"{tally['events']:,} events, {rate:,.0f} a second, {tally['succeeded']:,} succeeded")
    print(f"memory after a tenth {early / 1024:.1f} MiB, the most in the second half {late / 1024:.1f} MiB")


def payload(number: int) -> dict[str, object]:
    """An event of the template's project; every fourth is a big spender."""
    address = {"city": "Recife", "country": "BR"}
    return {"id": number, "name": f"n{number}", "email": "a@b.c", "address": address, "amount": number % 4 * 40}


def resident_kib(process: int) -> int:
    """A process's resident memory."""
    try:
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1])
    except OSError:
        pass  # it has just ended
    return 0


if __name__ == "__main__":
    main()
