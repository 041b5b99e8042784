"""The job that is measured: an event of 500 bytes, the condition `amount > 100`, an insert into PostgreSQL and a SET in Redis side
by side. node_red_flows/ holds the same for Node-RED."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from eventwire.language.payloads import encode_json_bytes
from tests.benchmarks.overhead import action, head

COLUMNS = "id bigint PRIMARY KEY, name text, amount numeric, plan text"
MODEL = """
[events.e.model]
id = "integer"
name = "string"
plan = "string"
amount = "number"
address = { city = "string", country = "string" }
"""
EVENT = {
    "id": 0,
    "name": "Ana Souza",
    "email": "ana@example.com",
    "plan": "pro",
    "amount": 149.9,
    "address": {"city": "Recife", "country": "BR"},
    "tags": ["a", "b"],
    "note": "x" * 300,
}
COUNTRIES = ("PT", "AR", "US", "DE", "FR", "JP")


class Figures(NamedTuple):
    """What a program did under load."""

    events_a_second: float
    p50_ms: float
    p99_ms: float
    resident_mib: float
    """Of its process, at the end."""

    def __str__(self) -> str:
        return (
            f"{self.events_a_second:6,.0f} events a second, p50 {self.p50_ms:6.1f} ms, p99 {self.p99_ms:6.1f} ms, "
            f"{self.resident_mib:4.0f} MiB"
        )


def body(number: int) -> bytes:
    """An event with an id of its own, as JSON."""
    return encode_json_bytes(EVENT | {"id": number})


def project_text(table: str, *, filters: int = 1) -> str:
    """A project of which one filter matches, and so many less one that do not."""
    text = head().split("[events.e.model]")[0] + MODEL + "[events.e.filters.big]\nwhere = 'amount > 100'\n"
    values = 'values = { id = "{id}", name = "{name}", amount = "{amount}", plan = "{plan}" }'
    text += action("store", "db", "insert", f'table = "{table}"\n{values}', of="big")
    text += action("remember", "cache", "set", 'key = "ew:bench:{id}"\nvalue = "{name}"', of="big")
    for number in range(filters - 1):
        clauses = (
            f'address.country = "{COUNTRIES[number % 6]}" AND amount > {number}',
            f'name = "customer {number}"',
            f"amount BETWEEN {1000 + number} AND {1010 + number}",
            f'name LIKE "c{number}%" AND address.country IN ("PT", "AR")',
        )
        text += f"[events.e.filters.f{number}]\nwhere = '{clauses[number % 4]}'\n"
    return text


def idle_project_text() -> str:
    """A project of which no filter matches."""
    return head().split("[events.e.model]")[0] + MODEL + "[events.e.filters.never]\nwhere = 'amount > 100000'\n"


def resident_mib(process: int) -> float:
    """How much memory a process holds."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
