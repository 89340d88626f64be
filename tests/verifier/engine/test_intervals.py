"""Every operation on balls encloses the exact result, held against rational arithmetic at all scales."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from tests.pairwise import each
from verifier.engine import intervals as arithmetic
from verifier.engine.intervals import SMALLEST, UNIT, Interval, exact, factors, inflated, sharp_factors
from verifier.engine.lazy_products import ALL

TRIES = 150
SPAN = 996  # powers of two up to about 1e300

RADII = {
    "no radius": lambda rng, middle: np.zeros(middle.shape),
    "a unit of rounding": lambda rng, middle: np.abs(middle) * UNIT,
    "a thousandth": lambda rng, middle: np.abs(middle) * 1e-3 * rng.random(middle.shape),
    "as large as the number": lambda rng, middle: np.abs(middle) * 2.0 * rng.random(middle.shape),
    "of another scale": lambda rng, middle: numbers(rng, middle.shape) ** 2,
    "of one number alone": lambda rng, middle: (np.arange(middle.size) == 0).reshape(middle.shape) * SMALLEST,
}


def numbers(rng: np.random.Generator, shape: tuple[int, ...], *, low: int = -SPAN, high: int = SPAN):
    """Draw random signs and significands, full or short, at powers of two from low to high."""
    significands = rng.uniform(0.5, 1.0, size=shape)
    short = np.rint(significands * 16) / 16
    drawn = np.where(rng.random(shape) < 0.3, short, significands) * rng.choice([-1.0, 1.0], size=shape)
    with np.errstate(all="ignore"):
        return np.ldexp(drawn, rng.integers(low, high + 1, size=shape))


def draw(rng: np.random.Generator, shape: tuple[int, ...], radius: str, **span: int) -> Interval:
    middle = numbers(rng, shape, **span)
    with np.errstate(all="ignore"):
        return Interval(middle, np.minimum(np.abs(RADII[radius](rng, middle)), 1e300))


def rationals_within(rng: np.random.Generator, ball: Interval) -> np.ndarray:
    """Return an exact rational inside each ball: an end, the middle, or anything between."""
    where = np.frompyfunc(Fraction, 1, 1)(rng.choice([-1.0, 1.0, 0.0, 0.5, -0.375], size=ball.middle.shape))
    return rational(ball.middle) + where * rational(ball.radius)


def rational(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.frompyfunc(Fraction, 1, 1)(values), dtype=object)


def assert_contains(ball: Interval, truth: np.ndarray) -> None:
    """Where middle or radius is not finite nothing is claimed; `known` of the result says how much is."""
    for middle, radius, value in zip(
        ball.middle.ravel(), ball.radius.ravel(), np.asarray(truth, dtype=object).ravel(), strict=True
    ):
        if np.isfinite(middle) and np.isfinite(radius):
            assert radius >= 0
            assert abs(value - Fraction(float(middle))) <= Fraction(float(radius)), (middle, radius)


def is_finite(ball: Interval) -> np.ndarray:
    return np.isfinite(ball.middle) & np.isfinite(ball.radius)


BINARY = {
    "plus": (arithmetic.plus, lambda x, y: x + y),
    "minus": (arithmetic.minus, lambda x, y: x - y),
    "times": (arithmetic.times, lambda x, y: x * y),
}


@each(product(BINARY, RADII))
@np.errstate(all="ignore")
def test_sums_differences_and_products_contain_the_exact_result(operation, radius):
    rng = np.random.default_rng([1, list(BINARY).index(operation), list(RADII).index(radius)])
    of_balls, of_rationals = BINARY[operation]
    x, y = draw(rng, (TRIES,), radius), draw(rng, (TRIES,), "a thousandth")
    result = of_balls(x, y)
    assert is_finite(result).mean() > 0.5
    for _ in range(3):
        assert_contains(result, of_rationals(rationals_within(rng, x), rationals_within(rng, y)))


@each(product(["plus", "minus"], [-1074, -1040, -1022, -500, 0, 500, 1000]))
def test_sums_and_differences_of_neighbours_cancel_within_the_radius(operation, power):
    rng = np.random.default_rng([2, power + 2000])
    middle = np.ldexp(rng.uniform(0.5, 1.0, size=TRIES), power + 1)
    sign = -1.0 if operation == "plus" else 1.0
    x, y = (
        exact(middle),
        Interval(sign * np.nextafter(middle, np.inf), np.abs(middle) * UNIT * rng.integers(3, size=TRIES)),
    )
    of_balls, of_rationals = BINARY[operation]
    result = of_balls(x, y)
    assert is_finite(result).all()
    assert_contains(result, of_rationals(rationals_within(rng, x), rationals_within(rng, y)))


@each((exponents,) for exponents in [(-1074, -1000), (-560, -500), (-540, -534), (500, 510)])
def test_products_that_underflow_or_nearly_overflow_are_enclosed(powers):
    rng = np.random.default_rng([3, powers[0] + 2000])
    x = draw(rng, (TRIES,), "a thousandth", low=powers[0], high=powers[1])
    y = draw(rng, (TRIES,), "a unit of rounding", low=powers[0], high=powers[1])
    with np.errstate(all="ignore"):
        result = arithmetic.times(x, y)
    assert is_finite(result).all()
    assert_contains(result, rationals_within(rng, x) * rationals_within(rng, y))


@np.errstate(all="ignore")
def test_what_overflows_is_unknown():
    huge = exact(np.array([1.7e308]))
    for result in (
        arithmetic.plus(huge, huge),
        arithmetic.times(huge, huge),
        arithmetic.total(exact(np.array([1.7e308, 1.7e308])), axis=0, keepdims=True),
        arithmetic.matmul(exact(np.array([[1e200, 1.0]])), exact(np.array([[1e200], [1.0]]))),
        arithmetic.quotient(np.array([1e300]), exact(np.array([1e-300]))),
    ):
        assert not is_finite(result).any()


class TestQuotient:
    @pytest.mark.parametrize("radius", ["no radius", "a unit of rounding", "a thousandth"])
    def test_contains_every_quotient_of_a_numerator_that_was_rounded_once(self, radius):
        rng = np.random.default_rng([4, list(RADII).index(radius)])
        numerator = numbers(rng, (TRIES,), low=-450, high=450)
        x = draw(rng, (TRIES,), radius, low=-450, high=450)
        result = arithmetic.quotient(numerator, x)
        assert is_finite(result).all()
        for rounding in (-1, 0, 1):  # the numerator as it was before, a unit roundoff away at most
            before = rational(numerator) * (1 + rounding * Fraction(UNIT) / (1 + Fraction(UNIT)))
            assert_contains(result, before / rationals_within(rng, x))

    @np.errstate(all="ignore")
    def test_contains_the_result_or_is_unknown_at_extreme_scales(self):
        rng = np.random.default_rng(5)
        numerator = numbers(rng, (TRIES,), low=-1070, high=1020)
        x = draw(rng, (TRIES,), "a thousandth", low=-1070, high=1020)
        result = arithmetic.quotient(numerator, x)
        assert is_finite(result).mean() > 0.4
        assert_contains(result, rational(numerator) / rationals_within(rng, x))

    @pytest.mark.parametrize(
        ("middle", "radius"),
        [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 2.0), (-1e-300, 1e-300), (5e-324, 5e-324), (1.0, np.inf)],
    )
    @np.errstate(all="ignore")
    def test_by_a_ball_that_may_hold_0_nothing_is_known(self, middle, radius):
        result = arithmetic.quotient(np.array([1.0]), Interval(np.array([middle]), np.array([radius])))
        assert not is_finite(result).any()

    @np.errstate(all="ignore")
    def test_of_0_is_exactly_0_whatever_divides(self):
        result = arithmetic.quotient(
            np.zeros(3), Interval(np.array([0.0, 1.0, np.nan]), np.array([1.0, 0.5, 0]))
        )
        assert result.middle.tolist() == result.radius.tolist() == [0.0, 0.0, 0.0]


def rational_product(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.array([[sum(a * b for a, b in zip(row, column, strict=True)) for column in y.T] for row in x])


SHAPES = [(1, 1, 1), (2, 3, 2), (3, 17, 2), (1, 200, 1)]


class TestMatmul:
    @pytest.mark.parametrize("left", ["no radius", "a unit of rounding", "a thousandth"])
    @pytest.mark.parametrize("right", ["no radius", "a thousandth"])
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_contains_the_exact_product(self, shape, left, right):
        m, n, k = shape
        rng = np.random.default_rng([6, n, list(RADII).index(left), list(RADII).index(right)])
        for _ in range(5):
            x, y = draw(rng, (m, n), left, low=-20, high=20), draw(rng, (n, k), right, low=-20, high=20)
            result = arithmetic.matmul(x, y)
            assert is_finite(result).all()
            assert_contains(result, rational_product(rationals_within(rng, x), rationals_within(rng, y)))

    @pytest.mark.parametrize("right", ["no radius", "a unit of rounding"])
    def test_contains_what_is_left_by_cancellation(self, right):
        rng = np.random.default_rng([7, list(RADII).index(right)])
        for _ in range(50):
            x = draw(rng, (2, 6), "no radius", low=-3, high=3)
            y = draw(rng, (6, 2), right, low=-3, high=3)
            w = Interval(np.hstack([x.middle, -x.middle]), np.zeros((2, 12)))
            v = Interval(np.vstack([y.middle, np.nextafter(y.middle, 1)]), np.vstack([y.radius, y.radius]))
            result = arithmetic.matmul(w, v)
            assert (np.abs(result.middle) < 1e-12).all()
            assert_contains(result, rational_product(rationals_within(rng, w), rationals_within(rng, v)))

    # the unit roundoff times a number below 2**-969 is no normal number any more
    @pytest.mark.parametrize("powers", [(-1000, 990), (-1021, 1000), (-1060, 1000), (-1070, 1020)], ids=str)
    @pytest.mark.parametrize("side", ["left", "right"])
    @pytest.mark.parametrize("radius", ["no radius", "a unit of rounding", "of one number alone"])
    def test_contains_the_product_of_the_tiniest_with_the_hugest_numbers(self, powers, side, radius):
        small, large = powers
        rng = np.random.default_rng([8, -small, large])
        spans = [(small, small + 3), (large - 4, large - 1)]
        (low_x, high_x), (low_y, high_y) = spans if side == "left" else spans[::-1]
        for _ in range(10):
            x = draw(rng, (2, 5), "no radius", low=low_x, high=high_x)
            y = draw(rng, (5, 2), radius, low=low_y, high=high_y)
            result = arithmetic.matmul(x, y)
            assert is_finite(result).all()
            assert_contains(result, rational_product(rationals_within(rng, x), rationals_within(rng, y)))

    @np.errstate(all="ignore")
    def test_contains_products_that_underflow(self):
        rng = np.random.default_rng(9)
        for _ in range(50):
            x = draw(rng, (2, 5), "a thousandth", low=-545, high=-530)
            y = draw(rng, (5, 2), "a thousandth", low=-545, high=-530)
            result = arithmetic.matmul(x, y)
            assert is_finite(result).all()
            assert_contains(result, rational_product(rationals_within(rng, x), rationals_within(rng, y)))

    @np.errstate(all="ignore")
    def test_contains_the_product_or_is_unknown_where_scales_mix(self):
        rng = np.random.default_rng(10)
        for _ in range(100):
            x, y = draw(rng, (2, 4), "a thousandth"), draw(rng, (4, 2), "a unit of rounding")
            assert_contains(
                arithmetic.matmul(x, y), rational_product(rationals_within(rng, x), rationals_within(rng, y))
            )

    def test_zeros_times_anything_finite_are_0_up_to_the_smallest_numbers(self):
        result = arithmetic.matmul(exact(np.zeros((1, 3))), exact(np.full((3, 1), 1e300)))
        assert result.middle.item() == 0.0
        assert result.radius.item() <= 100 * SMALLEST


@each(product([0, -1], RADII))
@np.errstate(all="ignore")
def test_totals_contain_the_exact_sum(axis, radius):
    rng = np.random.default_rng([11, axis + 1, list(RADII).index(radius)])
    for span in (10, SPAN, 1070):
        x = draw(rng, (9, 7), radius, low=-span, high=min(span, SPAN))
        result = arithmetic.total(x, axis=axis)
        assert is_finite(result).any()
        assert_contains(result, rationals_within(rng, x).sum(axis=axis))
        assert arithmetic.total(x, axis=axis, keepdims=True).middle.ndim == 2


def test_totals_contain_what_is_left_by_cancellation():
    rng = np.random.default_rng(12)
    x = numbers(rng, (40, 20), low=-5, high=5)
    ball = exact(np.vstack([x, -np.nextafter(x, 100.0), x * 2.0**-50]))
    assert_contains(arithmetic.total(ball, axis=0), rational(ball.middle).sum(axis=0))


@each(RADII)
@np.errstate(all="ignore")
def test_ends_and_magnitude_bound_every_point(radius):
    rng = np.random.default_rng([13, list(RADII).index(radius)])
    ball = draw(rng, (TRIES,), radius)
    for _ in range(3):
        lower, upper = ball.ends
        for low, point, high, size in zip(
            lower, rationals_within(rng, ball), upper, ball.magnitude, strict=True
        ):
            assert Fraction(float(low)) < point < Fraction(float(high))
            assert abs(point) < Fraction(float(size))


@each([1, 2, 10, 1000])
def test_an_inflated_radius_is_no_less_than_the_exact_sum_of_products(terms):
    rng = np.random.default_rng([14, terms])
    for span in (5, 500):
        x = np.abs(numbers(rng, (10, terms), low=-span, high=span))
        y = np.abs(numbers(rng, (10, terms), low=-span, high=span))
        for a, b in zip(x, y, strict=True):
            truth = sum(Fraction(float(p)) * Fraction(float(q)) for p, q in zip(a, b, strict=True))
            assert Fraction(float(inflated(np.dot(a, b), terms))) >= truth


def test_a_transposed_matrix_has_its_middle_and_radius_transposed():
    x = draw(np.random.default_rng(15), (3, 2), "a thousandth")
    turned = arithmetic.transpose(x)
    np.testing.assert_array_equal(turned.middle, x.middle.T)
    np.testing.assert_array_equal(turned.radius, x.radius.T)


def test_exact_numbers_have_no_radius_and_sums_of_them_little():
    x = exact(np.array([1.0, 2.0]))
    assert x.radius.tolist() == [0.0, 0.0]
    assert (arithmetic.plus(x, x).radius <= 4 * UNIT * 4).all()


def test_one_number_seen_from_everywhere_is_in_doubt_all_the_same():
    """A sum's gradient goes back to all its terms, as a view of one number and of its radius."""
    copied = Interval(np.broadcast_to(3.0, (2, 4)), np.broadcast_to(0.5, (2, 4)))
    assert not copied.is_exact
    assert exact(np.ones((2, 4))).is_exact
    assert exact(np.ones((0, 4))).is_exact
    doubtful = Interval(np.ones((4, 3)), np.full((4, 3), UNIT))
    for ready in (factors, sharp_factors):
        assert (ready(copied, doubtful).rows(ALL).radius >= 4 * 0.5).all()
        turned = ready(arithmetic.transpose(doubtful), arithmetic.transpose(copied))
        assert (turned.rows(ALL).radius >= 4 * 0.5).all()
