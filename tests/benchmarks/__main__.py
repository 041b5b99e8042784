"""All benchmarks, one after the other: `python -m tests.benchmarks`."""

from __future__ import annotations

from tests.benchmarks import (
    batching,
    each,
    http_transport,
    journal,
    language,
    matching,
    node_red,
    overhead,
    pipeline,
    server,
    startup,
    timeline,
    watching,
)

MODULES = {
    "start-up": startup,
    "overhead": overhead,
    "--each": each,
    "batching": batching,
    "pipeline": pipeline,
    "server": server,
    "journal": journal,
    "beside Node-RED": node_red,
    "HTTP out": http_transport,
    "a thousand watching": watching,
    "timeline": timeline,
    "matching": matching,
    "language": language,
}
for name, module in MODULES.items():
    print(f"== {name}")
    module.main()
