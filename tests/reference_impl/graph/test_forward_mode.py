import numpy as np
import pytest

from reference_impl.graph import Exp, FeedError, Input, Parameter, StaticGraph, Sum, directional_derivative


def test_one_direction_gives_one_derivative_of_every_output_entry():
    x = Input("x")
    value, tangent = directional_derivative(StaticGraph(x * x), {"x": [1.0, 2.0]}, {"x": [1.0, 10.0]})
    np.testing.assert_array_equal(value, [1.0, 4.0])
    np.testing.assert_array_equal(tangent, [2.0, 40.0])


def test_one_coordinate_at_a_time_gives_what_one_backward_sweep_gives():
    weight = Parameter([0.5, -1.0, 2.0], "weight")
    graph = StaticGraph(Sum()(Exp()(weight) * weight))
    forwards = [directional_derivative(graph, {}, {weight: unit})[1] for unit in np.eye(3)]
    graph.forward()
    graph.backward()
    np.testing.assert_allclose(forwards, graph.gradient("weight"), rtol=1e-15)


def test_leaves_not_mentioned_stay_where_they_are():
    x, weight = Input("x"), Parameter(3.0, "weight")
    graph = StaticGraph(x * weight)
    assert directional_derivative(graph, {x: 2.0}, {x: 1.0}) == (6.0, 3.0)
    assert directional_derivative(graph, {x: 2.0}, {weight: 1.0}) == (6.0, 2.0)
    assert directional_derivative(graph, {x: 2.0}, {x: 1.0, weight: 1.0}) == (6.0, 5.0)
    assert directional_derivative(graph, {x: 2.0}, {}) == (6.0, 0.0)


def test_tangents_that_fit_no_leaf_are_all_named():
    graph = StaticGraph(Input("x") * Input("y"))
    with pytest.raises(FeedError, match="'z' is no input"):
        directional_derivative(graph, {"x": 1.0, "y": 2.0}, {"z": 1.0})
    with pytest.raises(
        FeedError, match=r"tangent of x has shape \(2,\).*\(\); the tangent of y .*: give each"
    ):
        directional_derivative(graph, {"x": 1.0, "y": 2.0}, {"x": [1.0, 2.0], "y": [1.0]})
