"""Work on several threads: all of it is done, and an exception of a thread reaches the caller."""

from threading import Barrier, get_ident

import numpy as np
import pytest

from verifier.engine import threads
from verifier.engine.threads import side_by_side


@pytest.fixture(params=[1, 2])
def count(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let numerics use this many threads, also where there is one core."""
    monkeypatch.setattr(threads, "available_cores", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", str(request.param))
    return int(request.param)


def test_every_piece_is_done_without_warnings(count: int) -> None:
    done = np.zeros(50)

    def work(place: int) -> None:
        done[place] += np.float64(1e308) * 0.0 + 1.0
        np.float64(1e308) * 10.0

    side_by_side(work, range(50))
    np.testing.assert_array_equal(done, np.ones(50))


def test_as_many_threads_work_at_once_as_omp_num_threads_says(count: int) -> None:
    workers = set()
    together = Barrier(count)

    def work(_: int) -> None:
        together.wait(300)
        workers.add(get_ident())

    side_by_side(work, range(4))
    assert len(workers) == count
    assert (get_ident() in workers) == (count == 1)


def test_an_exception_reaches_the_caller(count: int) -> None:
    def work(place: int) -> None:
        if place == 3:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        side_by_side(work, range(8))


@pytest.mark.parametrize(
    ("setting", "expected"), [("", 8), ("3", 3), ("0", 8), ("-1", 8), ("many", 8), ("99", 8)]
)
def test_the_number_of_threads_is_the_setting_if_it_is_a_number(
    setting: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "available_cores", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", setting)
    assert threads.threads() == expected
