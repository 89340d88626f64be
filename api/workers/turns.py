"""Whose turn it is: callers share the worker processes, and none can keep the others waiting.

- Groups take turns: each token is a group, all callers without one are a group, and so is all background
  work. Within a group its members take turns: addresses, or owners of batches.
- Background work goes after all other work, but is given every eighth turn while both wait.
- A group that has work in progress leaves `reserve` items to groups that have none.
- If too many wait, the latest of the group that has most waiting is refused.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Generic, TypeVar

_T = TypeVar("_T")
_BACKGROUND_TURN = 8  # every eighth turn is for background work


class QueueFullError(Exception):
    """Too many are waiting, and no other group has more waiting than the caller's."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who has work to do. group, member: see the module. background: nobody waits for an answer."""

    group: str
    member: str = ""
    background: bool = False


SERVICE = Caller("service")
BACKGROUND = Caller("background", background=True)
CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)


def holder(token_id: str) -> Caller:
    """Return the caller with a token."""
    return Caller(f"token:{token_id}")


def anonymous(address: str) -> Caller:
    """Return the caller without a token at an address."""
    return Caller("anonymous", address)


def background(owner: str) -> Caller:
    """Return the caller of an owner's background work."""
    return Caller(BACKGROUND.group, owner, background=True)


@dataclass(eq=False, slots=True)
class _Waiter(Generic[_T]):
    """A caller that waits. item: set when its turn has come."""

    caller: Caller
    future: "asyncio.Future[_T]"

    def settle(self, action: Callable[[], None]) -> bool:
        """Call `action` in the waiter's event loop. Return False if that loop has been closed."""
        loop = self.future.get_loop()
        if loop is asyncio.get_running_loop():
            action()
            return True
        try:
            loop.call_soon_threadsafe(action)
        except RuntimeError:  # of call_soon_threadsafe alone: an error of the action must not count
            return False
        return True


class _Line(Generic[_T]):
    """Waiters by group and member. The group and the member whose turn is next come first."""

    def __init__(self) -> None:
        self._groups: OrderedDict[str, OrderedDict[str, deque[_Waiter[_T]]]] = OrderedDict()
        self.sizes: Counter[str] = Counter()  # by group

    def append(self, waiter: _Waiter[_T]) -> None:
        members = self._groups.setdefault(waiter.caller.group, OrderedDict())
        members.setdefault(waiter.caller.member, deque()).append(waiter)
        self.sizes[waiter.caller.group] += 1

    def remove(self, waiter: _Waiter[_T]) -> bool:
        """Remove a waiter. Return False if it does not wait any more."""
        if waiter not in self._of_member(waiter.caller):
            return False
        self._drop(waiter)
        return True

    def next(self, may_start: Callable[[str], bool]) -> _Waiter[_T] | None:
        """Remove and return the waiter whose turn it is, of the groups that may start."""
        group = next((name for name in self._groups if may_start(name)), None)
        if group is None:
            return None
        members = self._groups[group]
        member = next(iter(members))
        waiter = members[member][0]
        self._groups.move_to_end(group)
        members.move_to_end(member)
        self._drop(waiter)
        return waiter

    def latest_of_most(self) -> tuple[int, _Waiter[_T]] | None:
        """Return the size of the largest group, and the latest waiter of its largest member."""
        if not self.sizes:
            return None
        group, size = self.sizes.most_common(1)[0]
        waiters = max(self._groups[group].values(), key=len)
        return size, waiters[-1]

    def member_size(self, caller: Caller) -> int:
        return len(self._of_member(caller))

    def _of_member(self, caller: Caller) -> Sequence[_Waiter[_T]]:
        members = self._groups.get(caller.group)
        return () if members is None else members.get(caller.member, ())

    def _drop(self, waiter: _Waiter[_T]) -> None:
        group, member = waiter.caller.group, waiter.caller.member
        members = self._groups[group]
        members[member].remove(waiter)
        self.sizes[group] -= 1
        if not members[member]:
            del members[member]
        if not members:
            del self._groups[group]
            del self.sizes[group]


class FairQueue(Generic[_T]):
    """Items that one caller at a time may hold. Callers may run in event loops of different threads.

    reserve: items that a group with work in progress leaves to other groups.
    most_waiting: callers that may wait, those of background work not counted; None for any number.
    """

    def __init__(self, items: Sequence[_T], reserve: int = 0, most_waiting: int | None = None) -> None:
        self._free = list(items)  # last in, first out: the caches of the last one are warm
        self._reserve, self._most_waiting = reserve, most_waiting
        self._in_use: Counter[str] = Counter()  # by group
        self._lines: dict[bool, _Line[_T]] = {False: _Line(), True: _Line()}  # by Caller.background
        self._turns = 0
        self._lock = Lock()

    async def acquire(self, caller: Caller = SERVICE) -> _T:
        """Wait for an item. Raise QueueFullError if too many are waiting."""
        waiter: _Waiter[_T] = _Waiter(caller, asyncio.get_running_loop().create_future())
        with self._lock:
            if self._may_start(caller.group):
                self._in_use[caller.group] += 1
                return self._free.pop()
            displaced = None if caller.background else self._make_room(caller)
            self._lines[caller.background].append(waiter)
        if displaced is not None:
            displaced.settle(partial(_refuse, displaced))
        try:
            return await waiter.future
        except asyncio.CancelledError:
            self._cancel(waiter)
            raise

    def release(self, item: _T, caller: Caller = SERVICE) -> None:
        """Put an item back, and hand free items to those whose turn it is."""
        returned = [(item, caller)]
        while returned:
            with self._lock:
                for returned_item, holder_of_it in returned:
                    self._free.append(returned_item)
                    self._in_use[holder_of_it.group] -= 1
                    if not self._in_use[holder_of_it.group]:
                        del self._in_use[holder_of_it.group]
                turns = list(self._next_turns())
            # what an event loop that has been closed cannot take goes to the next ones
            returned = [
                (free, waiter.caller)
                for waiter, free in turns
                if not waiter.settle(partial(self._hand_over, waiter, free))
            ]

    def is_idle(self) -> bool:
        """True if nobody holds an item or waits for one."""
        with self._lock:
            return not self._in_use and not any(line.sizes for line in self._lines.values())

    def _may_start(self, group: str) -> bool:
        free = len(self._free)
        return free > (self._reserve if self._in_use[group] else 0)

    def _next_turns(self) -> Iterator[tuple[_Waiter[_T], _T]]:
        """Remove the waiters whose turn it is, and yield each with its item."""
        while self._free:
            background_first = (self._turns + 1) % _BACKGROUND_TURN == 0
            first, second = self._lines[background_first], self._lines[not background_first]
            waiter = first.next(self._may_start) or second.next(self._may_start)
            if waiter is None:
                return
            if waiter.future.cancelled():  # it has left, and will not take an item
                continue
            self._turns += 1
            self._in_use[waiter.caller.group] += 1
            yield waiter, self._free.pop()

    def _make_room(self, caller: Caller) -> _Waiter[_T] | None:
        """Return a waiter to refuse in favour of a caller; None if there is room for both."""
        line = self._lines[False]
        if self._most_waiting is None or line.sizes.total() < self._most_waiting:
            return None
        largest = line.latest_of_most()
        if largest is None:
            raise QueueFullError
        size, waiter = largest
        if waiter.caller.group == caller.group:
            larger = line.member_size(waiter.caller) > line.member_size(caller) + 1
        else:
            larger = size > line.sizes[caller.group] + 1
        if not larger:
            raise QueueFullError
        line.remove(waiter)
        return waiter

    def _hand_over(self, waiter: _Waiter[_T], item: _T) -> None:
        if waiter.future.cancelled():
            self.release(item, waiter.caller)
        else:
            waiter.future.set_result(item)

    def _cancel(self, waiter: _Waiter[_T]) -> None:
        with self._lock:
            if self._lines[waiter.caller.background].remove(waiter):
                return
        if not waiter.future.cancelled() and waiter.future.exception() is None:
            self.release(waiter.future.result(), waiter.caller)  # its turn came as it was cancelled


def _refuse(waiter: "_Waiter[_T]") -> None:
    if not waiter.future.done():
        waiter.future.set_exception(QueueFullError())
