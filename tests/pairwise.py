"""Grids of several factors: every pair of values in few rows, and many rows tried in one test."""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import combinations, product
from typing import Any

import pytest

Row = tuple[Any, ...]


def pairwise(*factors: Iterable[Any]) -> list[Row]:
    """Return rows of the product in which any two values of two factors stand together at least once.

    They are found greedily, so they may not be the fewest, but they are the same in every run.
    """
    values = [list(factor) for factor in factors]
    chosen: dict[int, int] = {}  # by the factor's place the value's
    missing = dict.fromkeys(
        ((one, a), (two, b))
        for one, two in combinations(range(len(values)), 2)
        for a, b in product(range(len(values[one])), range(len(values[two])))
    )
    used: Counter[tuple[int, int]] = Counter()

    def gain(choice: tuple[int, int]) -> tuple[int, int]:
        """Count the pairs that a value would add; of equal ones the value that is used least is best."""
        return sum((min(choice, other), max(choice, other)) in missing for other in chosen.items()), -used[
            choice
        ]

    rows = []
    while missing:
        chosen = dict(next(iter(missing)))
        for place in range(len(values)):
            if place not in chosen:
                chosen[place] = max(((place, value) for value in range(len(values[place]))), key=gain)[1]
        used.update(chosen.items())
        for pair in combinations(sorted(chosen.items()), 2):
            missing.pop(pair, None)
        rows.append(tuple(options[chosen[place]] for place, options in enumerate(values)))
    return rows


def check_rows(check: Callable[..., object], rows: Iterable[Any]) -> None:
    """Call a check with every row, and then fail with the names of all rows that failed.

    rows: tuples of arguments, or what is no tuple as the one argument.
    """
    rows = [row if isinstance(row, tuple) else (row,) for row in rows]
    errors = []
    for row in rows:
        try:
            check(*row)
        except (Exception, pytest.fail.Exception) as error:
            error.add_note(f"in the row {row!r}")
            errors.append(error)
    if errors:
        failed = "; ".join(str(error.__notes__[-1]) for error in errors)
        raise BaseExceptionGroup(f"{len(errors)} of {len(rows)} rows failed: {failed}", errors)


def each(rows: Iterable[Any]) -> Callable[[Callable[..., object]], Callable[[], None]]:
    """Make one test of a function and the rows to call it with, where `parametrize` would make many."""
    known = list(rows)

    def decorate(check: Callable[..., object]) -> Callable[[], None]:
        def test() -> None:
            check_rows(check, known)

        test.__name__, test.__doc__, test.__module__ = check.__name__, check.__doc__, check.__module__
        return test

    return decorate
