"""The enclosure of the gradient contains the truth of 77 digits, over everything a submission may choose."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from benchmarks.support.random_problems import draw
from reference_impl import Batch, LayerParameters, Problem, forward, named
from tests.drawing import draw_problem
from tests.pairwise import each
from verifier.engine.autodiff import gradients_of, values_of
from verifier.engine.enclosure import enclosed, enclosed_kinks
from verifier.engine.estimate import Estimate
from verifier.engine.interval_functions import INTERVALS
from verifier.engine.lowering import lowered
from verifier.engine.rounding_allowance import Rounding, rounding
from verifier.oracles import answer_of
from verifier.problem.precision import PRECISIONS


def rounding_of(problem: Problem) -> Rounding:
    trace = forward(problem.network, problem.parameters, problem.batch)
    return rounding(problem, trace, PRECISIONS["float64"])


def true_gradients(problem: Problem) -> dict[str, Estimate]:
    return dict(answer_of("high_precision", problem, rounding_of(problem)).gradient)


def assert_contained(problem: Problem) -> int:
    """Also give how many entries the truth was known of."""
    truth = true_gradients(problem)
    enclosures = enclosed(problem, rounding_of(problem).kinks)
    assert list(enclosures) == [name for name, _ in named(problem.parameters)]
    entries = 0
    for name, estimate in enclosures.items():
        known = np.isfinite(truth[name].error)
        distance = np.abs(estimate.value - truth[name].value)
        inside = distance <= estimate.half_width + truth[name].error
        assert inside[known].all(), (name, distance[known & ~inside], estimate.half_width[known & ~inside])
        assert np.isfinite(estimate.error).all()
        entries += int(known.sum())
    return entries


@pytest.mark.parametrize(
    "block", [0, 1, *(pytest.param(block, marks=pytest.mark.nightly) for block in range(2, 10))]
)
def test_the_enclosure_contains_the_truth_of_random_problems(block):
    entries = 0
    for seed in range(20 * block, 20 * block + 20):
        entries += assert_contained(draw(np.random.default_rng([seed, 17]), widest=16, most=8))
    assert entries > 100


@each(product(["tanh", "softmax", "gelu", "relu"], range(2)))
def test_the_enclosure_contains_the_truth_of_masked_networks(activation, seed):
    rng = np.random.default_rng([seed, 18])
    assert assert_contained(draw_problem(rng, activation_name=activation, depth=3, masked=True)) > 0


def scale_problem(problem: Problem, *, inputs: float, weights: float, factor: float) -> Problem:
    first, *others = problem.parameters
    return Problem(
        problem.network,
        (LayerParameters(first.weight * weights, first.bias), *others),
        Batch(problem.batch.inputs * inputs, problem.batch.targets),
        replace(problem.risk, factor=factor),
    )


SCALES = {
    "inputs of 1e6": {"inputs": 1e6, "weights": 1e-6, "factor": 0.5},
    "inputs of 1e-9": {"inputs": 1e-9, "weights": 1.0, "factor": 0.5},
    "a loss of 1e-300": {"inputs": 1.0, "weights": 1.0, "factor": 1e-300},
    "a loss of 1e-310 on inputs of 1e12": {"inputs": 1e12, "weights": 1e-12, "factor": 1e-310},
    "a loss of 1e-316 on inputs of 1e30": {"inputs": 1e30, "weights": 1e-30, "factor": 1e-316},
    "a loss of 1e250": {"inputs": 1.0, "weights": 1.0, "factor": 1e250},
    "inputs of 1e300, weights of 1e-310": {"inputs": 1e300, "weights": 1e-310, "factor": 0.5},
    "inputs of 1e-310, weights of 1e300": {"inputs": 1e-310, "weights": 1e300, "factor": 0.5},
}


@each(product([("tanh", "mse"), ("sigmoid", "cross_entropy")], SCALES, range(2)))
def test_the_enclosure_contains_the_truth_at_extreme_scales(names, scale, seed):
    activation, loss = names
    rng = np.random.default_rng([seed, 19])
    drawn = draw_problem(rng, activation_name=activation, loss=loss, examples=5)
    assert assert_contained(scale_problem(drawn, **SCALES[scale])) > 0


def test_the_enclosed_forward_pass_contains_any_order_of_summation():
    problem = draw_problem(np.random.default_rng(20), widths=(30, 20, 3))
    enclosures = values_of(lowered(problem), INTERVALS)
    x = problem.batch.inputs
    for layer, parameters in enumerate(problem.parameters):
        a = enclosures[f"a{layer}"]
        z = enclosures.get(f"z{layer}", a)  # an identity has no node
        for order in (range(x.shape[1]), reversed(range(x.shape[1]))):
            total = np.zeros(a.shape)
            for i in order:
                total = total + x[:, [i]] * parameters.weight[[i], :]
            assert (np.abs(total + parameters.bias - a.middle) <= 2 * a.radius).all()
        x = problem.network.layers[layer].activation.forward(a.middle)
        assert (np.abs(x - z.middle) <= z.radius).all()


def test_a_kink_is_reached_where_the_enclosed_preactivation_holds_it():
    problem = draw_problem(np.random.default_rng(21), activation_name="relu", widths=(2, 3, 1), examples=2)
    weight, bias = np.array([[0.1, 1.0, 0.1], [0.2, 1.0, 0.2]]), np.array([-0.3, -2.0, -0.25])
    problem = Problem(
        problem.network,
        (LayerParameters(weight, bias), problem.parameters[1]),
        Batch(np.array([[1.0, 1.0], [2.0, 1.0]]), problem.batch.targets),
        problem.risk,
    )
    (hidden, last), _ = enclosed_kinks(problem)
    # 0.1 + 0.2 − 0.3 is no zero, but float64 cannot tell it from one; 1 + 1 − 2 is one
    assert hidden.tolist() == [[True, True, False], [False, False, False]]
    assert not last.any()


def test_without_kinks_given_each_unit_is_on_the_side_that_float64_saw():
    problem = draw_problem(np.random.default_rng(22), activation_name="relu", widths=(1, 1, 1), examples=1)
    for bias, alive in ((-1.0, False), (-1.0 + 2.0**-52, True)):
        parameters = LayerParameters(np.array([[1.0]]), np.array([bias]))
        moved = Problem(
            problem.network,
            (parameters, problem.parameters[1]),
            Batch(np.array([[1.0]]), problem.batch.targets),
            problem.risk,
        )
        graph = lowered(moved)
        enclosure = gradients_of(graph, values_of(graph, INTERVALS), INTERVALS)["layers.0.bias"]
        upstream = problem.parameters[1].weight.item() * (problem.parameters[1].bias - moved.batch.targets)
        assert enclosure.middle.item() == pytest.approx(upstream.item() if alive else 0.0, rel=1e-12)
        assert enclosure.radius.item() < 1e-12
