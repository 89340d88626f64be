"""Points of a scatter, thinned out, and the line of a constant factor."""

import numpy as np
import pytest

from tests.pairwise import each
from verifier.exporters.page.figures import MOST_POINTS, fit_factor, select_points


def test_the_worst_points_stay_whatever_they_are():
    generator = np.random.default_rng(1)
    rank, expected = generator.normal(size=100_352), generator.normal(size=100_352)
    points = select_points(rank, expected)
    assert len(points) <= MOST_POINTS
    assert set(np.argsort(-rank)[:300]) <= set(points)


def test_the_smallest_and_the_largest_expected_stay_for_the_axes():
    generator = np.random.default_rng(2)
    expected = generator.normal(size=50_000)
    points = select_points(np.full(50_000, -1.0), expected)
    assert {int(expected.argmin()), int(expected.argmax())} <= set(points)
    assert len(np.unique(points)) == len(points)


def test_few_points_are_all_drawn():
    assert select_points(np.zeros((2, 3)), np.zeros((2, 3))).tolist() == [0, 1, 2, 3, 4, 5]


E_ = np.array([[0.5, -0.25], [2.0, 1.0]])


@each(
    [
        (3 * E_, E_, 3.0),
        (-E_, E_, -1.0),
        (E_ / 128, E_, 1 / 128),
        (1e-200 * E_, E_, 1e-200),
        (2 * E_ * 1e-300, E_ * 1e-300, 2.0),
        (3 * E_ + 1e-9, E_, 3.0),
        (E_, E_, None),
        (E_ * (1 + 1e-6), E_, None),
        (E_ + 1.0, E_, None),
        (0 * E_, E_, None),
        (E_, 0 * E_, None),
        (np.where(E_ == 2, np.nan, 3 * E_), E_, None),
        (np.where(E_ == 2, np.inf, 3 * E_), E_, None),
        (np.array([3.0]), np.array([1.0]), None),
        (np.full(3, 1e308), np.full(3, 1e-308), None),
    ]
)
def test_a_line_is_drawn_where_all_is_off_by_one_factor_and_nowhere_else(submitted, expected, factor):
    actual = fit_factor(submitted, expected)
    assert actual == (None if factor is None else pytest.approx(factor, rel=1e-6))
