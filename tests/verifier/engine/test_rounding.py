"""Single operations of rounding: what is estimated, against what is really lost; norms at every scale."""

from fractions import Fraction
from itertools import product

import mpmath
import numpy as np
import pytest
import torch

from tests.pairwise import each
from verifier.engine.rounding import RoundingArithmetic, root_of_squares, scale_of
from verifier.problem.precision import PRECISIONS

NARROW = ["float32", "float16", "bfloat16"]


def stored_in(values: np.ndarray, precision: str) -> np.ndarray:
    return torch.tensor(values).to(getattr(torch, precision)).double().numpy()


@each(NARROW)
def test_converting_loses_exactly_what_pytorchs_conversion_loses(precision):
    values = np.random.default_rng(1).normal(size=5000).astype(np.float32).astype(float)
    values = np.concatenate([values, [0.0, 1.0, 0.1, 6e-8, 1e-40, 65504.0]])
    errors = RoundingArithmetic(PRECISIONS[precision]).converted(values)
    np.testing.assert_array_equal(errors, np.abs(stored_in(values, precision) - values))


def test_given_numbers_are_exact_in_float64():
    values = np.array([0.1, 1e300, 5e-324])
    assert RoundingArithmetic(PRECISIONS["float64"]).converted(values).tolist() == [0.0, 0.0, 0.0]


@each(product(NARROW, [1.0, 1e-3, 100.0]))
def test_storing_loses_one_rounding_on_average(precision, size):
    values = size * np.random.default_rng(2).uniform(1.0, 2.0, size=20_000)
    estimated = RoundingArithmetic(PRECISIONS[precision]).stored(values)
    errors = np.sqrt(np.mean(np.square(stored_in(values, precision) - values)))
    # a binade's numbers share an absolute error, so the relative one is up to twice too large
    assert 0.9 <= np.sqrt(np.mean(np.square(estimated))) / errors <= 2.0


@each(PRECISIONS)
def test_storing_near_0_loses_up_to_half_the_smallest_number(precision):
    row = PRECISIONS[precision]
    errors = RoundingArithmetic(row).stored(np.array([0.0]))
    assert errors.item() == max(row.underflow / np.sqrt(3.0), 5e-324)


@each(product(["float32", "float16"], [2, 10, 100, 1000], ["of both signs", "positive"]))
def test_a_sum_loses_about_what_sums_in_random_orders_lose(precision, terms, kind):
    rng = np.random.default_rng([3, terms])
    errors, estimated = [], []
    dtype = np.dtype(precision).type
    for _ in range(200):
        values = rng.normal(size=terms).astype(dtype)
        values = np.abs(values) if kind == "positive" else values
        total = dtype(0)
        for value in rng.permutation(values):
            total = dtype(total + value)
        exact = values.astype(float)
        errors.append(float(total) - exact.sum())
        squares = np.sqrt(np.square(exact).sum())
        estimated.append(RoundingArithmetic(PRECISIONS[precision]).summed(terms, squares, exact.sum()).item())
    ratio = np.sqrt(np.mean(np.square(estimated)) / np.mean(np.square(errors)))
    # the terms' own rounding, which these sums have not, is estimated beside; binades are worth up to 2
    assert 0.8 <= ratio <= 5.0


def test_a_formula_that_loses_nothing_loses_nothing():
    arithmetic = RoundingArithmetic(PRECISIONS["float32"])
    assert arithmetic.formula_error(np.zeros(3)).tolist() == [0.0, 0.0, 0.0]
    assert arithmetic.formula_error(np.array([1.0])).item() == pytest.approx(2.0**-24, rel=1e-6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], 1.0), ([0.0], 1.0), ([1.0], 2.0), ([0.5, -3.0], 4.0), ([np.inf], 1.0), ([np.nan, 3.0], 4.0),
     ([np.inf, 0.25], 0.5), ([5e-324], 2.0**-1000), ([1.7e308], 2.0**1000)],
    ids=["none", "zero", "one", "two", "infinite", "NaN", "infinite and not", "the smallest", "the largest"],
)  # fmt: skip
def test_a_scale_is_a_power_of_two_beside_the_largest_finite_number(values, expected):
    assert scale_of(np.array(values)) == expected


SCALES = [(0, 0), (500, 500), (-500, -500), (1000, -1000), (1000, 10), (-1000, 900), (-700, -300)]


@pytest.mark.parametrize(("left", "right"), SCALES, ids=[f"2^{a} times 2^{b}" for a, b in SCALES])
def test_the_root_of_squares_neither_overflows_nor_vanishes(left, right):
    rng = np.random.default_rng([4, left + 2000, right + 2000])
    x, y = np.ldexp(rng.normal(size=(3, 5)), left), np.ldexp(rng.normal(size=(5, 2)), right)
    roots = root_of_squares(x, y)
    with mpmath.workdps(50):
        for (i, j), value in np.ndenumerate(roots):
            squares = [mpmath.mpf(float(x[i, k])) ** 2 * mpmath.mpf(float(y[k, j])) ** 2 for k in range(5)]
            truth = mpmath.sqrt(mpmath.fsum(squares))
            assert abs(float(value) - truth) <= 1e-14 * truth + 5e-324


@each([1e-100, 1e-150, 1e-200, 1e-300, 1e-320])
def test_where_squares_vanish_the_root_is_no_smaller_than_it_should_be(small):
    x = np.array([[1.0, 1.0], [small, 2 * small]])
    y = np.array([[1.0, small], [1.0, 3 * small]])
    roots = root_of_squares(x, y)
    for (i, j), value in np.ndenumerate(roots):
        truth = sum((Fraction(float(x[i, k])) * Fraction(float(y[k, j]))) ** 2 for k in range(2))
        smallest = Fraction(2) ** -1074  # what the result's own underflow may take
        assert (Fraction(float(value)) * (1 + Fraction(2) ** -40) + 2 * smallest) ** 2 >= truth
        assert Fraction(float(value)) ** 2 <= 3 * truth + smallest


def test_a_product_with_nothing_but_zeros_has_the_root_0():
    assert root_of_squares(np.zeros((2, 3)), np.ones((3, 2))).tolist() == [[0.0, 0.0], [0.0, 0.0]]
