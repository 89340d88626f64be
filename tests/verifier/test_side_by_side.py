"""Threads side by side: in order, errors through, and numpy's own threads as they were afterwards."""

from threading import Barrier, Thread

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from verifier.side_by_side import side_by_side


def blas_threads() -> list[int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return [own["num_threads"] for own in ThreadpoolController().info() if own["user_api"] == "blas"]


def test_what_is_found_comes_in_the_order_of_what_was_given():
    assert list(side_by_side(lambda n: n * n, range(50))) == [n * n for n in range(50)]


def test_an_error_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        list(side_by_side(lambda n: 1 / n, [1, 0]))


def test_products_take_one_thread_meanwhile_and_as_many_as_before_afterwards():
    before = blas_threads()
    assert list(side_by_side(lambda _: set(blas_threads()), range(3))) == [{1}] * 3
    assert blas_threads() == before


def test_callers_that_overlap_leave_it_as_it_was():
    before = blas_threads()
    together = Barrier(2)

    def caller() -> None:
        list(side_by_side(lambda _: together.wait(20), [0]))
        list(side_by_side(lambda n: list(side_by_side(abs, [n])), range(4)))

    threads = [Thread(target=caller) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert blas_threads() == before
