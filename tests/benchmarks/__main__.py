"""All benchmarks, one after the other: `python -m tests.benchmarks`."""

from __future__ import annotations

from tests.benchmarks import (
    batching,
    each,
    http_transport,
    language,
    matching,
    node_red,
    overhead,
    startup,
    timeline,
    watching,
)

MODULES = {
    "start-up": startup,
    "overhead": overhead,
    "--each": each,
    "batching": batching,
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
