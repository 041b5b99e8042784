"""Matching an event with its filters by the index, against evaluating each compiled condition in turn.

    python -m tests.benchmarks.matching

Events have 20 properties; a filter has 1 to 3 clauses (equality, IN, prefix, numeric range), and 10 to 15 filters match an
event. Figures are microseconds an event, medians of several rounds in one process, over 200 events in turn; `warm` is the time
of the first events, with the making of the index.
"""

from __future__ import annotations

import gc
import random
from statistics import median
from time import perf_counter

from eventwire.engine.matching import EVENTS_BEFORE, Matcher
from eventwire.language.conditions import compile_condition, parse_condition
from eventwire.language.models import read_model

TEXTS = [f"text{number}" for number in range(10)]
NUMBERS = [f"number{number}" for number in range(10)]
MODEL = read_model(dict.fromkeys(TEXTS, "string") | dict.fromkeys(NUMBERS, "number"))
ROUNDS = 7
EVENTS = 200
SPAN = 1_000_000


def clause(chance: random.Random, share: float) -> str:
    """A clause that holds for about this share of events."""
    values = max(2, round(1 / share))
    kind = chance.randrange(4)
    if kind == 0:
        return f"{chance.choice(TEXTS)} = '{word(chance, values)}'"
    if kind == 1:
        listed = ", ".join(f"'{word(chance, values)}'" for _ in range(3))
        return f"{chance.choice(TEXTS)} IN ({listed})"
    if kind == 2:
        return f"{chance.choice(TEXTS)} LIKE '{word(chance, values)[:-2]}%'"
    low = chance.randrange(SPAN)
    return f"{chance.choice(NUMBERS)} BETWEEN {low} AND {low + int(SPAN * share)}"


def word(chance: random.Random, values: int) -> str:
    """One of so many words, whose last two letters most prefixes leave out."""
    number = int(chance.random() * values)
    return f"w{number:06x}zz"


def conditions(chance: random.Random, count: int) -> list[str]:
    """Conditions of 1 to 3 clauses, of which about a dozen hold for an event."""
    found = []
    for _ in range(count):
        clauses = chance.randint(1, 3)
        share = (8 / count) ** (1 / clauses) if count > 100 else 0.5
        found.append(" AND ".join(clause(chance, share) for _ in range(clauses)))
    return found


def event(chance: random.Random, count: int) -> dict[str, object]:
    """A payload whose texts are those that conditions ask for."""
    payload: dict[str, object] = {}
    for name in TEXTS:
        clauses = chance.randint(1, 3)
        share = (8 / count) ** (1 / clauses) if count > 100 else 0.5
        payload[name] = word(chance, max(2, round(1 / share)))
    return payload | {name: chance.randrange(SPAN) for name in NUMBERS}


def main() -> None:
    print(f"{'filters':>8} {'match':>6} {'warm ms':>9} {'all us':>9} {'scan us':>9} {'times':>6}")
    for count in (10, 1_000, 10_000, 100_000):
        print(measure(count))


def measure(count: int) -> str:
    chance = random.Random(count)
    read = [parse_condition(text) for text in conditions(chance, count)]
    tests = [compile_condition(each, MODEL) for each in read]
    payloads = [event(chance, count) for _ in range(EVENTS)]
    gc.collect()
    gc.freeze()
    begun = perf_counter()
    index = Matcher(tests, [(each.expression, MODEL) for each in read])
    for payload in payloads[: EVENTS_BEFORE + 2]:
        index.matching(payload, {})
    warm = perf_counter() - begun
    matched = [index.matching(payload, {}) for payload in payloads]
    few = payloads[: max(3, min(EVENTS, 200_000 // count))]
    assert [[i for i, test in enumerate(tests) if test(p, {})] for p in few] == matched[: len(few)]
    by_index, by_scan = [], []
    for _ in range(ROUNDS):
        begun = perf_counter()
        for payload in payloads:
            index.matching(payload, {})
        by_index.append((perf_counter() - begun) / len(payloads))
        begun = perf_counter()
        for payload in few:
            [i for i, test in enumerate(tests) if test(payload, {})]
        by_scan.append((perf_counter() - begun) / len(few))
    one, other = median(by_index) * 1e6, median(by_scan) * 1e6
    average = sum(map(len, matched)) / len(matched)
    return f"{count:>8} {average:>6.1f} {warm * 1e3:>9.1f} {one:>9.1f} {other:>9.1f} {other / one:>6.0f}"


if __name__ == "__main__":
    main()
