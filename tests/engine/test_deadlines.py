"""Deadlines: one timer for all of the same length."""

from __future__ import annotations

import asyncio

import pytest

from eventwire.engine.batching import Promise
from eventwire.engine.deadlines import Deadlines


def test_what_is_not_done_in_time_fails_and_what_is_done_is_left_alone():
    async def run():
        deadlines = Deadlines()
        late, done, patient = (Promise() for _ in range(3))
        deadlines.add(0.02, late)
        deadlines.add(0.02, done)
        deadlines.add(60, patient)
        done.settle("answer")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(late.future, 5)
        assert done.future.result() == "answer"
        assert not patient.is_settled
        return deadlines

    asyncio.run(run())


def test_those_that_come_later_have_their_whole_time():
    async def run():
        deadlines = Deadlines()
        first = Promise()
        deadlines.add(0.1, first)
        await asyncio.sleep(0.07)
        second = Promise()
        deadlines.add(0.1, second)
        await asyncio.wait([first.future])
        assert not second.is_settled
        await asyncio.wait([second.future], timeout=5)
        assert isinstance(second.future.exception(), TimeoutError)

    asyncio.run(run())


def test_what_is_done_is_not_kept():
    async def run():
        deadlines = Deadlines()
        for _ in range(1000):
            ticket = Promise()
            deadlines.add(30, ticket)
            ticket.settle(None)
        return sum(map(len, deadlines._waiting.values()))

    assert asyncio.run(run()) <= 1
