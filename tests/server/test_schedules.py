"""Schedules: when they are due, across changes of the clock, and what was missed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from eventwire.errors import EventwireError, PayloadError
from eventwire.project.read import read_project
from eventwire.server.schedules import MOST_MISSED, due_between, look, next_time, note, run_schedule
from eventwire.server.sources import SourcePlan
from tests.project.projects import write

PROJECT = """\
[project]
name = "shop"

[events.tidy.model]
at = "date-time"
missed = "integer"

[sources.nightly]
kind = "schedule"
event = "tidy"
schedule = "30 1 * * *"
time-zone = "Europe/Lisbon"
values = { at = "{body.time}", missed = "{body.missed}" }
"""


def plan_of(folder, **changes):
    text = PROJECT
    for key, value in changes.items():
        name = key.replace("_", "-")
        line = next((each for each in text.splitlines() if each.startswith(f"{name} = ")), None)
        text = text.replace(line, f"{name} = {value}") if line else text + f"{name} = {value}\n"
    project = read_project(write(folder, text))
    return SourcePlan(project, project.sources["nightly"])


def at(*parts, zone="UTC", fold=0):
    return datetime(*parts, tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def times(plan, after, count):
    found = []
    for _ in range(count):
        after = next_time(plan.source, after)
        found.append(datetime.fromtimestamp(after, UTC).strftime("%m-%d %H:%M"))
    return found


def test_a_time_is_one_of_its_zone(tmp_path):
    assert times(plan_of(tmp_path), at(2026, 7, 1), 2) == ["07-01 00:30", "07-02 00:30"]
    assert times(plan_of(tmp_path), at(2026, 1, 1), 2) == ["01-01 01:30", "01-02 01:30"]


def test_a_time_that_the_clock_leaves_out_is_run_once_it_has_changed(tmp_path):
    # on 29 March 2026 the clocks of Lisbon go from 01:00 to 02:00
    assert times(plan_of(tmp_path), at(2026, 3, 28), 3) == ["03-28 01:30", "03-29 01:00", "03-30 00:30"]


def test_a_time_of_day_that_is_there_twice_is_run_once(tmp_path):
    # on 25 October 2026 the clocks of Lisbon go from 02:00 to 01:00
    assert times(plan_of(tmp_path), at(2026, 10, 24), 3) == ["10-24 00:30", "10-25 00:30", "10-26 01:30"]


def test_from_within_the_hour_that_is_there_twice_nothing_comes_again(tmp_path):
    within = at(2026, 10, 25, 1, 10, zone="Europe/Lisbon", fold=1)
    assert times(plan_of(tmp_path), within, 1) == ["10-26 01:30"]
    hourly = plan_of(tmp_path, schedule='"0 * * * *"')
    assert times(hourly, at(2026, 10, 24, 23, 30), 4) == ["10-25 00:00", "10-25 01:00", "10-25 02:00", "10-25 03:00"]


def test_a_schedule_that_is_seen_for_the_first_time_has_missed_nothing(tmp_path, store):
    plan = plan_of(tmp_path)
    due = look(store, plan.source, at(2026, 7, 5))
    assert (due.run_at, due.missed, due.sentence(plan.source)) == (None, 0, None)


def test_a_time_that_is_due_is_run(tmp_path, store):
    plan = plan_of(tmp_path)
    look(store, plan.source, at(2026, 7, 5))
    assert look(store, plan.source, at(2026, 7, 5, 0, 29, 59)).run_at is None
    due = look(store, plan.source, at(2026, 7, 5, 0, 30, 30))
    assert (due.run_at, due.missed) == (at(2026, 7, 5, 0, 30), 0)
    assert look(store, plan.source, at(2026, 7, 5, 0, 30, 30)).run_at == due.run_at, "until it is noted"
    note(store, plan.source, due.upto)
    assert look(store, plan.source, at(2026, 7, 5, 0, 30, 40)).run_at is None


@pytest.mark.parametrize(
    ("catch_up", "run_at", "missed", "sentence"),
    [
        (
            "false",
            None,
            3,
            "The schedule nightly missed 3 times: 2026-07-05T00:30:00Z to 2026-07-07T00:30:00Z.",
        ),
        (
            "true",
            at(2026, 7, 7, 0, 30),
            2,
            "The schedule nightly missed 2 times: 2026-07-05T00:30:00Z to 2026-07-06T00:30:00Z; "
            "that of 2026-07-07T00:30:00Z is run now.",
        ),
    ],
)
def test_missed_times_are_told(tmp_path, store, catch_up, run_at, missed, sentence):
    plan = plan_of(tmp_path, catch_up=catch_up)
    note(store, plan.source, at(2026, 7, 5))
    due = look(store, plan.source, at(2026, 7, 7, 12))
    assert (due.run_at, due.missed) == (run_at, missed)
    assert due.sentence(plan.source) == sentence


def test_one_missed_time_and_very_many(tmp_path):
    plan = plan_of(tmp_path)
    one = due_between(plan.source, at(2026, 7, 5), at(2026, 7, 5, 1))
    assert one.sentence(plan.source) == "The schedule nightly missed a time: 2026-07-05T00:30:00Z."
    minutely = plan_of(tmp_path, schedule='"* * * * *"', catch_up="true")
    many = due_between(minutely.source, at(2026, 1, 1), at(2026, 7, 1, 0, 0, 30))
    assert many.run_at == at(2026, 7, 1)
    assert many.missed == MOST_MISSED
    assert "missed more than 10,000 times: 2026-01-01T00:01:00Z to" in many.sentence(minutely.source)


def test_a_clock_that_is_set_back_runs_nothing_again(tmp_path, store):
    plan = plan_of(tmp_path)
    note(store, plan.source, at(2026, 7, 5, 1))
    due = look(store, plan.source, at(2026, 7, 4))
    assert (due.run_at, due.missed, due.upto) == (None, 0, at(2026, 7, 5, 1))
    note(store, plan.source, at(2026, 7, 4))
    assert look(store, plan.source, at(2026, 7, 5, 0, 45)).run_at is None


class Clock:
    """A clock that goes on when somebody sleeps."""

    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds
        await asyncio.sleep(0)


def run_until(store, plan, clock, count, *, fail=()):
    """Run a schedule until so many events were taken; returns them, and what was told."""
    events, told, failures = [], [], list(fail)

    async def raise_event(event):
        if failures and (error := failures.pop(0)):
            raise error
        events.append(event)
        if len(events) == count:
            raise asyncio.CancelledError

    async def go():
        task = asyncio.create_task(run_schedule(store, plan, raise_event, told.append, clock=clock, sleep=clock.sleep))
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(go())
    return events, told


def test_a_schedule_runs_at_its_times(tmp_path, store):
    plan = plan_of(tmp_path)
    events, told = run_until(store, plan, Clock(at(2026, 7, 5)), 3)
    assert [event.payload for event in events] == [
        {"at": f"2026-07-0{day}T00:30:00Z", "missed": 0} for day in (5, 6, 7)
    ]
    assert events[0].idempotency_key == "source:nightly:2026-07-05T00:30:00Z"
    assert (events[0].environment, events[0].time) == ("test", "2026-07-05T00:30:00Z")
    assert told == []


def test_what_was_run_and_not_noted_has_the_same_key(tmp_path, store):
    plan = plan_of(tmp_path)
    note(store, plan.source, at(2026, 7, 5))
    keys = [
        event.idempotency_key for _ in range(2) for event in run_until(store, plan, Clock(at(2026, 7, 5, 0, 30)), 1)[0]
    ]
    assert keys == ["source:nightly:2026-07-05T00:30:00Z"] * 2


def test_an_event_that_cannot_be_taken_is_tried_again(tmp_path, store):
    plan = plan_of(tmp_path)
    clock = Clock(at(2026, 7, 5))
    events, told = run_until(store, plan, clock, 1, fail=[EventwireError("The disk is full."), None])
    assert events[0].payload["at"] == "2026-07-05T00:30:00Z"
    assert told == ["The schedule nightly could not be run, and is tried again. The disk is full."]
    assert clock.now == at(2026, 7, 5, 0, 30, 15)


def test_a_payload_that_is_wrong_is_told_and_not_tried_again(tmp_path, store):
    plan = plan_of(tmp_path)
    events, told = run_until(store, plan, Clock(at(2026, 7, 5)), 1, fail=[PayloadError("It does not fit.")])
    assert events[0].payload["at"] == "2026-07-06T00:30:00Z"
    assert told == ["The schedule nightly raised nothing. It does not fit."]
