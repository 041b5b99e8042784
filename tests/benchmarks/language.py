"""Loading many filters, reading long conditions, and rendering an action against doing it by hand.

python -m tests.benchmarks.language
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from eventwire.engine.plan import plan_event
from eventwire.fields import Context, FieldType
from eventwire.language.conditions import check_condition, compile_condition, parse_condition
from eventwire.language.models import read_model
from eventwire.language.wildcards import parse_template
from eventwire.project.load import load

ROUNDS = 7


def main() -> None:
    print("loading a project, an action under each filter")
    for count in (1_000, 10_000, 20_000):
        loaded, planned = loading(count)
        print(f"{count:>8} filters: read and checked {loaded:.2f} s, compiled {planned:.2f} s")
    print("reading, checking and compiling one condition")
    for count in (10_000, 20_000, 40_000):
        print(f"{count:>8} ORs: {reading(count):.2f} s")
    by_template, by_hand = rendering()
    print(f"rendering ten wildcards: {by_template:.2f} us, by hand {by_hand:.2f} us: {by_template / by_hand:.1f} times")


def project(count: int) -> str:
    """A project file of so many filters with an action each."""
    chance = random.Random(1)
    parts = ['[project]\nname = "big"\n[service-accounts.out]\nservice = "file"\ntest = { folder = "out" }\n']
    parts += ["[events.e.model]\n", *(f't{i} = "string"\nn{i} = "number"\n' for i in range(10))]
    for number in range(count):
        where = f"t{chance.randrange(10)} = 'v{chance.randrange(count)}' AND n{chance.randrange(10)} > {number}"
        parts.append(f'[events.e.filters.f{number}]\nwhere = "{where}"\n[events.e.filters.f{number}.actions.a]\n')
        parts.append(
            'service-account = "out"\naction = "append"\nfile = "x.ndjson"\nline = { a = "{t1}", b = "{n2}" }\n'
        )
    return "".join(parts)


def loading(count: int) -> tuple[float, float]:
    """Seconds for reading and checking the project, and for compiling its event; medians."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "eventwire.toml").write_text(project(count), encoding="utf-8")
        loaded, planned = [], []
        for _ in range(3):
            begun = perf_counter()
            read, _ = load(Path(folder))
            loaded.append(perf_counter() - begun)
            begun = perf_counter()
            plan_event(read, read.events["e"], "test")
            planned.append(perf_counter() - begun)
        return median(loaded), median(planned)


def reading(count: int) -> float:
    """Seconds for one condition of so many alternatives; median."""
    model, text = read_model({"a": "number"}), " OR ".join(f"a = {number}" for number in range(count))
    taken = []
    for _ in range(3):
        begun = perf_counter()
        condition = parse_condition(text)
        check_condition(condition, model)
        compile_condition(condition, model)
        taken.append(perf_counter() - begun)
    return median(taken)


PAYLOAD: dict[str, Any] = {
    "id": 7,
    "name": "Ana",
    "email": "ana@example.com",
    "address": {"city": "Porto", "country": "PT"},
    "amount": 12.5,
    "plan": "pro",
    "tags": ["new"],
    "signed-up": "2026-11-23T10:00:00Z",
}
ENVELOPE = {"id": "01k", "time": "2026-11-23T10:00:00Z", "name": "new-customer"}
TEMPLATE = {
    "id": "{id}",
    "name": "{name}",
    "email": "{email}",
    "city": "{address.city}",
    "country": "{address.country}",
    "amount": "{amount}",
    "plan": "{plan}",
    "tags": "{tags}",
    "signed_up": "{signed-up}",
    "event": "{event.id}",
}


def by_hand(payload: dict[str, Any], envelope: dict[str, Any]) -> dict[str, Any]:
    """What a person would write, without a word on what is missing."""
    return {
        "id": payload["id"],
        "name": payload["name"],
        "email": payload["email"],
        "city": payload["address"]["city"],
        "country": payload["address"]["country"],
        "amount": payload["amount"],
        "plan": payload["plan"],
        "tags": payload["tags"],
        "signed_up": payload["signed-up"],
        "event": envelope["id"],
    }


def rendering() -> tuple[float, float]:
    """Microseconds for an action of ten wildcards, and for the same by hand; medians, in turn."""
    template = parse_template(TEMPLATE, Context.VALUE, FieldType.TABLE)
    assert template.render(PAYLOAD, ENVELOPE) == by_hand(PAYLOAD, ENVELOPE)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        for run, into in ((template.render, ours), (by_hand, theirs)):
            begun = perf_counter()
            for _ in range(20_000):
                run(PAYLOAD, ENVELOPE)
            into.append((perf_counter() - begun) / 20_000 * 1e6)
    return median(ours), median(theirs)


if __name__ == "__main__":
    main()
