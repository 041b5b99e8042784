"""Pipeline tests on a terminal: what passed, what did not and how it differs, and what no test reaches."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from eventwire.engine.testing import Difference, Reached, Tried, Verdict, coverage, expectations_of, run_tests
from eventwire.errors import ExitCode, UsageError
from eventwire.project.expectations import write_expectations
from eventwire.project.locate import unwritable
from eventwire.project.model import Project
from eventwire.project.pipeline_tests import FOLDER, find_test_files, read_tests
from eventwire.terminal.session import Session
from eventwire.terminal.tables import paragraph

LISTED = 10
"""So many unreached filters or actions are listed by name."""


def run_pipeline_tests(
    session: Session, project: Project, paths: Sequence[str], *, junit: str | None, update: bool, yes: bool
) -> ExitCode:
    """Run the tests, report, and with `update` write what came of them as what is expected."""
    tried = try_tests(session, project, paths)
    if not tried:
        raise UsageError(
            "There are no tests.",
            next_step=f"Write some into {project.folder / FOLDER}/; see docs/guides/testing.md for an example.",
        )
    if update:
        tried = update_tests(session, project, paths, tried, yes)
    if junit:
        write_junit(session.working_folder / junit, tried)
    report(session, project, tried)
    return ExitCode.ERROR if any(each.differences for each in tried) else ExitCode.DONE


def try_tests(session: Session, project: Project, paths: Sequence[str]) -> list[Tried]:
    """Read the tests and run them."""
    files = find_test_files(project.folder, session.working_folder, paths)
    return asyncio.run(run_tests(project, read_tests(project, files)))


def update_tests(
    session: Session, project: Project, paths: Sequence[str], tried: list[Tried], yes: bool
) -> list[Tried]:
    """Show the differences, ask, write them as expectations, and run the tests again."""
    changes = [(each, found) for each in tried if each.differences and (found := expectations_of(each))]
    if not changes:
        return tried
    for each, _ in changes:
        session.say("\n".join(draw_test(session, each)))
    confirm_update(session, len(changes), yes)
    for _, group in groupby(changes, key=lambda change: id(change[0].test.document)):
        together = list(group)
        merged = {keys: value for _, found in together for keys, value in found.items()}
        write_expectations(together[0][0].test.document, merged)
    session.say(f"Updated {len(changes)} test{'s' * (len(changes) != 1)}.")
    return try_tests(session, project, paths)


def confirm_update(session: Session, count: int, yes: bool) -> None:
    """Make sure that it is meant. Raises UsageError off a terminal without --yes, click.Abort for a no."""
    import click

    if yes:
        return
    if not session.interactive:
        raise UsageError(
            "Writing expectations needs to be confirmed, and nobody is here.", next_step="Confirm it with --yes"
        )
    from eventwire.terminal.prompts import confirm

    if not confirm(session, f"Expect this of {count} test{'s' * (count != 1)} from now on?", default=False):
        raise click.Abort


# The report


def report(session: Session, project: Project, tried: Sequence[Tried]) -> None:
    """The whole report, as text or as one JSON document."""
    reached = coverage(project, tried)
    document = {
        "tests": [each.as_dict() for each in tried],
        "summary": counts(tried),
        "coverage": {name: each.as_dict() for name, each in reached.items()},
    }
    lines = []
    for name, group in groupby(tried, key=lambda each: each.test.document.shown):
        lines.append(session.style(name, "bold"))
        lines += [line for each in group for line in draw_test(session, each)]
    lines += ["", summary(session, tried), *draw_coverage(session, reached)]
    session.result(document, "\n".join(lines))


def draw_test(session: Session, tried: Tried) -> list[str]:
    """A test's line, and below it each difference."""
    passed = tried.verdict is Verdict.PASSED
    marks = ("✓", "✗") if session.shows_unicode else ("+", "x")
    mark = session.style(marks[0], "ok") if passed else session.style(marks[1], "bad")
    return [
        f"  {mark} {tried.test.name}",
        *(line for each in tried.differences for line in draw_difference(session, each)),
    ]


def draw_difference(session: Session, difference: Difference) -> list[str]:
    """What was expected where, and the lines that differ."""
    head = f"    {difference.what}  {session.style(str(difference.place), 'dim')}"
    colours = {"-": "bad", "+": "ok"}
    lines = (session.style(line, colours[line[0]]) if line[:1] in colours else line for line in difference.diff)
    return [head, *(f"      {line}" for line in lines)]


def counts(tried: Sequence[Tried]) -> dict[str, int]:
    """How many passed and failed."""
    failed = sum(bool(each.differences) for each in tried)
    return {"passed": len(tried) - failed, "failed": failed}


def summary(session: Session, tried: Sequence[Tried]) -> str:
    """How many passed and failed, in words."""
    count = counts(tried)
    text = f"{count['passed']} passed" + (f", {count['failed']} failed" if count["failed"] else "")
    return session.style(text, "bad" if count["failed"] else "ok")


def draw_coverage(session: Session, reached: Mapping[str, Reached]) -> list[str]:
    """What no test reaches."""
    lines = []
    for kind, each in reached.items():
        if each.unreached:
            listed = ", ".join(each.unreached[:LISTED])
            more = f" and {len(each.unreached) - LISTED} more" if len(each.unreached) > LISTED else ""
            lines.append(f"{len(each.unreached)} of {each.total} {kind} reached by no test: {listed}{more}")
    return [session.style(paragraph(line, session.width), "warn") for line in lines]


# JUnit's XML


def write_junit(path: Path, tried: Sequence[Tried]) -> None:
    """Write the results as JUnit XML. Raises EventwireError where the file cannot be written."""
    from xml.etree import ElementTree

    from eventwire.project.files import write_atomically

    root = ElementTree.Element("testsuites", numbers(tried))
    for name, group in groupby(tried, key=lambda each: each.test.document.shown):
        together = list(group)
        suite = ElementTree.SubElement(root, "testsuite", {"name": name, **numbers(together)})
        for each in together:
            case = ElementTree.SubElement(suite, "testcase", attributes_of(each))
            if each.differences:
                message = "; ".join(difference.what for difference in each.differences)
                failure = ElementTree.SubElement(case, "failure", {"message": legal(message)})
                failure.text = legal("\n".join(line for found in each.differences for line in plain(found)))
    if not path.parent.is_dir():
        raise unwritable(path, FileNotFoundError(2, "its folder does not exist"))
    write_atomically(path, '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n")


def numbers(tried: Sequence[Tried]) -> dict[str, str]:
    """A suite's attributes."""
    seconds = sum(each.duration_seconds for each in tried)
    return {"tests": str(len(tried)), "failures": str(counts(tried)["failed"]), "errors": "0", "time": f"{seconds:.3f}"}


def attributes_of(tried: Tried) -> dict[str, str]:
    """A test case's attributes."""
    test = tried.test
    place = {"file": test.document.shown, "line": str(test.line)}
    return {"classname": test.document.shown, "name": test.name, "time": f"{tried.duration_seconds:.3f}", **place}


def plain(difference: Difference) -> list[str]:
    """A difference as lines."""
    return [f"{difference.what} ({difference.place})", *difference.diff]


def legal(text: str) -> str:
    """Text without the characters that XML 1.0 cannot hold."""
    return "".join(
        char if char in "\t\n\r" or (char >= " " and not "\ud800" <= char <= "\udfff") else "\ufffd" for char in text
    )
