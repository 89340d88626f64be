"""A student's backward pass in plain numpy, wrong where a test says so: tanh, a linear output, squared error.

Nothing of the project computes here: what a diagnosis says is held against these few lines.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.support.diagnosing.summary import submission
from reference_impl import Problem
from tests.drawing import draw_problem
from verifier import verify
from verifier.report.report import Report

Array = np.ndarray[Any, Any]
Gradients = dict[str, Array]
Rule = Callable[..., Array]

QUICK = ("backpropagation",)  # it answers for all entries; others would agree
ROUNDING = {"float64": 1e-12, "float32": 1e-5}  # relative, by norm: sums of tens of terms lose that much


def tanh_problem(
    seed: int, widths: tuple[int, ...] = (4, 4, 4, 3), examples: int = 5, **more: Any
) -> Problem:
    return draw_problem(
        np.random.default_rng([113, seed]), widths=widths, examples=examples, scale=0.7, **more
    )


def backward(
    problem: Problem,
    *,
    output: Callable[[Array, Array], Array] | None = None,
    hidden: Mapping[int, Rule] | None = None,
    weight: Mapping[int, Rule] | None = None,
    bias: Mapping[int, Rule] | None = None,
    dtype: type = np.float64,
) -> tuple[Gradients, list[Array]]:
    """Return gradients and every layer's δ.

    output: (f, y) -> δ_L. hidden[l]: (δ_{l+1}, W_{l+1}, a_l, z_l) -> δ_l. weight[l]: (z_{l−1}, δ_l, a_{l−1}).
    bias[l]: (δ_l) -> its sum.
    """
    hidden, weight, bias = hidden or {}, weight or {}, bias or {}
    W = [parameters.weight.astype(dtype) for parameters in problem.parameters]
    z, a = [problem.batch.inputs.astype(dtype)], []
    for index, parameters in enumerate(problem.parameters):
        shift = dtype(0) if parameters.bias is None else parameters.bias.astype(dtype)
        a.append(z[-1] @ W[index] + shift)
        z.append(a[-1] if index == len(W) - 1 else np.tanh(a[-1]))
    y = problem.batch.targets.astype(dtype)
    n = dtype(len(y))
    delta = (z[-1] - y) / n if output is None else output(z[-1], y)
    deltas = [delta]
    for index in reversed(range(len(W) - 1)):
        rule = hidden.get(index, lambda d, w, a, z: (d @ w.T) * (1 - z * z))
        deltas.insert(0, rule(deltas[0], W[index + 1], a[index], z[index + 1]))
    gradients: Gradients = {}
    for index, delta in enumerate(deltas):
        product = weight.get(index, lambda z, d, a: z.T @ d)
        gradients[f"layers.{index}.weight"] = product(z[index], delta, a[index - 1] if index else z[0])
        if problem.parameters[index].bias is not None:
            gradients[f"layers.{index}.bias"] = bias.get(index, lambda d: d.sum(axis=0))(delta)
    return gradients, deltas


def verify_gradients(problem: Problem, gradients: Mapping[str, Array], **how: str) -> Report:
    """Judge it as handed in, in the internal layout. how: precision, tolerance."""
    return verify(submission(problem, dict(gradients), **how), oracles=QUICK)


def rows(report: Report) -> list[tuple[str, int | None, str]]:
    return [(row.bug, row.layer, row.equation) for row in report.diagnosis]
