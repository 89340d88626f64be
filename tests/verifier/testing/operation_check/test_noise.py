"""The noise of a function is measured, and what is finer than its noise decides nothing."""

from typing import Any

import numpy as np
import pytest

from verifier import check_gradient, check_operation
from verifier.testing.operation_check.differentiated import NOISE_BOUND, function_noise, vjp_by_differences

Array = Any
RNG = np.random.default_rng(3)
SMOOTH: dict[str, tuple[Any, Any]] = {
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "exp": (np.exp, np.exp),
    "log": (np.log, lambda x: 1 / x),
    "a fast sine": (lambda x: np.sin(20 * x), lambda x: 20 * np.cos(20 * x)),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", SMOOTH)
def test_differences_are_within_the_error_that_they_state(name: str, dtype: type) -> None:
    function, slope = SMOOTH[name]
    x = RNG.uniform(0.3, 2.0, size=40)
    weights = RNG.normal(size=40)
    answer = vjp_by_differences(lambda x: function(x.astype(dtype)), [x], [0], weights)
    estimate, right = answer.estimates[0], weights * slope(x)
    assert (np.abs(estimate.value - right) <= estimate.error).all()
    assert np.median(estimate.error / np.abs(right)) < (1e-11 if dtype is np.float64 else 1e-3)
    noise = function_noise(lambda x: function(x.astype(dtype)), [x], [0]) / NOISE_BOUND
    unit = np.finfo(dtype).eps
    assert 0.05 * unit < np.median(noise / np.abs(function(x))) < 50 * unit


@pytest.mark.parametrize(
    ("function", "low", "high"),
    [
        (np.abs, -1.0, 1.0),
        (lambda x: np.maximum(x, 0.0), 0.0, 1.0),
        (lambda x: np.abs(x.astype(np.float32)), -1.0, 1.0),
        (lambda x: np.where(x > 0, 3 * x, np.sin(x)), 1.0, 3.0),
    ],
)
def test_a_kink_has_the_slopes_of_both_sides(function: Any, low: float, high: float) -> None:
    estimate = vjp_by_differences(function, [np.array([0.0])], [0], np.ones(1)).estimates[0]
    assert estimate.subgradient_radius is not None
    assert estimate.value - estimate.subgradient_radius == pytest.approx(low, abs=1e-4)
    assert estimate.value + estimate.subgradient_radius == pytest.approx(high, abs=1e-4)


@pytest.mark.parametrize("distance", [1e-1, 1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_kink_beside_the_point_raises_no_false_alarm(distance: float, dtype: type) -> None:
    estimate = vjp_by_differences(
        lambda x: np.abs(x.astype(dtype) - 1), [np.array([1 + distance])], [0], np.ones(1)
    ).estimates[0]
    assert np.abs(estimate.value - 1.0) <= estimate.half_width


def test_a_jump_has_no_slope() -> None:
    estimate = vjp_by_differences(np.floor, [np.array([2.0, 2.5])], [0], np.ones(2)).estimates[0]
    assert estimate.error[0] == np.inf
    assert estimate.value[1] == 0.0
    assert estimate.error[1] < 1e-13


def test_a_slope_below_the_resolution_of_float32_is_not_called_wrong() -> None:
    def function(x: Array) -> Array:  # moves by less than half a unit in the last place of 1
        return (1.0 + 4e-8 * np.asarray(x, dtype=np.float32)).astype(np.float32)

    x = np.array([0.5, -0.4])
    assert check_gradient(function, lambda x: np.full(x.shape, 4e-8, dtype=np.float32), x)
    assert check_gradient(function, np.zeros_like, x)  # nor is what the function really does
    assert not check_gradient(function, lambda x: np.full(x.shape, 1e-4, dtype=np.float32), x)


def test_what_cannot_be_decided_is_told() -> None:
    check = check_gradient(np.floor, np.zeros_like, np.array([2.0, 2.5]))
    assert check.verdict == "undecided"
    assert "undecided-entries" in [warning.code for warning in check.warnings]


class Tanh32:
    error = 0.0

    def forward(self, x: Array) -> Array:
        self.y = np.tanh(x.astype(np.float32))
        return self.y

    def backward(self, output_grad: Array) -> Array:
        return output_grad.astype(np.float32) * (1 - self.y**2) * np.float32(1 + self.error)


class CrossEntropy32:
    error = 0.0

    def forward(self, x: Array) -> Array:
        z = x.astype(np.float32)
        z = z - z.max(axis=1, keepdims=True)
        self.logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        return np.float32(-self.logp[:, 0].mean())

    def backward(self, output_grad: Array) -> Array:
        p = np.exp(self.logp)
        p[:, 0] -= 1
        return np.float32(output_grad) * p / np.float32(len(p)) * np.float32(1 + self.error)


class LayerNorm32:
    error = 0.0

    def forward(self, x: Array) -> Array:
        x = x.astype(np.float32)
        self.s = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + np.float32(1e-5))
        self.h = (x - x.mean(axis=-1, keepdims=True)) * self.s
        return self.h

    def backward(self, output_grad: Array) -> Array:
        d, h = output_grad.astype(np.float32), self.h
        back = (d - d.mean(axis=-1, keepdims=True) - h * (d * h).mean(axis=-1, keepdims=True)) * self.s
        return back * np.float32(1 + self.error)


@pytest.mark.parametrize("written", [Tanh32, CrossEntropy32, LayerNorm32])
@pytest.mark.parametrize("shape", [(3, 4), (5, 6)])
def test_right_code_in_float32_is_correct_and_wrong_code_is_not(written: Any, shape: tuple[int, ...]) -> None:
    check = check_operation(written, shapes=[shape])
    assert check.verdict == "correct", str(check)
    wrong = type("Wrong", (written,), {"error": 2e-3})
    assert check_operation(wrong, shapes=[shape]).verdict == "incorrect"


def test_a_float32_forward_is_the_function_it_is_held_against() -> None:
    assert check_operation(Tanh32, like="tanh").verdict == "correct"


class Attention:
    def forward(self, q: Array, k: Array, v: Array) -> Array:
        scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        self.q, self.k, self.v, self.p = q, k, v, e / e.sum(axis=-1, keepdims=True)
        return self.p @ v

    def backward(self, output_grad: Array) -> Array:
        dp = output_grad @ self.v.swapaxes(-1, -2)
        ds = self.p * (dp - (dp * self.p).sum(axis=-1, keepdims=True)) / np.sqrt(self.q.shape[-1])
        return ds @ self.k, ds.swapaxes(-1, -2) @ self.q, self.p.swapaxes(-1, -2) @ output_grad


@pytest.mark.parametrize("shapes", [((2, 3, 4), (2, 3, 4), (2, 3, 2)), ((1, 2, 2), (1, 2, 2), (1, 2, 1))])
def test_zeros_that_cancel_are_judged_by_what_cancels(shapes: Any) -> None:
    """On values with equal rows the gradient of the queries is 0, and right code returns about 1e-17."""
    check = check_operation(Attention, shapes=[shapes])
    assert check.verdict == "correct", str(check)
