"""Sharp products enclose the exact product, by rational arithmetic, and stay sharp where terms are many."""

from fractions import Fraction
from itertools import product

import numpy as np

from benchmarks.judging import document
from tests.pairwise import each
from verifier import verify
from verifier.engine.intervals import Interval, exact, matmul, sharp_factors
from verifier.engine.lazy_products import ALL


def rational(x: np.ndarray, y: np.ndarray, i: int, j: int) -> Fraction:
    pairs = zip(x[i].tolist(), y[:, j].tolist(), strict=True)
    return sum((Fraction(a) * Fraction(b) for a, b in pairs), Fraction())


def log_scaled_normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=shape) * 10.0 ** rng.uniform(-12, 12, size=shape)


KINDS = {
    "normal": lambda rng, *shape: rng.normal(size=shape),
    "of one sign": lambda rng, *shape: rng.uniform(1.0, 2.0, size=shape),
    "of many sizes": log_scaled_normal,
    "powers of two": lambda rng, *shape: 2.0 ** rng.integers(-3, 4, size=shape),
    "all digits used": lambda rng, *shape: np.nextafter(rng.choice([1.0, 2.0, -4.0], size=shape), 0.0),
    "with zeros": lambda rng, *shape: rng.normal(size=shape) * (rng.uniform(size=shape) < 0.3),
}


@each(product(KINDS, [1, 2, 3, 33, 500]))
def test_the_exact_product_lies_within(kind, terms):
    rng = np.random.default_rng([terms, list(KINDS).index(kind)])
    x, y = KINDS[kind](rng, 5, terms), KINDS[kind](rng, terms, 4)
    enclosure = sharp_factors(exact(x), exact(y)).rows(ALL)
    for i in range(5):
        for j in range(4):
            off = abs(Fraction(float(enclosure.middle[i, j])) - rational(x, y, i, j))
            assert off <= Fraction(float(enclosure.radius[i, j])), (i, j)


@each([3, 200])
def test_products_of_numbers_within_balls_lie_within(terms):
    rng = np.random.default_rng(terms)
    x = Interval(rng.normal(size=(3, terms)), 1e-6 * rng.uniform(size=(3, terms)))
    y = Interval(rng.normal(size=(terms, 3)), 1e-5 * rng.uniform(size=(terms, 3)))
    enclosure = sharp_factors(x, y).rows(ALL)
    for signs in ((1, 1), (-1, 1), (1, -1)):
        at_x = x.middle + signs[0] * np.sign(x.middle) * x.radius * 0.999
        at_y = y.middle + signs[1] * np.sign(y.middle) * y.radius * 0.999
        for i in range(3):
            off = abs(Fraction(float(enclosure.middle[i, i])) - rational(at_x, at_y, i, i))
            assert off <= Fraction(float(enclosure.radius[i, i]))


def test_a_product_of_nothing_is_known_to_be_nothing():
    x, y = np.array([[1.0, 0.0, 3.0], [0.0, 0.0, 0.0]]), np.array([[0.0, 0.0], [0.7, 0.0], [0.0, 0.0]])
    enclosure = sharp_factors(exact(x), exact(y)).rows(ALL)
    assert not enclosure.middle.any()
    assert enclosure.radius.max() < 1e-300


def test_the_radius_of_exact_numbers_does_not_grow_with_the_terms():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3000)), rng.normal(size=(3000, 4))
    sharp, plain = sharp_factors(exact(x), exact(y)).rows(ALL), matmul(exact(x), exact(y))
    assert np.allclose(sharp.middle, plain.middle, rtol=0, atol=plain.radius.max())
    # 3000 terms of size 1: plainly 3000² u, sharply u of the result and 3000² u 2⁻²⁰
    assert sharp.radius.max() < 1e-3 * plain.radius.min()


@each([1e200, 1e-200, np.inf, np.nan])
def test_extreme_numbers_are_multiplied_plainly(extreme):
    x, y = np.array([[extreme, extreme]]), np.array([[2.0], [3.0]])
    with np.errstate(all="ignore"):
        sharp, plain = sharp_factors(exact(x), exact(y)).rows(ALL), matmul(exact(x), exact(y))
    np.testing.assert_array_equal(sharp.middle, plain.middle)
    np.testing.assert_array_equal(sharp.radius, plain.radius)


def test_a_wide_network_is_known_well_enough_to_be_judged():
    # plain products leave 110 entries of this one undecided
    report = verify(document([1400, 1400, 1400, 10], 4), oracles=["backpropagation"])
    assert report.verdict == "correct"
    assert report.warnings == ()
