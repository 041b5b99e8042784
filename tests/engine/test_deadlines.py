"""Deadlines: one timer for all of the same length."""

from __future__ import annotations

import asyncio

import pytest

from eventwire.engine.deadlines import Deadlines


def test_what_is_not_done_in_time_fails_and_what_is_done_is_left_alone():
    async def run():
        loop, deadlines = asyncio.get_running_loop(), Deadlines()
        late, done, patient = (loop.create_future() for _ in range(3))
        deadlines.add(0.02, late)
        deadlines.add(0.02, done)
        deadlines.add(60, patient)
        done.set_result("answer")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(late, 5)
        assert done.result() == "answer"
        assert not patient.done()
        return deadlines

    asyncio.run(run())


def test_those_that_come_later_have_their_whole_time():
    async def run():
        loop, deadlines = asyncio.get_running_loop(), Deadlines()
        first = loop.create_future()
        deadlines.add(0.1, first)
        await asyncio.sleep(0.07)
        second = loop.create_future()
        deadlines.add(0.1, second)
        await asyncio.wait([first])
        assert not second.done()
        await asyncio.wait([second], timeout=5)
        assert isinstance(second.exception(), TimeoutError)

    asyncio.run(run())


def test_what_is_done_is_not_kept():
    async def run():
        loop, deadlines = asyncio.get_running_loop(), Deadlines()
        for _ in range(1000):
            future = loop.create_future()
            deadlines.add(30, future)
            future.set_result(None)
        return sum(map(len, deadlines._waiting.values()))

    assert asyncio.run(run()) <= 1
