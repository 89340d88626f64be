"""Worked examples, small enough to be checked by hand."""

import numpy as np
import pytest

from reference_impl.graph import (
    Add,
    DynamicGraph,
    Exp,
    Input,
    Multiply,
    Parameter,
    Power,
    Sigmoid,
    StaticGraph,
    directional_derivative,
)


@pytest.mark.parametrize("x", [-1.5, 0.0, 0.5, 2.0])
def test_the_chain_rule_by_hand_backwards_and_forwards_is_one_and_the_same(x):
    """z = u**4, u = v + 3, v = x**2; so dz/dx = 4 u**3 * 1 * 2x."""
    by_hand = 4 * (x**2 + 3) ** 3 * 2 * x
    node = Input("x")
    graph = StaticGraph(Power(4)(Add()(Power(2)(node), 3.0)))
    assert graph.forward({"x": x}) == (x**2 + 3) ** 4
    graph.backward()
    assert graph.gradient("x") == pytest.approx(by_hand, rel=1e-15)
    assert directional_derivative(graph, {"x": x}, {"x": 1.0})[1] == pytest.approx(by_hand, rel=1e-15)


def test_every_arc_on_the_way_carries_its_own_factor():
    """At x = 2: v = 4, u = 7, z = 2401; dz/du = 4 * 343, du/dv = 1, dv/dx = 4."""
    x = Parameter(2.0)
    v = x**2
    u = v + 3.0
    z = u**4
    graph = StaticGraph(z)
    graph.forward()
    graph.backward()
    assert [float(node.value) for node in (x, v, u, z)] == [2.0, 4.0, 7.0, 2401.0]
    assert [float(node.grad) for node in (x, v, u, z)] == [5488.0, 1372.0, 1372.0, 1.0]


def test_the_gradients_of_several_paths_add():
    """z = f(g1(x), g2(x)) with f(a, b) = a b, g1 = exp, g2 = x**2: dz/dx = b e**x + a 2x."""
    x = Parameter(1.5)
    first, second = Exp()(x), Power(2)(x)
    graph = StaticGraph(Multiply()(first, second))
    graph.forward()
    graph.backward()
    along_first, along_second = first.grads[0], second.grads[0]
    assert along_first == pytest.approx(1.5**2 * np.exp(1.5), rel=1e-15)
    assert along_second == pytest.approx(np.exp(1.5) * 3.0, rel=1e-15)
    assert graph.gradient(x) == along_first + along_second


def test_the_circuit_of_a_sum_times_a_factor():
    """Source: CS231n, "Backpropagation, Intuitions": f = (x + y) z at (-2, 5, -4)."""
    x, y, z = Input("x"), Input("y"), Input("z")
    graph = StaticGraph((x + y) * z)
    assert graph.forward({"x": -2.0, "y": 5.0, "z": -4.0}) == -12.0
    graph.backward()
    assert [float(graph.gradient(name)) for name in "xyz"] == [-4.0, -4.0, 3.0]


def test_the_circuit_of_a_sigmoid_neuron():
    """Source: CS231n, the same notes: w = (2, -3, -3), x = (-1, -2); printed there to two decimals."""
    names = {"w0": 2.0, "x0": -1.0, "w1": -3.0, "x1": -2.0, "w2": -3.0}
    with DynamicGraph() as graph:
        w0, x0, w1, x1, w2 = (graph.input(value, name) for name, value in names.items())
        neuron = Sigmoid()(w0 * x0 + w1 * x1 + w2)
    graph.backward(neuron)
    assert neuron.value == pytest.approx(0.73, abs=0.005)
    gradients = [float(graph.gradient(name)) for name in names]
    assert gradients == pytest.approx([-0.20, 0.39, -0.39, -0.59, 0.20], abs=0.005)


def test_the_example_of_two_paths_that_cancel():
    x = Parameter([3.0, -1.0])
    graph = StaticGraph((x - x) @ np.ones(2))
    assert graph.forward() == 0.0
    graph.backward()
    np.testing.assert_array_equal(graph.gradient(x), [0.0, 0.0])
