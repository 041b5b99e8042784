"""Retention: what is too old goes, in small parts, and what has not ended stays."""

from __future__ import annotations

import time

from eventwire.engine import retention
from eventwire.journal.identifiers import first_id
from tests.engine.wired import action

DAY = 86_400


def make_older(machine, run, days):
    """Let a run have come in some days ago; ids sort by time."""
    old = first_id(time.time() - days * DAY)[:10] + run[10:]
    for table, column in (("runs", "id"), ("deliveries", "run"), ("attempts", "run")):
        machine.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", old, run)
    return old


def forget(machine, days):
    return machine.process(lambda pipeline: retention.forget_old_runs(pipeline.journal, days))


def test_runs_that_are_too_old_go_with_all_that_belongs_to_them(machine):
    machine.write(action("a", fails="busy", times=1))
    old, new = machine.run().id, machine.run({"id": 2}).id
    make_older(machine, old, 31)
    assert forget(machine, 30) == 1
    assert machine.rows("SELECT id FROM runs") == [(new,)]
    assert {run for (run,) in machine.rows("SELECT run FROM deliveries UNION SELECT run FROM attempts")} == {new}


def test_without_retention_days_everything_stays(machine):
    machine.write(action("a"))
    make_older(machine, machine.run().id, 10_000)
    assert forget(machine, None) == 0
    assert len(machine.rows("SELECT id FROM runs")) == 1


def test_a_run_that_has_not_ended_stays_however_old(machine):
    machine.write(action("a"))
    make_older(machine, machine.die_after_accepting(), 99)
    assert forget(machine, 1) == 0


def test_many_go_a_few_at_a_time(machine, monkeypatch):
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    machine.write(action("a"))
    for number in range(5):
        make_older(machine, machine.run({"id": number}).id, 9)
    asked = []

    async def work(pipeline):
        forget = pipeline.journal.forget

        async def counting(before, most):
            asked.append(most)
            return await forget(before, most)

        pipeline.journal.forget = counting
        return await retention.forget_old_runs(pipeline.journal, 3)

    assert machine.process(work) == 5
    assert asked == [2, 2, 2, 2]
