"""Values that the service keeps: worked out once for all who wait, and only so many of them."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from api.service import Service
from api.services.cached import LruCache, cached, recent
from api.settings import Settings
from api.workers.turns import CALLER, SERVICE, holder


def test_shared_work_is_done_once_and_outlives_its_first_caller() -> None:
    done: list[Any] = []

    async def ask() -> list[Any]:
        service = Service(Settings())
        may_end = asyncio.Event()

        async def work() -> int:
            await may_end.wait()
            done.append(CALLER.get())
            return 7

        CALLER.set(holder("ada"))
        asking = [asyncio.ensure_future(cached(service, "x", work)) for _ in range(3)]
        await asyncio.sleep(0)
        asking[0].cancel()
        await asyncio.sleep(0)
        may_end.set()
        answers = await asyncio.gather(*asking[1:])
        return [*answers, await cached(service, "x", work), await cached(service, "x", work, seconds=-1)]

    assert asyncio.run(ask()) == [7] * 4
    assert done == [SERVICE]


def test_what_is_too_old_is_worked_out_again_and_an_error_is_not_kept() -> None:
    values: Iterator[int] = iter(range(10))

    async def ask() -> list[Any]:
        service = Service(Settings())

        async def work() -> int:
            value = next(values)
            if value == 0:
                raise OSError("away")
            return value

        with pytest.raises(OSError, match="away"):
            await cached(service, "x", work, seconds=-1)
        return [await cached(service, "x", work, seconds=-1) for _ in range(2)]

    assert asyncio.run(ask()) == [1, 2]


def test_values_not_used_for_longest_make_room() -> None:
    kept = LruCache[str](most=10)
    for name, size in (("a", 4), ("b", 4), ("a", 5)):  # a grows in place of itself
        kept.put(name, name * size, size)
    assert [kept.get(name) for name in "ba"] == ["bbbb", "aaaaa"]
    kept.put("c", "c")
    assert [kept.get(name) for name in "abc"] == ["aaaaa", "bbbb", "c"]
    kept.put("d", "d")
    assert [kept.get(name) for name in "abcd"] == [None, "bbbb", "c", "d"]
    kept.put("large", "!", 99)
    assert [kept.get(name) for name in ("b", "c", "d", "large")] == [None, None, None, "!"]


def test_a_recent_value_is_worked_out_again_after_it_made_room() -> None:
    worked: list[str] = []

    async def ask() -> list[bytes]:
        service = Service(Settings())

        async def get(name: str) -> bytes:
            async def work() -> bytes:
                worked.append(name)
                return name.encode()

            return await recent(service, "names", 8, name, work, size=4)

        return [await get(name) for name in "abacba"]

    assert asyncio.run(ask()) == [b"a", b"b", b"a", b"c", b"b", b"a"]
    assert worked == ["a", "b", "c", "b", "a"]
