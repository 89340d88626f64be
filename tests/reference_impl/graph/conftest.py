"""The check that every operation passes, whatever its file: four ways to one derivative."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from reference_impl.graph import Array, Operation, Parameter, StaticGraph, Sum, directional_derivative

STEP = 1e-3
"""Of a five-point difference: it is wrong by about STEP**4 = 1e-12 and rounds to about eps / STEP = 1e-13."""


def five_point_difference(function: Callable[[float], Array]) -> Array:
    near, far = function(STEP) - function(-STEP), function(2 * STEP) - function(-2 * STEP)
    return (8 * near - far) / (12 * STEP)


def assert_same_derivatives(
    make: Callable[[], Operation],
    twin: Callable[..., torch.Tensor],
    operand_values: list[Array],
    twin_tolerance: float = 1e-13,
    difference_tolerance: float = 1e-9,
) -> None:
    """Compare value, backward and push_forward with torch, with differences and with one another.

    Tolerances are relative to the largest entry: a few units in the last place against torch, and what the
    differences lose against the differences.
    """
    draw = np.random.default_rng(7)
    leaves = [Parameter(value) for value in operand_values]
    node = make()(*leaves)
    graph = StaticGraph(node)
    value = graph.forward()
    cotangent = draw.standard_normal(value.shape)
    directions = [draw.standard_normal(np.shape(leaf)) for leaf in operand_values]

    weighted = StaticGraph(Sum()(node * cotangent))
    weighted.forward()
    weighted.backward()
    gradients = [weighted.gradient(leaf) for leaf in leaves]
    tangent = directional_derivative(graph, {}, dict(zip(leaves, directions, strict=True)))[1]

    def value_at(length: float) -> Array:
        steps = zip(leaves, operand_values, directions, strict=True)
        return StaticGraph(node).forward({leaf: at + length * along for leaf, at, along in steps}).copy()

    tensors = [torch.tensor(at, dtype=torch.float64, requires_grad=True) for at in operand_values]
    twin_value = twin(*tensors)
    twin_gradients = torch.autograd.grad((twin_value * torch.tensor(cotangent)).sum(), tensors)
    difference = five_point_difference(value_at)

    assert_close(value, twin_value.detach().numpy(), twin_tolerance)
    for gradient, leaf, twin_gradient in zip(gradients, leaves, twin_gradients, strict=True):
        assert gradient.shape == leaf.value.shape
        assert_close(gradient, twin_gradient.numpy(), twin_tolerance)
    assert tangent.shape == value.shape
    assert_close(tangent, difference, difference_tolerance)
    along_gradient = sum(float((g * d).sum()) for g, d in zip(gradients, directions, strict=True))
    assert along_gradient == pytest.approx(float((cotangent * tangent).sum()), rel=1e-12, abs=1e-12)
    assert along_gradient == pytest.approx(float((cotangent * difference).sum()), rel=1e-8, abs=1e-8)


def assert_close(actual: Array, expected: Array, tolerance: float) -> None:
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale)


@pytest.fixture
def same_derivatives() -> Callable[..., None]:
    return assert_same_derivatives


@pytest.fixture
def numbers() -> Callable[..., Array]:
    """Short decimals of a given shape, from `low` to `high`, the same ones in every run."""

    def random_array(*shape: int, low: float = -2.0, high: float = 2.0, seed: int = 1) -> Array:
        draw = np.random.default_rng([seed, *shape])
        return np.round(draw.uniform(low, high, shape), 2)

    return random_array
