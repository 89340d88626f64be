"""A network lowered to a graph has the values and gradients of the network."""

import numpy as np
import pytest

from benchmarks.support.random_problems import draw
from reference_impl import forward, named
from reference_impl.backpropagation import backpropagate, penalty_gradient
from reference_impl.problem import example_losses
from tests.drawing import draw_problem
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import gradients_of, values_of
from verifier.engine.lowering import OUTPUT, activated, lowered, preactivation


@pytest.mark.parametrize("seed", range(40))
def test_the_lowered_graph_has_the_gradients_of_the_recursion(seed):
    problem = draw(np.random.default_rng([seed, 23]), widest=12, most=6)
    graph = lowered(problem)
    gradients = gradients_of(graph, values_of(graph, FLOATS), FLOATS)
    trace = forward(problem.network, problem.parameters, problem.batch)
    layers = range(len(problem.parameters))
    penalties = dict(named([penalty_gradient(problem, trace, layer) for layer in layers]))
    expected = dict(named(backpropagate(problem)))
    assert list(graph.requested) == list(expected)
    for name, gradient in expected.items():
        np.testing.assert_allclose(gradients[name] + penalties[name], gradient, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_the_lowered_graph_has_the_values_of_the_forward_pass(loss, masked):
    problem = draw_problem(np.random.default_rng(24), loss=loss, depth=3, masked=masked)
    values = values_of(lowered(problem), FLOATS)
    trace = forward(problem.network, problem.parameters, problem.batch)
    for layer, a in enumerate(trace.a):
        assert np.array_equal(values[preactivation(layer)], a)
        if activated(layer) in values:
            assert np.array_equal(values[activated(layer)], trace.z[layer + 1])
    losses = example_losses(problem, trace.a[-1], trace.outputs)
    expected = losses.sum() * problem.risk.example_scale(problem.batch.size)
    assert values[OUTPUT] == pytest.approx(expected, rel=1e-14)
