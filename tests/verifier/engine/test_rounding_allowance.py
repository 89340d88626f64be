"""The allowance covers what honest narrow arithmetic loses, in any order of summation, and not much more.

The backpropagation in float32 and float16 is written out here in numpy; the truth is the same in float64.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from reference_impl import Problem, forward, named
from reference_impl.backpropagation import backpropagate
from tests.drawing import draw_problem
from tests.pairwise import each
from verifier.engine.rounding_allowance import rounding
from verifier.problem.precision import PRECISIONS

Product = Callable[[np.ndarray, np.ndarray], np.ndarray]


def sequential_product(order: Any) -> Product:
    """A matrix product that adds its terms one after the other, each sum rounded, in an order."""

    def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        total = np.zeros((left.shape[0], right.shape[1]), dtype=left.dtype)
        for k in order(left.shape[1]):
            total = total + left[:, k, None] * right[None, k, :]
        return total

    return product


ORDERS: dict[str, Product] = {
    "as BLAS adds": lambda left, right: left @ right,
    "in turn": sequential_product(range),
    "backwards": sequential_product(lambda n: reversed(range(n))),
    "permuted": sequential_product(lambda n: np.random.default_rng(1).permutation(n)),
}


def softmax(a):
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


FORWARD = {
    "tanh": np.tanh,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "relu": lambda a: np.maximum(a, a.dtype.type(0)),
    "identity": lambda a: a,
}
SLOPE = {  # from z, as programs do
    "tanh": lambda z: 1 - z * z,
    "sigmoid": lambda z: z * (1 - z),
    "relu": lambda z: (z > 0).astype(z.dtype),
    "identity": np.ones_like,
}


def narrow_gradients(problem: Problem, dtype: str, product: Product) -> dict[str, np.ndarray]:
    """Backpropagation with every number and every operation in `dtype`."""
    z = [problem.batch.inputs.astype(dtype)]
    w = [layer.weight.astype(dtype) for layer in problem.parameters]
    y = problem.batch.targets.astype(dtype)
    names = [layer.activation.name for layer in problem.network.layers]
    for index, layer in enumerate(problem.parameters):
        a = product(z[-1], w[index]) + layer.bias.astype(dtype)
        z.append(FORWARD[names[index]](a))
    size = np.dtype(dtype).type(problem.batch.size)
    delta = softmax(z[-1]) - y if problem.risk.loss.name == "cross_entropy" else z[-1] - y
    delta = delta / size
    gradients = {}
    for index in reversed(range(len(w))):
        gradients[f"layers.{index}.weight"] = product(z[index].T.copy(), delta)
        gradients[f"layers.{index}.bias"] = product(np.ones((1, len(delta)), dtype=dtype), delta)[0]
        if index:
            delta = product(delta, w[index].T.copy()) * SLOPE[names[index - 1]](z[index])
    assert all(array.dtype == dtype for array in gradients.values())
    return {name: array.astype(np.float64) for name, array in gradients.items()}


CASES = [
    ("float32", "tanh", "mse", (3, 5, 2), 4),
    ("float32", "tanh", "cross_entropy", (20, 30, 10, 5), 32),
    ("float32", "sigmoid", "mse", (50, 20, 1), 64),
    ("float32", "relu", "cross_entropy", (100, 40, 10), 16),
    ("float32", "identity", "mse", (10, 10, 10), 1),
    ("float16", "tanh", "mse", (3, 5, 2), 4),
    ("float16", "tanh", "cross_entropy", (20, 15, 5), 16),
    ("float16", "sigmoid", "cross_entropy", (30, 20, 3), 8),
]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("dtype", "activation", "loss", "widths", "examples"),
    CASES,
    ids=[f"{row[0]}, {row[1]}, {row[2]}, {'-'.join(map(str, row[3]))}" for row in CASES],
)
def test_the_allowance_covers_correct_programs_within_100_times(
    dtype, activation, loss, widths, examples, order
):
    ratios = []
    for seed in range(6):
        problem = draw_problem(
            np.random.default_rng(seed),
            activation_name=activation,
            loss=loss,
            on="logits" if loss == "cross_entropy" else None,
            widths=widths,
            examples=examples,
            scale=0.3,
        )
        truth = dict(named(backpropagate(problem)))
        trace = forward(problem.network, problem.parameters, problem.batch)
        allowance = rounding(problem, trace, PRECISIONS[dtype]).allowance
        for name, gradient in narrow_gradients(problem, dtype, ORDERS[order]).items():
            error = np.abs(gradient - truth[name])
            assert (error <= allowance[name]).all(), (name, (error / allowance[name]).max())
            with np.errstate(divide="ignore", invalid="ignore"):
                ratios.append((allowance[name] / error)[error > 0].ravel())
    assert 1 <= np.median(np.concatenate(ratios)) <= 100


@each([("float64", "float32"), ("float32", "float16"), ("float16", "bfloat16")])
def test_a_narrower_format_is_allowed_more(narrow, wide):
    problem = draw_problem(np.random.default_rng(1))
    trace = forward(problem.network, problem.parameters, problem.batch)
    little, much = (rounding(problem, trace, PRECISIONS[name]) for name in (narrow, wide))
    for name in little.allowance:
        assert (little.allowance[name] < much.allowance[name]).all()
        np.testing.assert_array_equal(little.scale[name], much.scale[name])
    assert little.risk_error < much.risk_error


def test_the_scale_is_the_sum_of_absolute_contributions():
    problem = draw_problem(np.random.default_rng(2), widths=(3, 2), examples=4)  # one layer: δ = (f − y) / N
    trace = forward(problem.network, problem.parameters, problem.batch)
    scale = rounding(problem, trace, PRECISIONS["float64"]).scale
    x, delta = problem.batch.inputs, (trace.outputs - problem.batch.targets) / 4
    by_hand = [[sum(abs(x[n, i] * delta[n, j]) for n in range(4)) for j in range(2)] for i in range(3)]
    np.testing.assert_allclose(scale["layers.0.weight"], by_hand, rtol=1e-14)
    np.testing.assert_allclose(scale["layers.0.bias"], np.abs(delta).sum(axis=0), rtol=1e-14)


def test_the_allowance_grows_in_proportion_to_the_loss():
    problems = [draw_problem(np.random.default_rng(3), batch=batch) for batch in ("mean", "sum")]
    allowances = [
        rounding(p, forward(p.network, p.parameters, p.batch), PRECISIONS["float32"]).allowance
        for p in problems
    ]
    for name in allowances[0]:
        np.testing.assert_allclose(4 * allowances[0][name], allowances[1][name], rtol=1e-6)
