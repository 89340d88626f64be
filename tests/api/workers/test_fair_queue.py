"""Of things that only one may have at a time, each is given in the order that it was asked for."""

import asyncio
from threading import Thread

import pytest

from api.workers.pool import FairQueue


def test_who_asked_first_has_it_first() -> None:
    line = FairQueue(["it"])
    order = []

    async def ask(name: str) -> None:
        thing = await line.acquire()
        await asyncio.sleep(0)
        order.append((name, thing))
        line.release(thing)

    async def all_ask() -> None:
        await asyncio.gather(*[ask(name) for name in "abc"])

    asyncio.run(all_ask())
    assert order == [("a", "it"), ("b", "it"), ("c", "it")]


@pytest.mark.parametrize("assigned", [False, True])
def test_who_leaves_the_line_keeps_nothing(assigned: bool) -> None:
    line = FairQueue(["it"])

    async def leave() -> str:
        thing = await line.acquire()
        waiting = asyncio.ensure_future(line.acquire())
        await asyncio.sleep(0)
        if assigned:
            line.release(thing)  # its turn comes in the moment in which it leaves
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        if not assigned:
            line.release(thing)
        return await asyncio.wait_for(line.acquire(), 300)

    assert asyncio.run(leave()) == "it"


def test_threads_with_event_loops_of_their_own_stand_in_one_line() -> None:
    line, in_use, had = FairQueue([1, 2]), set(), []

    async def ask() -> None:
        for _ in range(50):
            thing = await line.acquire()
            had.append(thing not in in_use)
            in_use.add(thing)
            await asyncio.sleep(0)
            in_use.remove(thing)
            line.release(thing)

    threads = [Thread(target=lambda: asyncio.run(ask())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert had == [True] * 200


def test_however_many_leave_at_once_the_thing_is_there_for_who_comes_after() -> None:
    line = FairQueue(["it"])

    async def leave() -> str:
        thing = await line.acquire()
        waiting = [asyncio.ensure_future(line.acquire()) for _ in range(5000)]
        await asyncio.sleep(0)
        for each in waiting:
            each.cancel()
        line.release(thing)
        return await asyncio.wait_for(line.acquire(), 300)

    assert asyncio.run(leave()) == "it"


def test_a_thing_is_not_lost_to_who_waited_in_an_event_loop_that_is_closed() -> None:
    line = FairQueue(["it"])

    async def take_over() -> str:
        thing = await line.acquire()
        gone = asyncio.new_event_loop()
        line._waiters.append(gone.create_future())
        gone.close()
        line.release(thing)
        return await asyncio.wait_for(line.acquire(), 300)

    assert asyncio.run(take_over()) == "it"
