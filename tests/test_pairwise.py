"""The rows that stand for a whole grid hold every pair of values, and a failed row is named."""

from itertools import combinations, product

import pytest

from tests.pairwise import check_rows, each, pairwise

GRIDS = [
    ("ab", "cd"),
    ("abc", "d"),
    ("ab", "cdef", "ghi", "jk"),
    ("abcdefghij", "klmnop", "qr", "st", "uvwx"),
]


@pytest.mark.parametrize("factors", GRIDS, ids="×".join)
def test_any_two_values_stand_together_in_some_row(factors):
    rows = pairwise(*factors)
    assert set(rows) <= set(product(*factors))
    assert len(rows) < 1.5 * max(len(one) * len(two) for one, two in combinations(factors, 2))
    for one, two in combinations(range(len(factors)), 2):
        assert {(row[one], row[two]) for row in rows} == set(product(factors[one], factors[two]))


def test_every_row_is_tried_and_all_that_fail_are_named():
    tried = []

    def check(number: int) -> None:
        tried.append(number)
        assert number % 2

    with pytest.raises(ExceptionGroup, match=r"2 of 4 rows failed: in the row \(2,\); in the row \(4,\)"):
        check_rows(check, [1, 2, 3, 4])
    assert tried == [1, 2, 3, 4]


def test_a_check_that_misses_an_exception_is_a_row_that_failed():
    def check(_: int) -> None:
        with pytest.raises(ValueError, match="anything"):
            pass

    with pytest.raises(BaseExceptionGroup, match="1 of 1 rows failed"):
        each([(1,)])(check)()
