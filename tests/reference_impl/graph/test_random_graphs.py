"""Whatever one builds from operations: backwards, forwards and torch agree."""

import numpy as np
import pytest
import torch
import torch.nn.functional as twin_of
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.graph import (
    Add,
    DynamicGraph,
    Elu,
    Gelu,
    LogSoftmax,
    MatMul,
    Mean,
    Multiply,
    Negate,
    Parameter,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    StaticGraph,
    Subtract,
    Sum,
    Tanh,
    Transpose,
    directional_derivative,
)

SHAPE = (3, 3)
UNARY = [
    (Negate, torch.neg),
    (Transpose, torch.t),
    (Sigmoid, torch.sigmoid),
    (Tanh, torch.tanh),
    (Softplus, twin_of.softplus),
    (Silu, twin_of.silu),
    (Gelu, twin_of.gelu),
    (Elu, twin_of.elu),
    (Softmax, lambda a: torch.softmax(a, -1)),
    (LogSoftmax, lambda a: torch.log_softmax(a, -1)),
    (lambda: Mean(0), lambda a: a.mean(0)),
    (lambda: Sum(1, keepdims=True), lambda a: a.sum(1, keepdim=True)),
]
BINARY = [(Add, torch.add), (Subtract, torch.sub), (Multiply, torch.mul), (MatMul, torch.matmul)]

steps = st.lists(
    st.tuples(st.integers(0, len(UNARY) + len(BINARY) - 1), st.integers(0, 99), st.integers(0, 99)),
    min_size=1,
    max_size=8,
)


def build(program, leaves, zeros, library):
    """Run a program of (operation, operand, operand) with one library's column of the tables.

    Each result is squashed and broadcast back to SHAPE, so that any may follow any.
    """
    values = list(leaves)
    for chosen, first, second in program:
        operands = [values[first % len(values)]]
        if chosen >= len(UNARY):
            operands.append(values[second % len(values)])
        function = (UNARY + BINARY)[chosen][library]
        result = function()(*operands) if library == 0 else function(*operands)
        values.append((Tanh() if library == 0 else torch.tanh)(result + zeros))
    return values[-1]


@given(program=steps, seed=st.integers(0, 1000))
def test_backwards_forwards_and_torch_agree_on_any_small_graph(program, seed):
    draw = np.random.default_rng(seed)
    numbers = [np.round(draw.uniform(-1, 1, SHAPE), 2) for _ in range(2)]
    directions = [np.round(draw.uniform(-1, 1, SHAPE), 2) for _ in range(2)]
    leaves = [Parameter(number) for number in numbers]
    graph = StaticGraph(Sum()(build(program, leaves, np.zeros(SHAPE), 0)), inputs=leaves)
    value, tangent = directional_derivative(graph, {}, dict(zip(leaves, directions, strict=True)))
    graph.backward()
    gradients = [graph.gradient(leaf) for leaf in leaves]

    tensors = [torch.tensor(number, requires_grad=True) for number in numbers]
    twin = build(program, tensors, torch.zeros(SHAPE, dtype=torch.float64), 1).sum()
    expected = torch.autograd.grad(twin, tensors, allow_unused=True, materialize_grads=True)

    assert value == pytest.approx(twin.item(), rel=1e-12, abs=1e-12)
    for gradient, twin_gradient in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(gradient, twin_gradient.numpy(), rtol=1e-10, atol=1e-12)
    along = sum(float((g * d).sum()) for g, d in zip(gradients, directions, strict=True))
    assert tangent == pytest.approx(along, rel=1e-10, abs=1e-12)


@given(program=steps, seed=st.integers(0, 1000))
def test_static_and_dynamic_graphs_give_the_same_value_and_gradients(program, seed):
    number = np.random.default_rng(seed).uniform(-1, 1, SHAPE)
    leaf = Parameter(number)
    static = StaticGraph(Sum()(build(program, [leaf], np.zeros(SHAPE), 0)))
    value = static.forward()
    static.backward()
    with DynamicGraph() as dynamic:
        start = dynamic.input(number)
        output = Sum()(build(program, [start], np.zeros(SHAPE), 0))
    dynamic.backward(output)
    assert output.value == value
    # the uses of a value are added in another order
    np.testing.assert_allclose(dynamic.gradient(start), static.gradient(leaf), rtol=1e-12, atol=1e-14)
