"""Of things that only one may have at a time: who is given the next, and who is refused."""

import asyncio
from collections.abc import Sequence
from threading import Thread

import pytest

from api.workers.turns import Caller, FairQueue, QueueFullError, anonymous, background, holder


def test_who_asked_first_has_it_first() -> None:
    line = FairQueue(["it"])
    order = []

    async def acquire_and_release(name: str) -> None:
        thing = await line.acquire()
        await asyncio.sleep(0)
        order.append((name, thing))
        line.release(thing)

    async def acquire_all() -> None:
        await asyncio.gather(*[acquire_and_release(name) for name in "abc"])

    asyncio.run(acquire_all())
    assert order == [("a", "it"), ("b", "it"), ("c", "it")]


@pytest.mark.parametrize("assigned", [False, True])
def test_who_leaves_the_line_keeps_nothing(assigned: bool) -> None:
    line = FairQueue(["it"])

    async def cancel_and_acquire() -> str:
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

    assert asyncio.run(cancel_and_acquire()) == "it"


def test_threads_with_event_loops_of_their_own_stand_in_one_line() -> None:
    line, in_use, had = FairQueue([1, 2]), set(), []

    async def acquire_repeatedly() -> None:
        for _ in range(50):
            thing = await line.acquire()
            had.append(thing not in in_use)
            in_use.add(thing)
            await asyncio.sleep(0)
            in_use.remove(thing)
            line.release(thing)

    threads = [Thread(target=lambda: asyncio.run(acquire_repeatedly())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert had == [True] * 200


def test_however_many_leave_at_once_the_thing_is_there_for_who_comes_after() -> None:
    line = FairQueue(["it"])

    async def cancel_and_acquire() -> str:
        thing = await line.acquire()
        waiting = [asyncio.ensure_future(line.acquire()) for _ in range(5000)]
        await asyncio.sleep(0)
        for each in waiting:
            each.cancel()
        line.release(thing)
        return await asyncio.wait_for(line.acquire(), 300)

    assert asyncio.run(cancel_and_acquire()) == "it"


def test_a_thing_is_not_given_twice_when_a_crowd_leaves_at_once() -> None:
    """1,000 that left were handed it in turn, in a recursion too deep, and it went to two who came after."""
    line = FairQueue(["it"])

    async def leave_and_acquire() -> bool:
        thing = await line.acquire()
        waiting = [asyncio.ensure_future(line.acquire()) for _ in range(1_000)]
        await asyncio.sleep(0)
        for each in waiting:
            each.cancel()
        line.release(thing)  # before those who leave have noticed it
        await asyncio.gather(*waiting, return_exceptions=True)
        await line.acquire()
        second = asyncio.ensure_future(line.acquire())
        for _ in range(5):
            await asyncio.sleep(0)
        given_twice = second.done()
        second.cancel()
        return given_twice

    assert not asyncio.run(leave_and_acquire())
    assert not line.is_idle()


def test_a_thing_is_not_lost_to_who_waited_in_an_event_loop_that_is_closed() -> None:
    line = FairQueue(["it"])
    thing = asyncio.run(line.acquire())
    gone = asyncio.new_event_loop()
    waiting = gone.create_task(line.acquire())
    gone.run_until_complete(asyncio.sleep(0))

    async def acquire_again() -> str:
        line.release(thing)
        return await asyncio.wait_for(line.acquire(), 300)

    gone.close()
    assert asyncio.run(acquire_again()) == "it"
    assert not waiting.done()
    waiting._log_destroy_pending = False  # type: ignore[attr-defined]  # as is meant


ADA, BOB = holder("ada"), holder("bob")
HERE, THERE = anonymous("192.0.2.1"), anonymous("192.0.2.2")
ONE, OTHER = background("ci:one"), background("ci:other")


def order_of(callers: Sequence[Caller], items: int = 1, **rules: int) -> list[Caller]:
    """Return the order in which callers have their turns who all ask while one item is held."""
    queue = FairQueue(list(range(items)), **rules)
    order: list[Caller] = []

    async def ask(caller: Caller) -> None:
        item = await queue.acquire(caller)
        order.append(caller)
        await asyncio.sleep(0)
        queue.release(item, caller)

    async def ask_all() -> None:
        held = [await queue.acquire() for _ in range(items)]
        asking = [asyncio.ensure_future(ask(caller)) for caller in callers]
        await asyncio.sleep(0)
        for item in held:
            queue.release(item)
        await asyncio.gather(*asking)

    asyncio.run(ask_all())
    return order


def test_a_caller_with_one_task_waits_for_one_of_each_other() -> None:
    assert order_of([ADA] * 3 + [BOB] * 2 + [HERE]) == [ADA, BOB, HERE, ADA, BOB, ADA]


def test_callers_without_a_token_share_one_turn_and_take_turns_in_it() -> None:
    assert order_of([HERE, HERE, HERE, THERE, ADA, ADA]) == [HERE, ADA, THERE, ADA, HERE, HERE]


def test_owners_of_background_work_take_turns() -> None:
    assert order_of([ONE, ONE, ONE, OTHER]) == [ONE, OTHER, ONE, ONE]


def test_background_work_has_every_eighth_turn_while_others_wait() -> None:
    order = order_of([ONE] * 3 + [ADA] * 16)
    assert [turn for turn, caller in enumerate(order) if caller is ONE] == [7, 15, 18]


def start(queue: FairQueue[int], *callers: Caller) -> list[bool]:
    """Return for each caller whether it has an item at once."""

    async def ask() -> list[bool]:
        asking = []
        for caller in callers:
            asking.append(asyncio.ensure_future(queue.acquire(caller)))
            await asyncio.sleep(0)
        at_once = [each.done() for each in asking]
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        return at_once

    return asyncio.run(ask())


def test_whoever_has_work_in_progress_leaves_the_reserve_to_others() -> None:
    callers = (ADA, ADA, ADA, BOB, BOB, HERE, THERE)
    assert start(FairQueue([1, 2, 3, 4], reserve=2), *callers) == [
        True,
        True,
        False,
        True,
        False,
        True,
        False,
    ]
    assert start(FairQueue([1, 2, 3, 4]), *callers) == [True] * 4 + [False] * 3


def test_if_too_many_wait_the_latest_of_who_has_most_is_refused() -> None:
    queue, refused = FairQueue(["it"], most_waiting=4), []

    async def ask(name: str, caller: Caller) -> None:
        try:
            queue.release(await queue.acquire(caller), caller)
        except QueueFullError:
            refused.append(name)

    async def ask_all() -> None:
        held = await queue.acquire()
        asking = []
        for name, caller in (
            ("here 1", HERE), ("here 2", HERE), ("there 1", THERE), ("here 3", HERE),  # as many as may wait
            ("here 4", HERE), ("ada 1", ADA), ("there 2", THERE), ("ada 2", ADA), ("ada 3", ADA),
        ):  # fmt: skip
            asking.append(asyncio.ensure_future(ask(name, caller)))
            await asyncio.sleep(0)
        queue.release(held)
        await asyncio.gather(*asking)

    asyncio.run(ask_all())
    assert refused == ["here 4", "here 3", "there 2", "here 2", "ada 3"]


def test_background_work_is_never_refused() -> None:
    assert len(order_of([ONE] * 5, most_waiting=0)) == 5
