"""Watched folders: each line once, also when files grow, are replaced, or are still being written."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from eventwire.errors import EventwireError, PayloadError
from eventwire.project.read import read_project
from eventwire.server.bodies import LIMIT_BYTES
from eventwire.server.folders import FolderReader, event_of, run_folder, take_rows
from eventwire.server.sources import SourcePlan
from tests.project.projects import write

PROJECT = """\
[project]
name = "shop"

[events.paid.model]
id = "string"
amount = "integer"
gift = "boolean?"
note = "string?"

[sources.inbox]
kind = "folder"
event = "paid"
folder = "inbox"
"""


@pytest.fixture
def inbox(tmp_path):
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def plan_of(folder, more=""):
    project = read_project(write(folder, PROJECT + more))
    return SourcePlan(project, project.sources["inbox"])


def reader_of(store, inbox, more=""):
    return FolderReader(store, plan_of(inbox.parent, more).source, inbox.parent)


def put(path: Path, content, age=10.0, mode="w"):
    """Write a file, as somebody who did so some seconds ago."""
    with path.open(mode + ("b" if isinstance(content, bytes) else "")) as file:
        file.write(content)
    at = time.time() - age
    os.utime(path, (at, at))


def rows(reader):
    return [
        (row.file, row.line, row.body if row.error is None else row.error.message) for row in reader.rows(time.time())
    ]


def bodies(reader):
    return [body for _, _, body in rows(reader)]


def test_lines_are_read_once(store, inbox):
    reader = reader_of(store, inbox)
    put(inbox / "a.ndjson", '{"id": "1"}\n\n{"id": "2"}\r\n')
    assert rows(reader) == [("a.ndjson", 1, {"id": "1"}), ("a.ndjson", 3, {"id": "2"})]
    assert rows(reader) == []
    assert rows(reader_of(store, inbox)) == [], "also by another process"


def test_the_oldest_file_comes_first_and_others_are_left_alone(store, inbox):
    put(inbox / "b.jsonl", '{"id": "old"}\n', age=100)
    put(inbox / "a.ndjson", '{"id": "new"}\n')
    for name in (".hidden.ndjson", "a.json", "a.ndjson.tmp", "a.txt"):
        put(inbox / name, '{"id": "no"}\n')
    (inbox / "folder.ndjson").mkdir()
    assert bodies(reader_of(store, inbox)) == [{"id": "old"}, {"id": "new"}]


def test_a_pattern_chooses_files(store, inbox):
    put(inbox / "orders-1.csv", "id\n1\n")
    put(inbox / "others.csv", "id\n2\n")
    assert bodies(reader_of(store, inbox, 'pattern = "orders-*.csv"\n')) == [{"id": "1"}]


def test_what_is_appended_is_read_when_it_comes(store, inbox):
    reader = reader_of(store, inbox)
    put(inbox / "a.ndjson", '{"id": "1"}\n')
    put(inbox / "b.csv", "id;amount\n1;5\n")
    assert len(rows(reader_of(store, inbox, 'delimiter = ";"\n'))) == 2
    put(inbox / "a.ndjson", '{"id": "2"}\n', mode="a", age=5)
    put(inbox / "b.csv", "2;6\n", mode="a", age=5)
    reader = reader_of(store, inbox, 'delimiter = ";"\n')
    assert rows(reader) == [("a.ndjson", 2, {"id": "2"}), ("b.csv", 3, {"id": "2", "amount": "6"})]


def test_another_file_of_the_same_name_is_read_from_its_beginning(store, inbox):
    reader = reader_of(store, inbox)
    put(inbox / "a.ndjson", '{"id": "1"}\n{"id": "2"}\n')
    first = [row.id for row in reader.rows(time.time())]
    put(inbox / "a.ndjson", '{"id": "3"}\n{"id": "2"}\n{"id": "4"}\n', age=5)
    second = list(reader.rows(time.time()))
    assert [row.body["id"] for row in second] == ["3", "2", "4"]
    assert not {row.id for row in second} & set(first)
    put(inbox / "new.tmp", '{"id": "5"}\n', age=5)
    (inbox / "new.tmp").rename(inbox / "a.ndjson")
    assert bodies(reader) == [{"id": "5"}]


def test_a_file_that_was_only_touched_is_not_read_again(store, inbox):
    reader = reader_of(store, inbox)
    put(inbox / "a.ndjson", '{"id": "1"}\n')
    assert len(rows(reader)) == 1
    os.utime(inbox / "a.ndjson")
    assert rows(reader) == []


def test_a_line_that_is_still_being_written_waits(store, inbox):
    reader = reader_of(store, inbox)
    put(inbox / "a.ndjson", '{"id": "1"}\n{"id": ', age=0)
    assert bodies(reader) == [{"id": "1"}]
    assert bodies(reader) == []
    put(inbox / "a.ndjson", '"2"}', mode="a", age=0)
    assert bodies(reader) == []
    os.utime(inbox / "a.ndjson", (time.time() - 10,) * 2)
    assert rows(reader) == [("a.ndjson", 2, {"id": "2"})]
    assert bodies(reader) == []


def test_a_row_with_an_open_quote_waits_too(store, inbox):
    reader = reader_of(store, inbox)
    put(inbox / "a.csv", 'id,note\n1,"two\nlines"\n2,"and\n', age=0)
    assert bodies(reader) == [{"id": "1", "note": "two\nlines"}]
    put(inbox / "a.csv", 'more"\n', mode="a", age=0)
    assert rows(reader) == [("a.csv", 5, {"id": "2", "note": "and\nmore"})]


def test_a_header_that_is_still_being_written_waits(store, inbox):
    reader = reader_of(store, inbox)
    put(inbox / "a.csv", "id,am", age=0)
    assert rows(reader) == []
    put(inbox / "a.csv", "ount\n1,5\n", mode="a", age=0)
    assert bodies(reader) == [{"id": "1", "amount": "5"}]


def test_rows_of_csv_are_texts_that_the_model_reads(store, inbox):
    plan = plan_of(inbox.parent)
    put(inbox / "a.csv", b'\xef\xbb\xbfid,amount,gift,note\r\n007,12,TRUE,\r\n8,x,,"a, b"\r\n')
    first, second = FolderReader(store, plan.source, inbox.parent).rows(time.time())
    event = event_of(plan, first, 0)
    assert event.payload == {"id": "007", "amount": 12, "gift": True, "note": ""}
    assert event.idempotency_key == "source:inbox:a.csv#1:2"
    assert event_of(plan, second, 0).payload == {"id": "8", "amount": "x", "note": "a, b"}


def test_values_and_conditions_name_the_file(store, inbox):
    more = "where = 'body.kind = \"paid\"'\nvalues = { id = '{file.name}:{file.line}', amount = '{body.total}' }\n"
    plan = plan_of(inbox.parent, more)
    put(inbox / "a.csv", "kind,total\npaid,5\nopen,6\n")
    found = [event_of(plan, row, 0) for row in FolderReader(store, plan.source, inbox.parent).rows(time.time())]
    assert found[0].payload == {"id": "a.csv:2", "amount": 5}
    assert found[1] is None


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.ndjson", b'{"id": "1"}\nnonsense\n{"id": "2"}\n', {2: "The payload is not JSON"}),
        ("a.ndjson", b'{"id": "1"}\n[1]\n{"id": "2"}\n', {2: "The payload is a list"}),
        ("a.ndjson", b'{"id": "1"}\n\xff\n{"id": "2"}\n', {2: "The payload is not UTF-8"}),
        ("a.csv", b"id\n1\n2,3\n2\n", {3: "The row has 2 cells, and the first row 1."}),
        ("a.csv", b"id\n1\n\xff\n2\n", {3: "The row is not UTF-8."}),
        ("a.csv", b'id\n1\n"2"x\n2\n', {3: "The row cannot be read"}),
    ],
)
def test_a_bad_line_is_told_and_the_rest_goes_on(store, inbox, name, content, told):
    reader = reader_of(store, inbox)
    put(inbox / name, content)
    found = rows(reader)
    assert [body["id"] for _, _, body in found if isinstance(body, dict)] == ["1", "2"]
    errors = {line: body for _, line, body in found if isinstance(body, str)}
    assert list(errors) == list(told)
    assert all(errors[line].startswith(sentence) for line, sentence in told.items())
    assert rows(reader) == []


@pytest.mark.parametrize("header", ["id,id", "id,", ",", ""])
def test_columns_that_cannot_be_told_apart(store, inbox, header):
    reader = reader_of(store, inbox)
    put(inbox / "a.csv", f"{header}\n1,2\n")
    assert rows(reader) == [("a.csv", 1, "The first row has to name each column, and none twice.")]
    assert rows(reader) == []


def test_a_line_that_is_too_long_is_told_without_being_kept_in_memory(store, inbox):
    put(inbox / "a.ndjson", b'{"id": "' + b"x" * (3 * LIMIT_BYTES) + b'"}\n{"id": "2"}\n')
    found = rows(reader_of(store, inbox))
    assert [(line, isinstance(body, str)) for _, line, body in found] == [(1, True), (2, False)]
    assert "more than 1,048,576 bytes" in found[0][2]


def test_what_was_taken_and_not_noted_comes_again_with_the_same_id(store, inbox):
    put(inbox / "a.ndjson", "".join(f'{{"id": "{n}"}}\n' for n in range(250)))
    reading = reader_of(store, inbox).rows(time.time())
    taken = [next(reading).id for _ in range(150)]
    reading.close()
    again = [row.id for row in reader_of(store, inbox).rows(time.time())]
    assert again[:50] == taken[100:]
    assert len(again) == 150 and len(set(taken) | set(again)) == 250


def test_a_folder_that_is_not_there_says_so(store, tmp_path):
    reader = FolderReader(store, plan_of(tmp_path).source, tmp_path)
    with pytest.raises(EventwireError, match="cannot be read") as raised:
        list(reader.rows(0))
    assert raised.value.next_step.startswith("Make it")


def test_the_watch_tells_each_trouble_once_and_goes_on(store, tmp_path):
    plan = plan_of(tmp_path)
    reader = FolderReader(store, plan.source, tmp_path)
    told, events = [], []

    async def raise_event(event):
        events.append(event.payload)

    async def go():
        watch = asyncio.create_task(run_folder(reader, plan, raise_event, told.append, poll_seconds=0.01))
        await asyncio.sleep(0.1)
        (tmp_path / "inbox").mkdir()
        put(tmp_path / "inbox" / "a.ndjson", '{"id": "1", "amount": 1}\nnonsense\n{"id": "2", "amount": 2}\n')
        async with asyncio.timeout(30):
            while len(events) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        watch.cancel()

    asyncio.run(go())
    assert [event["id"] for event in events] == ["1", "2"]
    assert len(told) == 2
    assert "cannot be read" in told[0]
    assert told[1].startswith("The source inbox took nothing from a.ndjson:2: The payload is not JSON")


def test_an_event_that_cannot_be_taken_stops_there_and_comes_again(store, inbox):
    plan = plan_of(inbox.parent)
    reader = FolderReader(store, plan.source, inbox.parent)
    put(inbox / "a.ndjson", '{"id": "1", "amount": 1}\n{"id": "2", "amount": 2}\n')
    taken, failing = [], [EventwireError("The disk is full.")]

    async def raise_event(event):
        if event.payload["id"] == "2" and failing:
            raise failing.pop()
        if event.payload["id"] == "1" and taken:
            raise PayloadError("It was there before.")
        taken.append(event.payload["id"])

    told = []
    with pytest.raises(EventwireError, match="disk is full"):
        asyncio.run(take_rows(reader, plan, raise_event, told.append, time.time))
    asyncio.run(take_rows(reader, plan, raise_event, told.append, time.time))
    assert taken == ["1", "2"]
    assert told == ["The source inbox took nothing from a.ndjson:1: It was there before."]


def test_a_file_whose_name_would_draw_in_the_terminal_is_told_in_one_line():
    from eventwire.server.folders import placed

    told = str(placed(PayloadError("It is wrong."), "a\x1b[2J\nServing evil.ndjson", 1))
    assert told == "a\\x1b[2J\\nServing evil.ndjson:1: It is wrong."
