import mpmath
import numpy as np
import pytest

from reference_impl.error_function import erf, erfc

BOTH_SIDES = [1e-300, 1e-10, 1e-3, 0.1, 0.46874, 0.46876, 0.5, 1.0, 1.7, 2.5, 3.999, 4.001, 5.5]
RAMP = [float(x) for x in np.round(np.linspace(0.01, 26.5, 400), 3)]

# tolerance: what the docstring promises, for every row of a region
CASES = [
    ("erf, the rational function in x squared", erf, [0.0, *BOTH_SIDES[:5]], 6e-16),
    ("erf, as 1 - erfc", erf, [*BOTH_SIDES[5:], *RAMP[8:], 30.0, 1e308], 6e-16),
    ("erfc near 0", erfc, [0.0, *BOTH_SIDES[:5]], 6e-16),
    ("erfc, the middle and the tail", erfc, [*BOTH_SIDES[5:], *RAMP], 2e-14),
]


@pytest.mark.parametrize(
    ("region", "function", "points", "tolerance"), CASES, ids=[case[0] for case in CASES]
)
def test_every_region_has_the_digits_that_it_promises_on_both_sides_of_0(
    region, function, points, tolerance, many_digits
):
    x = np.concatenate([points, np.negative(points)])
    exact = many_digits.__getattr__(function.__name__)(many_digits.array(x))
    many_digits.assert_close(function(x), exact, tolerance)


@pytest.mark.parametrize(
    ("x", "published"),
    # Source: Abramowitz & Stegun, Handbook of Mathematical Functions, table 7.1
    [(0.5, 0.5204998778), (1.0, 0.8427007929), (1.5, 0.9661051465), (2.0, 0.9953222650)],
)
def test_the_handbook_prints_the_same_digits(x, published):
    assert erf(np.array(x)) == pytest.approx(published, abs=0.5e-10)
    assert erfc(np.array(x)) == pytest.approx(1 - published, abs=0.5e-10)


def test_far_out_they_are_0_1_and_2_without_a_warning():
    x = np.array([27.0, 700.0, 1e308, np.inf])
    np.testing.assert_array_equal(erfc(x), 0.0)
    np.testing.assert_array_equal(erfc(-x), 2.0)
    np.testing.assert_array_equal(erf(x), 1.0)
    np.testing.assert_array_equal(erf(-x), -1.0)


def test_what_is_left_out_beyond_the_last_point_is_below_normal_numbers():
    assert mpmath.erfc(26.7) < 1e-311


def test_nan_stays_nan():
    assert np.isnan(erf(np.array([np.nan]))).all()
    assert np.isnan(erfc(np.array([np.nan]))).all()
