"""Pipeline tests as the project has them: TOML files in `tests/`, each with tests by name.

[tests.a-big-order-is-announced]
event = "order-paid"
set = { total = 250 }
matched = ["on-event", "big-order"]

[tests.a-big-order-is-announced.actions.big-order.tell-sales]
request-contains = { text = "250" }
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from msgspec import Struct

from eventwire.errors import EventwireError, PayloadError, Problem, ProjectError, UsageError, did_you_mean
from eventwire.language.findings import LanguageError
from eventwire.language.paths import parse_path, put_at
from eventwire.language.payloads import read_payload
from eventwire.project.field_values import check_json
from eventwire.project.model import ENVIRONMENTS, NAME, Event, Project
from eventwire.project.names import proposal
from eventwire.project.report import Report
from eventwire.project.samples import read_sample
from eventwire.project.scan import Keys
from eventwire.project.toml import Document, read_bytes

FOLDER = "tests"
KEYS = (
    "description",
    "event",
    "payload",
    "set",
    "environment",
    "id",
    "time",
    "source",
    "matched",
    "refused",
    "actions",
)
ACTION_KEYS = ("request", "request-contains", "sent", "error")
EVENT_ID = "00000000000000000000000000"
EVENT_TIME = "2026-01-01T00:00:00.000+00:00"


class ExpectedAction(Struct, frozen=True):
    """What is expected of one action; exactly one of these is set."""

    request: Any = None
    """The whole request."""
    request_contains: Any = None
    """A part of it."""
    is_sent: bool = True
    """False where it must not be sent."""
    error: str | None = None
    """Its request cannot be made, and the message contains this."""


class PipelineTest(Struct, frozen=True):
    """One event that is run without being sent, and what is expected of it."""

    name: str
    document: Document
    event: str
    payload: Mapping[str, Any]
    environment: str
    event_id: str
    time: str
    source: str
    matched: tuple[str, ...] | None
    """The filters that match, in any order; None where nothing is said of them."""
    refused: str | None
    """The payload does not fit the model, and what is wrong with it contains this."""
    actions: Mapping[tuple[str, str], ExpectedAction]
    """By filter and action."""

    @property
    def expects_nothing(self) -> bool:
        """Whether it says nothing of what should come of its event."""
        return self.matched is None and self.refused is None and not self.actions

    @property
    def line(self) -> int:
        """Where it stands in its file."""
        return self.document.place(("tests", self.name), of="key").line or 1


def find_test_files(folder: Path, base: Path, paths: Iterable[str]) -> dict[Path, str | None]:
    """The files to read, each with the one test that was asked for, or None for all of them.

    `paths` are files, folders, or FILE::TEST, from `base`; without any it is all of the project's `tests/`. Raises
    UsageError for what is not there.
    """
    found: dict[Path, str | None] = {}
    for text in paths:
        name, _, test = text.partition("::")
        path = base / name
        if path.is_dir():
            found |= dict.fromkeys(sorted(path.rglob("*.toml")))
        elif path.is_file():
            found[path] = test or None
        else:
            raise UsageError(f"There is no test file {name}.", next_step=f"Tests are TOML files in {folder / FOLDER}.")
    return found if paths else dict.fromkeys(sorted((folder / FOLDER).rglob("*.toml")))


def read_tests(project: Project, files: Mapping[Path, str | None]) -> list[PipelineTest]:
    """The tests of some files, in order. Raises ProjectError with everything that is wrong with any of them."""
    tests: list[PipelineTest] = []
    problems: list[Problem] = []
    for path, only in files.items():
        try:
            reader = Reader(project, path)
        except ProjectError as error:
            problems += error.problems
            continue
        found = list(reader.tests())
        problems += reader.report.problems()
        if only and only not in reader.names:
            step = did_you_mean(only, reader.names) or f"It has: {', '.join(reader.names) or 'none'}."
            raise UsageError(f'{reader.document.shown} has no test "{only}".', next_step=step)
        tests += [each for each in found if only in (None, each.name)]
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise ProjectError(errors)
    return tests


class Reader:
    """Reads one file of tests."""

    def __init__(self, project: Project, path: Path) -> None:
        """Raises ProjectError where it is no TOML."""
        self.project = project
        self.folder = path.parent
        try:
            self.document = Document.read(path)
        except ProjectError as error:
            raise ProjectError([_at(each, self.shown(path)) for each in error.problems]) from error
        self.document.shown = self.shown(path)
        self.report = Report(self.document)
        self.names: list[str] = []

    def shown(self, path: Path) -> str:
        """What the file is called in messages: from the project's folder on."""
        path, folder = path.resolve(), self.project.folder.resolve()
        return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)

    def tests(self) -> Iterator[PipelineTest]:
        data = self.document.data
        self.unknown_keys(data, (), ("tests",))
        tests = data.get("tests", {})
        if not isinstance(tests, dict):
            self.wrong(("tests",), "a table of tests")
            return
        for name, table in tests.items():
            keys: Keys = ("tests", name)
            self.names.append(name)
            if not NAME.fullmatch(name):
                step = f"For example: {proposal(name)}"
                self.report.error("bad-name", f'"{name}" is no name for a test.', keys, step, of="key")
            elif not isinstance(table, dict):
                self.wrong(keys, "a table")
            elif (test := self.test(name, table, keys)) is not None:
                yield test

    def test(self, name: str, table: dict[str, Any], keys: Keys) -> PipelineTest | None:
        self.unknown_keys(table, keys, KEYS)
        event = self.event(table, keys)
        if event is None:
            return None
        payload = self.payload(table, keys, event)
        environment = self.value(table, "environment", keys, str) or "test"
        if environment not in ENVIRONMENTS:
            self.wrong((*keys, "environment"), '"test" or "live"')
        return PipelineTest(
            name,
            self.document,
            event.name,
            payload,
            environment,
            self.value(table, "id", keys, str) or EVENT_ID,
            self.value(table, "time", keys, str) or EVENT_TIME,
            self.value(table, "source", keys, str) or "test",
            self.matched(table, keys, event),
            self.value(table, "refused", keys, str),
            self.actions(table, keys, event),
        )

    def event(self, table: Mapping[str, Any], keys: Keys) -> Event | None:
        name = self.value(table, "event", keys, str)
        if "event" not in table:
            self.report.error("missing-key", "The test names no event.", keys, 'Give it: event = "…"', of="key")
        if name is None:
            return None
        if name not in self.project.events:
            self.unknown("event", name, (*keys, "event"), self.project.events)
            return None
        return self.project.events[name]

    # The payload

    def payload(self, table: Mapping[str, Any], keys: Keys, event: Event) -> dict[str, Any]:
        payload = self.given_payload(table, keys, event)
        changes = self.value(table, "set", keys, dict) or {}
        for path, value in changes.items():
            at = (*keys, "set", path)
            check_json(self.report, value, at)
            try:
                put_at(payload, parse_path(path), deepcopy(value))
            except (LanguageError, LookupError):
                message = f'The path "{path}" leads nowhere in the payload.'
                self.report.error("bad-path", message, at, "Write it as in run --set: address.city", of="key")
        return payload

    def given_payload(self, table: Mapping[str, Any], keys: Keys, event: Event) -> dict[str, Any]:
        given = table.get("payload")
        if isinstance(given, dict):
            check_json(self.report, given, (*keys, "payload"))
            return deepcopy(given)
        try:
            if isinstance(given, str):
                return read_payload(read_bytes(self.folder / given))
            if given is not None:
                self.wrong((*keys, "payload"), "an inline table, or the name of a JSON file")
                return {}
            sample = read_sample(self.project.folder, event.name)
        except (PayloadError, ProjectError) as error:
            step = "Name a JSON file, from the test's own folder."
            self.report.error("bad-payload", _sentence(error), (*keys, "payload"), error.next_step or step)
            return {}
        if sample is None and "set" not in table:
            self.report.error(
                "no-payload",
                f'The test has no payload, and the event "{event.name}" no sample.',
                keys,
                'Give it: payload = { … }, or payload = "file.json"',
                of="key",
            )
        return dict(sample or {})

    # Expectations

    def matched(self, table: Mapping[str, Any], keys: Keys, event: Event) -> tuple[str, ...] | None:
        names = self.value(table, "matched", keys, list)
        if names is None:
            return None
        for position, name in enumerate(names):
            if name not in event.filters:
                self.unknown("filter", str(name), (*keys, "matched", position), event.filters)
        return tuple(map(str, names))

    def actions(self, table: Mapping[str, Any], keys: Keys, event: Event) -> dict[tuple[str, str], ExpectedAction]:
        found: dict[tuple[str, str], ExpectedAction] = {}
        for name, actions in (self.value(table, "actions", keys, dict) or {}).items():
            at = (*keys, "actions", name)
            if name not in event.filters:
                self.unknown("filter", name, at, event.filters, of="key")
                continue
            for action, expected in (self.value({name: actions}, name, at[:-1], dict) or {}).items():
                if action not in event.filters[name].actions:
                    self.unknown("action", action, (*at, action), event.filters[name].actions, of="key")
                elif isinstance(expected, dict):
                    found[name, action] = self.expected(expected, (*at, action))
                else:
                    self.wrong((*at, action), "a table")
        return found

    def expected(self, table: Mapping[str, Any], keys: Keys) -> ExpectedAction:
        self.unknown_keys(table, keys, ACTION_KEYS)
        if len(table) != 1:
            self.report.error(
                "expectation",
                "An action's expectation is exactly one thing.",
                keys,
                f"Give it one of: {', '.join(ACTION_KEYS)}.",
                of="key",
            )
        is_sent = self.value(table, "sent", keys, bool)
        if is_sent:
            self.wrong((*keys, "sent"), "false; what is sent is said by request")
        return ExpectedAction(
            self.request(table, "request", keys),
            self.request(table, "request-contains", keys),
            is_sent is not False,
            self.value(table, "error", keys, str),
        )

    def request(self, table: Mapping[str, Any], key: str, keys: Keys) -> Any:
        """A request as a table, or as JSON text where it holds null, which TOML has no word for."""
        value = table.get(key)
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError as error:
                self.report.error("not-json", f"This is no JSON: {error}.", (*keys, key), "Write a table, or JSON.")
                return None
        if value is not None and not isinstance(value, dict):
            self.wrong((*keys, key), "a table")
        return value

    # What is wrong

    def value(self, table: Mapping[str, Any], key: str, keys: Keys, kind: type) -> Any:
        value = table.get(key)
        if value is None or (isinstance(value, kind) and (kind is bool or not isinstance(value, bool))):
            return value
        self.wrong((*keys, key), {str: "text", dict: "a table", list: "a list", bool: "true or false"}[kind])
        return None

    def wrong(self, keys: Keys, wanted: str) -> None:
        self.report.error("wrong-type", f'"{keys[-1]}" has to be {wanted}.', keys, f"Make it {wanted}.")

    def unknown(self, kind: str, name: str, keys: Keys, known: Iterable[str], *, of: str = "value") -> None:
        names = list(known)
        step = did_you_mean(name, names) or f"There are: {', '.join(names) or 'none'}."
        self.report.error(f"unknown-{kind}", f'There is no {kind} "{name}".', keys, step, of=of)

    def unknown_keys(self, table: Mapping[str, Any], keys: Keys, known: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                step = did_you_mean(key, known) or f"Known here: {', '.join(known)}."
                self.report.error("unknown-key", f'"{key}" means nothing here.', (*keys, key), step, of="key")


def _at(problem: Problem, shown: str) -> Problem:
    return problem._replace(place=problem.place._replace(path=shown)) if problem.place else problem


def _sentence(error: EventwireError) -> str:
    return error.problems[0].message if isinstance(error, ProjectError) else error.message
