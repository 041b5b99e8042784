"""What stands between actions and their account: the cap, the rate, and the circuit breaker."""

from __future__ import annotations

import asyncio

import pytest

from eventwire.engine import gate as gates
from eventwire.engine.gate import Circuit, Gate, Paused
from eventwire.errors import Rejected, Unavailable

DOWN = Unavailable("Nobody answers.")


class Clock:
    """Time that stands still but for those who wait."""

    now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(gates.time, "monotonic", clock.monotonic)
    return clock


async def fail(gate, times):
    for _ in range(times):
        await gate.enter(0)
        gate.leave(DOWN)


def test_a_gate_without_limits_lets_everyone_through_at_once():
    assert Gate("a").is_free
    assert not Gate("a", max_concurrent=1).is_free
    assert not Gate("a", max_per_second=5).is_free


def test_no_more_go_through_at_once_than_are_allowed():
    async def run():
        gate, inside, most = Gate("a", max_concurrent=3), 0, 0

        async def one():
            nonlocal inside, most
            await gate.enter(0)
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.001)
            inside -= 1
            gate.leave(None)

        await asyncio.gather(*(one() for _ in range(20)))
        return most

    assert asyncio.run(run()) == 3


def test_turns_are_spread_over_time(monkeypatch):
    waited = []

    async def sleep(seconds):
        waited.append(round(seconds, 6))

    monkeypatch.setattr(gates.asyncio, "sleep", sleep)
    monkeypatch.setattr(gates.time, "monotonic", lambda: 50.0)

    async def run():
        gate = Gate("a", max_per_second=4)
        for _ in range(4):
            await gate.enter(0)

    asyncio.run(run())
    assert waited == [0.25, 0.5, 0.75]


def test_failures_in_a_row_pause_the_account_and_say_why(clock):
    async def run():
        gate = Gate("mail")
        await fail(gate, 4)
        assert gate.circuit is Circuit.CLOSED
        await fail(gate, 1)
        assert gate.circuit is Circuit.OPEN
        with pytest.raises(Paused, match='"mail" is paused after 5 failures in a row, the last: Nobody answers'):
            await gate.enter(0)

    asyncio.run(run())


def test_what_is_not_in_a_row_pauses_nothing(clock):
    async def run():
        gate = Gate("a")
        for _ in range(10):
            await fail(gate, 4)
            await gate.enter(0)
            gate.leave(Rejected("That is the request's fault, not the server's."))
        assert gate.circuit is Circuit.CLOSED

    asyncio.run(run())


def test_after_the_pause_one_tries_and_decides(clock):
    async def run():
        gate = Gate("a")
        await fail(gate, 5)
        assert not gate.is_free
        clock.now += gates.FIRST_PAUSE_SECONDS
        await gate.enter(0)
        assert gate.circuit is Circuit.HALF_OPEN
        assert not gate.is_free
        with pytest.raises(Paused):
            await gate.enter(0)  # only one tries
        gate.leave(DOWN)
        assert (gate.circuit, gate.pause_seconds) == (Circuit.OPEN, 2 * gates.FIRST_PAUSE_SECONDS)
        clock.now += gate.pause_seconds
        await gate.enter(0)
        gate.leave(None)
        assert gate.circuit is Circuit.CLOSED
        assert gate.is_free
        limited = Gate("a", max_concurrent=1)
        await fail(limited, 5)
        clock.now += gates.FIRST_PAUSE_SECONDS
        await limited.enter(0)
        limited.leave(None)
        assert limited.circuit is Circuit.CLOSED
        assert not limited.is_free

    asyncio.run(run())


def test_who_waits_goes_on_when_the_trial_succeeds(clock):
    async def run():
        gate = Gate("a")
        await fail(gate, 5)
        clock.now += gates.FIRST_PAUSE_SECONDS
        await gate.enter(0)
        others = [asyncio.create_task(gate.enter(10)) for _ in range(3)]
        await asyncio.sleep(0)
        gate.leave(None)
        await asyncio.wait_for(asyncio.gather(*others), 5)

    asyncio.run(run())


def test_a_trial_that_is_cut_off_is_left_to_the_next(clock):
    async def run():
        gate = Gate("a")
        await fail(gate, 5)
        clock.now += gates.FIRST_PAUSE_SECONDS
        await gate.enter(0)
        gate.abandon()
        assert gate.circuit is Circuit.OPEN
        await gate.enter(0)
        gate.leave(None)
        assert gate.circuit is Circuit.CLOSED

    asyncio.run(run())


def test_a_place_is_given_back_by_whoever_is_cancelled_while_waiting():
    async def run():
        gate = Gate("a", max_concurrent=1, max_per_second=0.001)
        await gate.enter(0)
        gate.leave(None)
        waiting = asyncio.create_task(gate.enter(0))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert not gate._slots.locked()

    asyncio.run(run())


def test_every_change_is_told():
    told = []

    async def run():
        gate = Gate("a", on_change=lambda gate: told.append(gate.circuit))
        await fail(gate, 5)
        gate._paused_until = 0
        await gate.enter(0)
        gate.leave(None)

    asyncio.run(run())
    assert told == [Circuit.OPEN, Circuit.HALF_OPEN, Circuit.CLOSED]
