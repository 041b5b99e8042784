"""Pipeline tests run: each event through the pipeline as a dry run does it, and what came of it compared.

Nothing is sent and nothing looked up: no network, no keyring, no client library, no journal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from difflib import unified_diff
from enum import StrEnum
from typing import Any

from msgspec import Struct

from eventwire.engine.pipeline import Pipeline
from eventwire.engine.record import ActionRecord, RunRecord
from eventwire.engine.run import IncomingEvent
from eventwire.errors import PayloadError, Place
from eventwire.language.payloads import encode_json
from eventwire.project.model import Project
from eventwire.project.pipeline_tests import ExpectedAction, PipelineTest


class Verdict(StrEnum):
    """What came of a test."""

    PASSED = "passed"
    FAILED = "failed"


class Difference(Struct, frozen=True):
    """One expectation that was not met."""

    what: str
    """What was expected of which part, in a few words: `big-order/tell-sales request`."""
    place: Place
    diff: tuple[str, ...]
    """Lines of a unified diff from what was expected to what came of it."""

    def as_dict(self) -> dict[str, Any]:
        """The difference as data."""
        return {"what": self.what, "file": self.place.path, "line": self.place.line, "diff": list(self.diff)}


class Tried(Struct, frozen=True):
    """One test with what came of it."""

    test: PipelineTest
    record: RunRecord | None
    """None where the payload was refused."""
    differences: tuple[Difference, ...]
    duration_seconds: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """Whether everything came as expected."""
        return Verdict.FAILED if self.differences else Verdict.PASSED

    def as_dict(self) -> dict[str, Any]:
        """The result as data."""
        return {
            "name": self.test.name,
            "file": self.test.document.shown,
            "line": self.test.line,
            "event": self.test.event,
            "status": self.verdict,
            "differences": [each.as_dict() for each in self.differences],
        }


class Reached(Struct, frozen=True):
    """How much of the project's filters, or actions, some test has reached."""

    total: int
    unreached: tuple[str, ...]
    """Each as `EVENT/FILTER` or `EVENT/FILTER/ACTION`, in the order of the project file."""

    def as_dict(self) -> dict[str, Any]:
        """The figures as data."""
        reached = self.total - len(self.unreached)
        return {"total": self.total, "reached": reached, "unreached": list(self.unreached)}


async def run_tests(project: Project, tests: Sequence[PipelineTest]) -> list[Tried]:
    """Run tests one after the other."""
    pipelines = {each: Pipeline(project, each, environ={}, journal=None) for each in ("test", "live")}
    return [await run_test(pipelines[test.environment], test) for test in tests]


async def run_test(pipeline: Pipeline, test: PipelineTest) -> Tried:
    """Run one test."""
    from time import perf_counter

    begun = perf_counter()
    incoming = IncomingEvent(test.event, test.payload, test.source, id=test.event_id, time=test.time, run=test.event_id)
    try:
        record = await pipeline.run(incoming, dry_run=True)
    except PayloadError as error:
        return Tried(test, None, tuple(of_refusal(test, error)), perf_counter() - begun)
    return Tried(test, record, tuple(differences(test, record)), perf_counter() - begun)


def of_refusal(test: PipelineTest, error: PayloadError) -> list[Difference]:
    """What is unexpected where the payload does not fit its model."""
    said = [f"{path}: {sentence}" for path, sentence in error.violations] or [error.message]
    if test.refused is not None and any(test.refused in line for line in said):
        return []
    expected = [test.refused] if test.refused is not None else []
    what = "refused" if test.refused is not None else "the payload does not fit the event's model"
    return [Difference(what, place(test, "refused"), diff(expected, said))]


def differences(test: PipelineTest, record: RunRecord) -> list[Difference]:
    """Every expectation that a run does not meet."""
    if test.expects_nothing:
        matched = "+ matched: " + ", ".join(each.name for each in record.matching)
        return [Difference("expects nothing yet; --update fills it in", place(test), (matched,))]
    found = []
    if test.refused is not None:
        lines = diff([test.refused], ["the payload fits the model"])
        found.append(Difference("refused", place(test, "refused"), lines))
    names = [each.name for each in record.matching]
    if test.matched is not None and set(names) != set(test.matched):
        order = {each.name: position for position, each in enumerate(record.filters)}
        expected = sorted(set(test.matched), key=lambda name: order[name])
        found.append(Difference("matched", place(test, "matched"), diff(expected, names)))
    actions = {(each.name, action.name): action for each in record.matching for action in each.actions}
    for key, expected_action in test.actions.items():
        found += of_action(test, key, expected_action, actions.get(key))
    return found


def of_action(
    test: PipelineTest, key: tuple[str, str], expected: ExpectedAction, actual: ActionRecord | None
) -> list[Difference]:
    """What is unexpected of one action; `actual` is None where its filter did not match."""
    name = "/".join(key)
    if not expected.is_sent:
        lines = [] if actual is None else request_lines(actual)
        is_met = actual is None or actual.request is None
        return [] if is_met else [Difference(f"{name} must not be sent", place(test, *key, "sent"), diff([], lines))]
    if actual is None:
        return [Difference(f"{name} is not sent: its filter does not match", place(test, *key), ())]
    message = str(actual.error["message"]) if actual.error else None
    if expected.error is not None:
        is_met = message is not None and expected.error in message
        lines = [message] if message is not None else request_lines(actual)
        return (
            [] if is_met else [Difference(f"{name} error", place(test, *key, "error"), diff([expected.error], lines))]
        )
    if message is not None:
        return [Difference(f"{name} cannot be sent", place(test, *key), (f"+ {message}",))]
    whole = expected.request is not None
    wanted = normal(expected.request if whole else expected.request_contains)
    sent = normal(actual.request)
    compared = sent if whole else part_of(sent, wanted)
    if compared == wanted:
        return []
    kind = "request" if whole else "request-contains"
    return [Difference(f"{name} {kind}", place(test, *key, kind), diff(lines_of(wanted), lines_of(compared)))]


def part_of(value: Any, wanted: Any) -> Any:
    """What a value has at the places that are asked for: tables by key, all else whole. Where a table is asked for,
    text that is JSON counts as what it says: the body of an HTTP request, the line of a file.
    """
    if isinstance(wanted, Mapping) and isinstance(value, str):
        with suppress(ValueError):
            value = json.loads(value, parse_float=Decimal)
    if isinstance(value, Mapping) and isinstance(wanted, Mapping):
        return {key: part_of(value[key], each) for key, each in wanted.items() if key in value}
    return value


def normal(value: Any) -> Any:
    """Data as JSON has it; numbers by their decimal values."""
    return json.loads(encode_json(value), parse_float=Decimal)


def request_lines(action: ActionRecord) -> list[str]:
    """A request as lines."""
    return lines_of(normal(action.request))


def lines_of(value: Any) -> list[str]:
    """Data as lines of JSON."""
    return encode_json(value, indent=True).splitlines()


def diff(expected: Sequence[str], actual: Sequence[str]) -> tuple[str, ...]:
    """A unified diff of lines, without its header."""
    lines = unified_diff(list(expected), list(actual), "expected", "actual", lineterm="", n=2)
    return tuple(line for line in lines if not line.startswith(("---", "+++", "@@")))


def place(test: PipelineTest, *keys: str) -> Place:
    """Where an expectation stands; its test, where it stands nowhere."""
    below = keys if len(keys) == 1 else ("actions", *keys) if keys else ()
    return test.document.place(("tests", test.name, *below), of="key")


def coverage(project: Project, results: Sequence[Tried]) -> dict[str, Reached]:
    """Which filters have matched in some test, and of which actions a request was made."""
    filters: set[str] = set()
    actions: set[str] = set()
    for result in results:
        for each in result.record.matching if result.record else ():
            filters.add(f"{result.test.event}/{each.name}")
            actions |= {f"{result.test.event}/{each.name}/{action.name}" for action in each.actions}
    every = [(event.name, each) for event in project.events.values() for each in event.filters.values()]
    with_actions = [(f"{event}/{each.name}", each) for event, each in every if each.actions or each.condition]
    all_actions = [f"{name}/{action}" for name, each in with_actions for action in each.actions]
    return {
        "filters": Reached(len(with_actions), tuple(name for name, _ in with_actions if name not in filters)),
        "actions": Reached(len(all_actions), tuple(name for name in all_actions if name not in actions)),
    }


def expectations_of(tried: Tried) -> dict[tuple[str | int, ...], Any]:
    """What to write into a test's file so that it expects what came of it: path of keys to value.

    Only what can be told: a filter that no longer matches, or an error that is another one, is for a person to decide.
    """
    test, record = tried.test, tried.record
    if record is None:
        return {}
    base = ("tests", test.name)
    names = [each.name for each in record.matching]
    actions = {(each.name, action.name): action for each in record.matching for action in each.actions}
    if test.expects_nothing:
        return {(*base, "matched"): names} | {
            (*base, "actions", *key, kind): value
            for key, action in actions.items()
            for kind, value in [fresh_expectation(action)]
        }
    wrong = {each.what for each in tried.differences}
    found: dict[tuple[str | int, ...], Any] = {(*base, "matched"): names} if "matched" in wrong else {}
    for key, expected in test.actions.items():
        for kind, wanted in (("request", expected.request), ("request-contains", expected.request_contains)):
            if f"{'/'.join(key)} {kind}" in wrong:
                sent = normal(actions[key].request)
                found[*base, "actions", *key, kind] = sent if kind == "request" else part_of(sent, normal(wanted))
    return found


def fresh_expectation(action: ActionRecord) -> tuple[str, Any]:
    """What is expected of an action of which nothing was said."""
    if action.error is not None:
        return "error", action.error["message"]
    return "request", normal(action.request)
