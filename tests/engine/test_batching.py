"""Deliveries that wait at the same moment go together, and none is held back."""

from __future__ import annotations

import asyncio

import pytest

from eventwire.engine.batching import Batching
from eventwire.errors import Rejected, Unavailable
from eventwire.services.declare import Credentials
from tests.engine.probe import SERVICE

OPERATION = SERVICE.operation("unsafe")


class Server:
    """A service that remembers its batches, and answers each when it is let go on."""

    def __init__(self):
        self.closed = False
        self.batches = []
        self.going_on = asyncio.Event()
        self.cancelled = 0

    async def close(self):
        self.closed = True

    async def run_many(self, connection, requests):
        assert connection is self
        self.batches.append([request["n"] for _, request in requests])
        try:
            await self.going_on.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return [request.get("outcome", {"n": request["n"]}) for _, request in requests]

    def batching(self, **changes):
        return Batching(SERVICE._replace(run_many=self.run_many), self, **changes)


def start(batching, *numbers, **more):
    """Deliveries that ask at once."""
    return [asyncio.create_task(batching.send(OPERATION, {"n": number, **more})) for number in numbers]


async def turns(count=5):
    """Let the event loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_what_asks_in_the_same_turn_goes_together_and_each_has_its_own_answer():
    async def run():
        server = Server()
        server.going_on.set()
        answers = await asyncio.gather(*start(server.batching(), *range(5)))
        return server.batches, answers

    assert asyncio.run(run()) == ([[0, 1, 2, 3, 4]], [{"n": number} for number in range(5)])


def test_a_lone_delivery_goes_out_at_once_though_others_are_under_way():
    async def run():
        server = Server()
        batching = server.batching(under_way=3)
        deliveries = []
        for number in range(3):
            deliveries += start(batching, number)
            await turns()
        seen = [*server.batches]
        server.going_on.set()
        await asyncio.gather(*deliveries)
        return seen

    assert asyncio.run(run()) == [[0], [1], [2]]


def test_what_comes_while_enough_is_under_way_goes_with_all_that_came_meanwhile():
    async def run():
        server = Server()
        batching = server.batching(under_way=2)
        deliveries = []
        for number in range(6):
            deliveries += start(batching, number)
            await turns()
        server.going_on.set()
        await asyncio.gather(*deliveries)
        return server.batches

    assert asyncio.run(run()) == [[0], [1], [2, 3, 4, 5]]


def test_no_batch_is_larger_than_the_largest():
    async def run():
        server = Server()
        server.going_on.set()
        await asyncio.gather(*start(server.batching(largest=4, under_way=2), *range(10)))
        return server.batches

    assert asyncio.run(run()) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_many_that_ask_at_once_are_shared_among_the_batches_that_may_start():
    async def run():
        server = Server()
        server.going_on.set()
        await asyncio.gather(*start(server.batching(under_way=3), *range(500)))
        return [len(batch) for batch in server.batches]

    assert asyncio.run(run()) == [167, 167, 166]


@pytest.mark.parametrize("error", [Rejected("no such table"), Unavailable("down", sent=False)])
def test_an_error_is_raised_to_its_own_delivery_alone(error):
    async def run():
        server = Server()
        server.going_on.set()
        batching = server.batching()
        good = start(batching, 1, 2)
        bad = start(batching, 3, outcome=error)
        return await asyncio.gather(*good, *bad, return_exceptions=True)

    assert asyncio.run(run()) == [{"n": 1}, {"n": 2}, error]


def test_a_delivery_that_is_given_up_while_it_waits_is_not_sent():
    async def run():
        server = Server()
        batching = server.batching(under_way=1)
        first = start(batching, 1)
        await turns()
        others = start(batching, 2, 3)
        await turns()
        others[0].cancel()
        server.going_on.set()
        outcomes = await asyncio.gather(*first, *others, return_exceptions=True)
        return server.batches, outcomes

    batches, (first, second, third) = asyncio.run(run())
    assert batches == [[1], [3]]
    assert (first, third) == ({"n": 1}, {"n": 3})
    assert isinstance(second, asyncio.CancelledError)


def test_a_delivery_that_is_given_up_under_way_leaves_its_neighbours_untouched():
    async def run():
        server = Server()
        deliveries = start(server.batching(), 1, 2)
        await turns()
        deliveries[0].cancel()
        await turns()
        server.going_on.set()
        outcomes = await asyncio.gather(*deliveries, return_exceptions=True)
        return server.cancelled, outcomes

    cancelled, (first, second) = asyncio.run(run())
    assert cancelled == 0
    assert isinstance(first, asyncio.CancelledError)
    assert second == {"n": 2}


def test_a_batch_that_nobody_waits_for_gives_its_place_to_the_next():
    """A server that never answers would otherwise stop its account for good."""

    async def run():
        server = Server()
        batching = server.batching(under_way=1)
        deserted = start(batching, 1, 2)
        await turns()
        later = start(batching, 3)
        for each in deserted:
            each.cancel()
        await turns()
        server.going_on.set()
        return server.cancelled, await asyncio.gather(*later)

    assert asyncio.run(run()) == (1, [{"n": 3}])


def test_a_request_that_goes_its_own_way_keeps_no_neighbour_waiting_and_ends_with_its_delivery():
    async def run():
        server = Server()
        server.going_on.set()
        batching = server.batching(under_way=1)
        slow, failing, endless = (asyncio.get_running_loop().create_future() for _ in range(3))
        own = [start(batching, n, outcome=each)[0] for n, each in enumerate((slow, failing, endless))]
        neighbour = await start(batching, 3)[0]
        after = await start(batching, 4)[0]
        assert not any(each.done() for each in own)
        slow.set_result("late")
        failing.set_exception(Rejected("no"))
        own[2].cancel()
        outcomes = await asyncio.gather(*own, return_exceptions=True)
        return neighbour, after, outcomes, endless.cancelled()

    neighbour, after, (late, failed, ended), endless = asyncio.run(run())
    assert (neighbour, after, late) == ({"n": 3}, {"n": 4}, "late")
    assert isinstance(failed, Rejected)
    assert isinstance(ended, asyncio.CancelledError)
    assert endless


def test_a_bug_of_the_service_leaves_nobody_waiting():
    async def run():
        async def run_many(connection, requests):
            return []

        batching = Batching(SERVICE._replace(run_many=run_many), None)
        return await asyncio.gather(*start(batching, 1, 2), return_exceptions=True)

    assert [type(each) for each in asyncio.run(run())] == [ValueError, ValueError]


def test_closing_cuts_off_what_is_under_way_and_what_waits():
    async def run():
        server = Server()
        batching = server.batching(under_way=1)
        deliveries = start(batching, 1)
        await turns()
        deliveries += start(batching, 2)
        await turns()
        await batching.close()
        return server.batches, await asyncio.gather(*deliveries, return_exceptions=True)

    batches, outcomes = asyncio.run(run())
    assert batches == [[1]]
    assert [type(each) for each in outcomes] == [asyncio.CancelledError] * 2


def test_closing_closes_the_connection():
    async def run():
        server = Server()
        await server.batching().close()
        return server.closed

    assert asyncio.run(run())


def test_a_service_without_run_many_is_sent_each_by_itself():
    async def run():
        batching = Batching(SERVICE, await SERVICE.connect(Credentials({}, {})))
        request = {"key": "alone", "seconds": 0, "fails": "", "times": 0}
        try:
            return await batching.send(OPERATION, request)
        finally:
            await batching.close()

    assert asyncio.run(run()) == {"answer": 1}
