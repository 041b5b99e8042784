"""What the OpenAPI document says is what the server answers: schemathesis sends it everything the document allows, and much
that it does not.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.journeys.served import Server, make_key
from tests.journeys.test_serve import LINES, project
from tests.tools import EVENTWIRE, environment

SCHEMATHESIS = str(Path(EVENTWIRE).with_name("schemathesis"))
MORE = """
[events.order]
description = "An order"
group = "sales"

[events.order.model]
id = "integer"
total = "number?"
plan = { type = "string", enum = ["free", "pro"] }
tags = "string[]?"
paid-at = "date-time?"
customer = { name = "string", zip = "string?" }

[events.order.filters.large]
where = "total > 100 AND customer.name LIKE 'A%'"

[events.order.filters.large.actions.store]
service-account = "lines"
action = "append"
file = "orders.ndjson"
line = { id = "{id}", zip = "{customer.zip}" }

[events.log]
model = { name = "string", category = "string?" }

[sources.orders]
kind = "token"
event = "e"
header = "X-Token"
values = { id = "{body.number}" }
"""
# whether what the document allows fits the event, only the event's model and the project's conditions know
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)


def test_schemathesis_finds_no_server_error_and_no_answer_that_is_not_documented(tmp_path):
    folder = project(tmp_path, LINES + MORE)
    key = make_key(folder)
    with Server(folder, environ={"EVENTWIRE_ORDERS_TEST_TOKEN": "t0ken"}) as server:
        done = subprocess.run(
            [
                *(SCHEMATHESIS, "run", f"{server.url}/openapi.json", "--checks", ",".join(CHECKS), "--seed", "1"),
                *("--phases", "examples,coverage,fuzzing", "--max-examples", "20", "--generation-database", "none"),
                *("-H", f"Authorization: Bearer {key}", "-H", "X-Token: t0ken", "--no-color"),
            ],
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        assert "8 selected / 8 total" in done.stdout
        assert "failed with" not in server.said, server.said
        assert server.stop() == 0
