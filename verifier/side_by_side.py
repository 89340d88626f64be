"""Work done by threads side by side: numpy and torch let others run while they compute."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Any, TypeVar

from verifier.process_count import cores

Given = TypeVar("Given")
Found = TypeVar("Found")


def side_by_side(work: Callable[[Given], Found], given: Iterable[Given]) -> Iterator[Found]:
    """Give work(g) of each, in order, as many at a time as there are cores.

    Meanwhile numpy's matrix products take one thread each: threads of theirs would wait for one another.
    """
    with _SINGLE.threaded(), ThreadPoolExecutor(cores()) as threads:
        yield from threads.map(work, given)


class _Single:
    """Keeps products to one thread while anybody asks for it: the first sets it, the last puts it back."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._asked = 0
        self._controller: Any = None
        self._limits: Any = None

    @contextmanager
    def threaded(self) -> Iterator[None]:
        with self._lock:
            self._asked += 1
            if self._asked == 1:
                self._limits = self._libraries().limit(limits=1, user_api="blas")
        try:
            yield
        finally:
            with self._lock:
                self._asked -= 1
                if self._asked == 0:
                    self._limits.restore_original_limits()

    def _libraries(self) -> Any:
        if self._controller is None:
            from threadpoolctl import ThreadpoolController

            self._controller = ThreadpoolController()
        return self._controller


_SINGLE = _Single()
