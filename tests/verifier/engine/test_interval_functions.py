"""Elementary functions: what the enclosures assume of numpy is measured, what they claim is held against arb.

The truth is FLINT's ball arithmetic of 1300 bits (390 digits), so that nothing cancels in it.
"""

from collections.abc import Callable
from itertools import pairwise, product
from typing import Any

import flint
import numpy as np
import pytest

from reference_impl.activations import ACTIVATIONS, activation
from reference_impl.elementary_functions import ELEMENTARY_FUNCTIONS
from reference_impl.error_function import erf, erfc
from tests.pairwise import each
from verifier.engine import interval_functions as functions
from verifier.engine.functions.numerical_properties import numerical_properties
from verifier.engine.intervals import Interval, exact

BITS = 1300
ULPS = {"erfc": 8}  # what verifier/engine/interval_functions.py assumes; 4 of all that numpy has itself
UNDERFLOW = 2.0**-1020  # below it digits may be lost: its own allowance for what leaves the normal numbers
HALF = flint.arb(0.5)


@pytest.fixture(autouse=True)
def _digits():
    with flint.ctx.workprec(BITS):
        yield


def log_uniform(rng: np.random.Generator, count: int, low: float, high: float) -> np.ndarray:
    """Return numbers of both signs whose logarithms are uniform from 10**low to 10**high."""
    return rng.choice([-1.0, 1.0], size=count) * 10.0 ** rng.uniform(low, high, size=count)


# ------------------------------------------------------------------------------------- the assumption
MEASURED: dict[
    str, tuple[Callable[..., Any], Callable[[Any], Any], Callable[..., np.ndarray], list[float]]
] = {
    # numpy's; the truth; 20,000 points; edges
    "exp": (
        np.exp,
        lambda x: x.exp(),
        lambda rng: np.concatenate([rng.uniform(-708, 709.7, 10_000), log_uniform(rng, 10_000, -20, 2.8)]),
        [0.0, -0.0, 709.782712893384, -708.3964185322641, -745.13, -746.0, 1e-320, 1.0, -1.0],
    ),
    "expm1": (
        np.expm1,
        lambda x: x.exp() - 1,
        lambda rng: np.concatenate([rng.uniform(-750, 709.7, 10_000), log_uniform(rng, 10_000, -307, 1.5)]),
        [0.0, 709.782712893384, -37.0, -1e300, 1e-320, 0.34657359027997264, -0.2876820724517809],
    ),
    "log1p": (
        np.log1p,
        lambda x: (1 + x).log(),
        lambda rng: np.concatenate(
            [10.0 ** rng.uniform(-307, 307, 10_000), -(10.0 ** rng.uniform(-18, -1e-9, 10_000))]
        ),
        [0.0, 1e-320, 1.0, 1e300, -0.9999999999999999, -0.2928932188134525, 0.41421356237309503],
    ),
    "log": (
        np.log,
        lambda x: x.log(),
        lambda rng: np.concatenate([10.0 ** rng.uniform(-307, 307, 10_000), rng.uniform(0.5, 2, 10_000)]),
        [5e-324, 1e-320, 1.0, 0.9999999999999999, 1.0000000000000002, 1.7e308, 0.7071067811865476],
    ),
    "tanh": (
        np.tanh,
        lambda x: x.tanh(),
        lambda rng: np.concatenate([rng.uniform(-22, 22, 10_000), log_uniform(rng, 10_000, -307, 1)]),
        [0.0, 1e-320, 19.061547465398498, 22.0, -710.0, 1e300, 0.5493061443340549],
    ),
    "sin": (
        np.sin,
        lambda x: x.sin(),
        lambda rng: np.concatenate([rng.uniform(-1e3, 1e3, 10_000), log_uniform(rng, 10_000, -300, 8)]),
        [0.0, 1e-320, 3.141592653589793, 1.5707963267948966, 355.0, 1e16],
    ),
    "cos": (
        np.cos,
        lambda x: x.cos(),
        lambda rng: np.concatenate([rng.uniform(-1e3, 1e3, 10_000), log_uniform(rng, 10_000, -300, 8)]),
        [0.0, 3.141592653589793, 1.5707963267948966, 4.71238898038469, 177.5, 1e16],
    ),
    "arctan": (
        np.arctan,
        lambda x: x.atan(),
        lambda rng: np.concatenate([rng.uniform(-9, 9, 10_000), log_uniform(rng, 10_000, -300, 300)]),
        [0.0, 1e-320, 1.0, 0.4142135623730951, 1e300],
    ),
    "erf": (
        erf,
        lambda x: x.erf(),
        lambda rng: np.concatenate([rng.uniform(-6, 6, 15_000), log_uniform(rng, 5_000, -300, 0)]),
        [0.0, 0.46875, 0.46875000000000006, 4.0, 6.0, 1e-320],
    ),
    "erfc": (
        erfc,
        lambda x: x.erfc(),
        lambda rng: np.concatenate(
            [rng.uniform(-7, 26.6, 15_000), rng.uniform(0.4, 4.1, 15_000), log_uniform(rng, 5_000, -300, 0)]
        ),
        [0.0, 0.46875, 0.46875000000000006, 4.0, 4.000000000000001, -4.0, 26.5, 26.7, 26.8, 30.0, -40.0],
    ),
}


@pytest.mark.parametrize("every", [20, pytest.param(1, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("name", MEASURED)
def test_elementary_functions_err_by_no_more_units_than_assumed(name, every):
    function, truth, draw, edges = MEASURED[name]
    points = np.concatenate([draw(np.random.default_rng([1, len(name)]))[::every], edges])
    assert len(points) >= 20_000 / every
    worst = (0.0, 0.0)
    for x, value in zip(points.tolist(), function(points).tolist(), strict=True):
        right = truth(flint.arb(x))
        error = abs(float(flint.arb(value) - right))
        max_error = ULPS.get(name, 4) * float(np.spacing(abs(float(right)))) + UNDERFLOW
        worst = max(worst, (error / max_error, x))
    assert worst[0] <= 1, f"{ULPS.get(name, 4) * worst[0]:.2f} units in the last place at {worst[1]!r}"


# -------------------------------------------------------------------------------------- activations
def logistic(x: Any) -> Any:
    return 1 / (1 + (-x).exp())


def density(x: Any) -> Any:
    return (-x * x / 2).exp() / (2 * flint.arb.pi()).sqrt()


def normal(x: Any) -> Any:
    return (-x / flint.arb(2).sqrt()).erfc() / 2


SCALE, ALPHA = flint.arb(1.0507009873554805), flint.arb(1.6732632423543772)


def twice_inner(x: Any) -> Any:
    return 2 * (2 / flint.arb.pi()).sqrt() * (x + flint.arb(0.044715) * x**3)


def inner_slope(x: Any) -> Any:
    """Return the derivative of `twice_inner`."""
    return 2 * (2 / flint.arb.pi()).sqrt() * (1 + 3 * flint.arb(0.044715) * x**2)


def bending_of_gelu_tanh(x: Any) -> Any:
    s = logistic(twice_inner(x))
    bending = 12 * (2 / flint.arb.pi()).sqrt() * flint.arb(0.044715) * x
    return 2 * inner_slope(x) + x * ((1 - 2 * s) * inner_slope(x) ** 2 + bending)


# g and g′ by hand, of a number that is an exact rational of small size; g′ at a kink: the left slope
TRUTHS: dict[str, tuple[dict[str, float], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "identity": ({}, lambda x: x, lambda x: flint.arb(1)),
    "sigmoid": ({}, logistic, lambda x: logistic(x) * logistic(-x)),
    "tanh": ({}, lambda x: x.tanh(), lambda x: 4 * logistic(2 * x) * logistic(-2 * x)),
    "relu": ({}, lambda x: x if x > 0 else 0 * x, lambda x: flint.arb(1 if x > 0 else 0)),
    "leaky_relu": (
        {"slope": 0.3},
        lambda x: x if x > 0 else flint.arb(0.3) * x,
        lambda x: flint.arb(1 if x > 0 else 0.3),
    ),
    "leaky_relu falling": (
        {"slope": -0.7},
        lambda x: x if x > 0 else flint.arb(-0.7) * x,
        lambda x: flint.arb(1 if x > 0 else -0.7),
    ),
    "elu": (
        {},
        lambda x: x if x > 0 else x.exp() - 1,
        lambda x: flint.arb(1) if x > 0 else x.exp(),
    ),
    "elu steep": (
        {"alpha": 2.5},
        lambda x: x if x > 0 else flint.arb(2.5) * (x.exp() - 1),
        lambda x: flint.arb(1) if x > 0 else flint.arb(2.5) * x.exp(),
    ),
    "softplus": ({}, lambda x: (1 + x.exp()).log(), logistic),
    "gelu": ({}, lambda x: x * normal(x), lambda x: normal(x) + x * density(x)),
    "silu": ({}, lambda x: x * logistic(x), lambda x: logistic(x) * (1 + x * logistic(-x))),
    "selu": (
        {},
        lambda x: SCALE * (x if x > 0 else ALPHA * (x.exp() - 1)),
        lambda x: SCALE * (flint.arb(1) if x > 0 else ALPHA * x.exp()),
    ),
    "gelu_tanh": (
        {},
        lambda x: x * logistic(twice_inner(x)),
        lambda x: (
            logistic(twice_inner(x))
            + x * inner_slope(x) * logistic(twice_inner(x)) * logistic(-twice_inner(x))
        ),
    ),
    "mish": (
        {},
        lambda x: x * (1 + x.exp()).log().tanh(),
        lambda x: (1 + x.exp()).log().tanh() + x * logistic(x) * (1 + x.exp()).log().sech() ** 2,
    ),
    "hardtanh": (
        {},
        lambda x: flint.arb(-1) if x < -1 else flint.arb(1) if x > 1 else x,
        lambda x: flint.arb(1 if -1 < x <= 1 else 0),
    ),
    "hardswish": (
        {},
        lambda x: 0 * x if x < -3 else x if x > 3 else x * (x + 3) / 6,
        lambda x: flint.arb(0) if x <= -3 else flint.arb(1) if x > 3 else (2 * x + 3) / 6,
    ),
    "softsign": ({}, lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2),
    "log_sigmoid": ({}, lambda x: -(1 + (-x).exp()).log(), lambda x: logistic(-x)),
    "sin": ({}, lambda x: x.sin(), lambda x: x.cos()),
    "cos": ({}, lambda x: x.cos(), lambda x: -x.sin()),
    "arctan": ({}, lambda x: x.atan(), lambda x: 1 / (1 + x * x)),
    "erf": ({}, lambda x: x.erf(), lambda x: 2 / flint.arb.pi().sqrt() * (-x * x).exp()),
}
SECOND: dict[str, Callable[[Any], Any]] = {  # whose sign changes are the derivative's turning points
    "sigmoid": lambda x: logistic(x) * logistic(-x) * (1 - 2 * logistic(x)),
    "tanh": lambda x: -x.tanh(),
    "gelu": lambda x: density(x) * (2 - x * x),
    "silu": lambda x: logistic(x) * logistic(-x) * (2 + x * (1 - 2 * logistic(x))),
    "gelu_tanh": bending_of_gelu_tanh,  # over σ′, which is positive
    "mish": lambda x: 2 + x * (logistic(-x) - 2 * (1 + x.exp()).log().tanh() * logistic(x)),
    "softsign": lambda x: -x,
}
RADII = (0.0, 1e-16, 1e-15, 1e-12, 1e-8, 1e-3, 1.0, 100.0)
MIDDLES = {
    "around 0": [0.0, 5e-324, 1e-300, -1e-300, 1e-17, -1e-17, 0.5, -0.5, 1.0, -1.0, 0.46875, -3.0, 3.0],
    "turning points of gelu": [-0.7517915246935645, -0.75179, 2**0.5, -(2**0.5), 1.41421, -1.41422],
    "turning points of silu": [
        -1.2784645427610738,
        -1.27846,
        2.399357280520547,
        -2.399357280520547,
        -2.39935,
    ],
    "turning points of gelu_tanh and mish": [
        -0.7524614220710163,
        1.4185040087908283,
        -1.4185040087908283,
        -1.1924312145154952,
        -2.256376396360793,
        1.4905711794854284,
        1.49057,
    ],
    "kinks of hard functions": [1.0, -1.0, 3.0, -3.0, -1.5, 2.999, -3.001],
    "saturation": [9.0, -9.0, 19.5, -19.5, 37.0, -37.0, 38.5, -38.5, 40.5, -40.5, 100.0, -100.0],
    "underflow": [350.0, -350.0, 709.5, -709.5, 744.0, -744.0, 746.0, -746.0, 1e4, -1e4],
}


def activation_of(name: str) -> Any:
    options, _, _ = TRUTHS[name]
    make = {**ELEMENTARY_FUNCTIONS, **ACTIVATIONS}[name.split()[0]]
    return make(**options)


def numbers_within(rng: np.random.Generator, middle: float, radius: float) -> list[Any]:
    """Return numbers of full precision within middle ± radius, both ends among them."""
    at = [-1.0, 1.0, 0.0, *rng.uniform(-1, 1, size=2)]
    return [flint.arb(middle) + flint.arb(radius) * flint.arb(float(t)) for t in at]


def assert_inside(ball: Interval, index: tuple[int, ...], truth: Any, *where: Any) -> None:
    middle, radius = float(ball.middle[index]), float(ball.radius[index])
    assert np.isfinite(middle)
    assert np.isfinite(radius)
    distance = abs(truth - flint.arb(middle))
    assert distance.mid() <= flint.arb(radius), (*where, middle, radius, float(distance))


@each(product(TRUTHS, MIDDLES))
def test_the_enclosure_of_an_activation_contains_every_value_over_the_ball(name, middles):
    rng = np.random.default_rng([2, len(name), len(middles)])
    _, truth, _ = TRUTHS[name]
    for radius in RADII:
        at = np.array(MIDDLES[middles])
        enclosure = functions.value(activation_of(name), Interval(at, np.full(at.shape, radius)))
        for index, middle in enumerate(at.tolist()):
            for x in numbers_within(rng, middle, radius):
                assert_inside(enclosure, (index,), truth(x), middle, radius, float(x))


@each(product(TRUTHS, MIDDLES))
def test_an_enclosed_slope_contains_all_on_the_middles_side_of_a_kink(name, middles):
    rng = np.random.default_rng([3, len(name), len(middles)])
    row, (_, _, truth) = activation_of(name), TRUTHS[name]
    for radius in RADII:
        at = np.array(MIDDLES[middles])
        enclosure = functions.slope(row, Interval(at, np.full(at.shape, radius)), None)
        for index, middle in enumerate(at.tolist()):
            for x in numbers_within(rng, middle, radius):
                if all((middle > kink.at) == bool(x > kink.at) for kink in row.kinks):
                    assert_inside(enclosure, (index,), truth(x), middle, radius, float(x))


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "leaky_relu falling", "elu steep"])
def test_with_kinks_both_sides_and_all_between_count(name):
    row, (_, _, truth) = activation_of(name), TRUTHS[name]
    at = np.array([0.0, 1e-17, -1e-17, 0.5, -0.5])
    ball = Interval(at, np.array([0.0, 1e-16, 1e-16, 1e-16, 1e-16]))
    kinks = np.array([True, True, True, False, False])
    enclosure = functions.slope(row, ball, kinks)
    left, right = row.kinks[0].left, row.kinks[0].right
    for index in range(3):
        for slope in (left, right, (left + right) / 2):
            assert_inside(enclosure, (index,), flint.arb(slope), name, at[index])
        assert enclosure.radius[index] <= (abs(right - left) / 2) * (1 + 1e-12) + 1e-12
    for index in (3, 4):
        assert_inside(enclosure, (index,), truth(flint.arb(float(at[index]))), name, at[index])
        assert enclosure.radius[index] <= 1e-14


# tight enough to be of use; gelu's erfc magnifies the rounding of its argument a by a²
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "elu", "softplus", "gelu", "silu"])
def test_without_a_radius_the_enclosure_is_some_units_of_rounding_wide(name):
    at = np.linspace(-5, 5, 101)
    enclosure = functions.value(activation_of(name), exact(at))
    assert (enclosure.radius <= (100 + 8 * at * at) * 2.0**-53 * np.abs(enclosure.middle) + 1e-300).all()


TURNING = {
    ("gelu", "turning_points"): TRUTHS["gelu"][2],
    ("silu", "turning_points"): TRUTHS["silu"][2],
    ("gelu_tanh", "turning_points"): TRUTHS["gelu_tanh"][2],
    ("mish", "turning_points"): TRUTHS["mish"][2],
    **{(name, "derivative_turning_points"): second for name, second in SECOND.items()},
}


@each(TURNING)
def test_a_turning_point_is_where_the_derivative_changes_sign_to_1e_15(name, which):
    derivative = TURNING[name, which]
    points = getattr(numerical_properties(activation(name)).interval, which)
    assert points
    for point in points:
        below, above = derivative(flint.arb(point) - 1e-15), derivative(flint.arb(point) + 1e-15)
        assert below * above < 0, (name, point)


@each(TURNING)
def test_between_turning_points_the_derivative_keeps_its_sign(name, which):
    derivative = TURNING[name, which]
    points = sorted(getattr(numerical_properties(activation(name)).interval, which))
    grid = [x for x in np.linspace(-40.03, 40.03, 501) if min(abs(x - p) for p in points) > 1e-9]
    changes = [(x, y) for x, y in pairwise(grid) if derivative(flint.arb(x)) * derivative(flint.arb(y)) < 0]
    assert len(changes) == len(points)
    assert all(x < p < y for (x, y), p in zip(changes, points, strict=True))


@pytest.mark.parametrize(
    "name",
    [
        "identity",
        "sigmoid",
        "tanh",
        "relu",
        "elu",
        "softplus",
        "leaky_relu",
        "selu",
        "hardtanh",
        "softsign",
        "log_sigmoid",
    ],
)
def test_the_other_activations_never_fall(name):
    assert numerical_properties(activation(name)).interval.turning_points in ((), (0.0,))
    grid = np.linspace(-50, 50, 5001)
    assert (np.diff(activation(name).forward(grid)) >= 0).all()


# -------------------------------------------------------------------------------------------- softmax
ROWS: dict[str, list[float]] = {
    "one outcome": [3.0],
    "two": [0.25, -1.5],
    "equal": [1.0, 1.0, 1.0],
    "many": [0.1 * k - 1 for k in range(20)],
    "nearly certain": [20.0, 0.0, -3.0],
    "certain": [200.0, 0.0, -3.0],
    "underflowing": [0.0, -720.0, -744.0, -746.0, -800.0],
    "far beyond": [1e4, 0.0, -1e4],
    "two likely, one not": [500.0, 500.0, -500.0],
    "large and near": [1e6, 1e6 - 1, 1e6 - 40],
}
ROW_RADII = (0.0, 1e-16, 1e-12, 1e-3, 1.0, 20.0, 60.0)


def probabilities(a: list[Any]) -> list[Any]:
    e = [x.exp() for x in a]
    total = sum(e, flint.arb(0))
    return [x / total for x in e]


def rows_inside(rng: np.random.Generator, a: list[float], radius: float) -> list[list[Any]]:
    """Return rows within ± radius: all corners that move one logit against the others, and random ones."""
    signs = [[1.0 if i == k else -1.0 for i in range(len(a))] for k in range(len(a))]
    signs += [[-s for s in row] for row in signs] + rng.uniform(-1, 1, size=(3, len(a))).tolist()
    return [
        [flint.arb(x) + flint.arb(radius) * flint.arb(s) for x, s in zip(a, row, strict=True)]
        for row in signs
    ]


def assert_row_inside(ball: Interval, truth: list[Any], *where: Any) -> None:
    for k, value in enumerate(truth):
        if np.isfinite(ball.middle[0, k]) and np.isfinite(ball.radius[0, k]):
            assert_inside(ball, (0, k), value, *where, k)


def ball_of(row: str, radius: float) -> Interval:
    a = np.array([ROWS[row]])
    return Interval(a, np.full(a.shape, radius))


PARTS: dict[str, tuple[Callable[[Interval], Interval], Callable[[list[Any]], list[Any]]]] = {
    "softmax": (functions.softmax, probabilities),
    "one_minus_softmax": (functions.one_minus_softmax, lambda a: [1 - p for p in probabilities(a)]),
}


@each(product(PARTS, ROWS, ROW_RADII))
def test_softmax_and_its_complement_contain_every_value_over_the_ball(part, row, radius):
    enclose, truth = PARTS[part]
    with np.errstate(all="ignore"):
        enclosure = enclose(ball_of(row, radius))
    assert radius > 1 or (np.isfinite(enclosure.middle).all() and np.isfinite(enclosure.radius).all())
    for a in rows_inside(np.random.default_rng([4, len(row)]), ROWS[row], radius):
        assert_row_inside(enclosure, truth(a), part, row, radius)


@each(product(ROWS, ROW_RADII))
def test_the_vjp_through_softmax_contains_every_value_over_the_balls(row, radius):
    rng = np.random.default_rng([5, len(row)])
    a = ball_of(row, radius)
    upstream = Interval(rng.normal(size=a.middle.shape) * 3, np.full(a.middle.shape, radius * 1e-2))
    with np.errstate(all="ignore"):
        enclosure = functions.softmax_vjp(a, upstream)
    assert radius > 1 or np.isfinite(enclosure.radius).all()
    for logits in rows_inside(rng, ROWS[row], radius):
        p = probabilities(logits)
        signs = rng.choice([-1.0, 1.0], size=len(p)).tolist()
        u = [
            flint.arb(m) + flint.arb(float(upstream.radius[0, 0])) * flint.arb(s)
            for m, s in zip(upstream.middle[0].tolist(), signs, strict=True)
        ]
        mean = sum((x * y for x, y in zip(u, p, strict=True)), flint.arb(0))
        assert_row_inside(enclosure, [q * (x - mean) for q, x in zip(p, u, strict=True)], row, radius)


TARGETS: dict[str, Callable[[int], list[float]]] = {
    "the first": lambda n: [1.0] + [0.0] * (n - 1),
    "the last": lambda n: [0.0] * (n - 1) + [1.0],
    "shared": lambda n: [1.0 / n] * n,
    "any numbers": lambda n: [0.3 * (k + 1) * (-1) ** k for k in range(n)],
    "none": lambda n: [0.0] * n,
}


@each(product(ROWS, TARGETS))
def test_the_delta_of_cross_entropy_contains_every_value_over_the_ball(row, target):
    y = TARGETS[target](len(ROWS[row]))
    total = sum(map(flint.arb, y), flint.arb(0))
    for radius in ROW_RADII:
        with np.errstate(all="ignore"):
            enclosure = functions.cross_entropy_delta(ball_of(row, radius), np.array([y]))
        assert radius > 1 or np.isfinite(enclosure.radius).all()
        for a in rows_inside(np.random.default_rng([6, len(row)]), ROWS[row], radius):
            truth = [p * total - t for p, t in zip(probabilities(a), y, strict=True)]
            assert_row_inside(enclosure, truth, row, target, radius)


def test_a_saturated_row_keeps_its_digits():
    enclosure = functions.one_minus_softmax(exact(np.array([[200.0, 0.0]])))
    truth = float(1 - probabilities([flint.arb(200), flint.arb(0)])[0])
    assert abs(enclosure.middle[0, 0] / truth - 1) < 1e-12
    assert enclosure.radius[0, 0] < 1e-11 * truth
