"""Differences along every single weight: within their stated error, and left out where a kink is crossed."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from reference_impl import (
    ACTIVATIONS,
    LOSSES,
    Batch,
    Layer,
    LayerParameters,
    Network,
    Penalty,
    Problem,
    Risk,
    activation,
    forward,
    named,
)
from tests.drawing import draw_problem
from tests.pairwise import check_rows, each, pairwise
from tests.verifier.builders import small_document
from verifier import verify
from verifier.engine.estimate import Answer
from verifier.engine.rounding_allowance import Rounding, rounding
from verifier.oracles import LAYER_ORACLES, answer_of
from verifier.problem.precision import PRECISIONS
from verifier.report.model import Uncertainty

PER_WEIGHT = "finite_differences_per_weight"


def rounding_of(problem: Problem) -> Rounding:
    trace = forward(problem.network, problem.parameters, problem.batch)
    return rounding(problem, trace, PRECISIONS["float64"])


def answer_to(oracle: str, problem: Problem) -> Answer:
    return answer_of(oracle, problem, rounding_of(problem))


def assert_within_its_error(problem: Problem, largest: float = 1e-6) -> None:
    """largest: how large the error may be, relative to a parameter's largest scale (steps of 2**-17)."""
    answer, truth = answer_to(PER_WEIGHT, problem), answer_to("high_precision", problem)
    assert answer.uncertainty is Uncertainty.ESTIMATE
    assert [*answer.gradient] == [name for name, _ in named(problem.parameters)]
    scale = rounding_of(problem).scale
    for name, estimate in answer.gradient.items():
        right = truth.gradient[name]
        known = np.isfinite(estimate.error) & np.isfinite(right.error)
        assert known.any()
        distance = np.abs(estimate.value - right.value)
        assert (distance <= estimate.error + right.error)[known].all(), (name, distance, estimate.error)
        assert (estimate.error[known] <= largest * (scale[name].max() + 1)).all(), name


LOSSES_ON = [
    ("mse", "values", "identity"),
    ("cross_entropy", "logits", "identity"),
    ("cross_entropy", "probabilities", "softmax"),
    ("binary_cross_entropy", "logits", "tanh"),
    ("binary_cross_entropy", "probabilities", "sigmoid"),
]


def lies_within_its_error(name: str, loss_on: tuple[str, str, str], seed: int) -> None:
    loss, on, output = loss_on
    rng = np.random.default_rng([seed, list(ACTIVATIONS).index(name), len(loss), len(on)])
    problem = draw_problem(rng, activation_name=name, output=output, loss=loss, on=on, widths=(3, 4, 3, 2))
    assert_within_its_error(problem)


def test_every_weight_lies_within_the_stated_error_of_77_digits():
    check_rows(lies_within_its_error, pairwise(ACTIVATIONS, LOSSES_ON, range(3)))


@pytest.mark.nightly
def test_every_weight_does_with_every_seed():
    check_rows(lies_within_its_error, product(ACTIVATIONS, LOSSES_ON, range(3)))


CHOICES: dict[str, dict[str, Any]] = {
    "no biases": {"bias": False},
    "sum over examples, mean over outputs": {"batch": "sum", "outputs": "mean"},
    "masks": {"masked": True},
    "one example": {"examples": 1},
    "one layer": {"widths": (3, 2)},
    "l2": {"penalties": (Penalty("l2", 0.3, 0.5),)},
    "l2 on biases, mean": {"penalties": (Penalty("l2", 0.3, 0.5, "mean", True),)},
    "l1": {"penalties": (Penalty("l1", 0.3, 1.0),)},
    "both": {"penalties": (Penalty("l1", 0.3, 1.0, "none", True), Penalty("l2", 0.2, 0.5))},
}


@pytest.mark.parametrize("seed", [6, 11])
@pytest.mark.parametrize("size", [1.0, 300.0])
def test_large_weights_and_inputs_do_not_hide_what_truncation_costs(seed, size):
    """A step of a small weight may bend the loss by less than its last digit, one of a large input by all."""
    drawn = draw_problem(np.random.default_rng(seed), widths=[2, 4, 3, 2], examples=2, scale=10.0)
    batch = Batch(drawn.batch.inputs * size, drawn.batch.targets)
    assert_within_its_error(replace(drawn, batch=batch), largest=1e-3)


def test_a_jump_of_curvature_is_truncated_by_more_than_a_moves_cube():
    """elu at 0 has a slope but no curvature; a bias moves it by less than the heavier weight beside it."""
    layers = (Layer(2, 1, activation("elu")),)
    parameters = (LayerParameters(np.array([[3.0], [1.0]]), np.array([-3.0])),)
    batch = Batch(np.array([[1.0, 0.0]]), np.array([[2.0]]))
    risk = Risk(LOSSES["mse"], 0.5, "mean", "sum", "values", ())
    assert_within_its_error(Problem(Network(layers), parameters, batch, risk), largest=1e-4)


@each(CHOICES)
def test_penalties_biases_masks_and_reductions_are_those_of_the_risk(choice):
    for seed in range(5):
        assert_within_its_error(draw_problem(np.random.default_rng([seed, 41]), **CHOICES[choice]))


@each(product(ACTIVATIONS, CHOICES))
def test_differences_along_weights_agree_with_differences_at_units(name, choice):
    rng = np.random.default_rng([42, list(ACTIVATIONS).index(name), len(choice)])
    problem = draw_problem(rng, activation_name=name, **CHOICES[choice])
    weights, units = (
        answer_to(PER_WEIGHT, problem).gradient,
        answer_to("finite_differences", problem).gradient,
    )
    assert [*weights] == [*units]
    for parameter, one in weights.items():
        other = units[parameter]
        known = np.isfinite(one.error) & np.isfinite(other.error)
        assert known.any()
        assert (np.abs(one.value - other.value) <= one.error + other.error)[known].all()


def relu_problem(
    weights: Any, biases: Any, inputs: Any, names: tuple[str, ...] = ("relu", "identity")
) -> Problem:
    layers = tuple(Layer(len(w), len(w[0]), activation(name)) for w, name in zip(weights, names, strict=True))
    parameters = tuple(
        LayerParameters(np.array(w, dtype=float), np.array(b, dtype=float))
        for w, b in zip(weights, biases, strict=True)
    )
    batch = Batch(np.array(inputs, dtype=float), np.zeros((len(inputs), len(biases[-1]))))
    return Problem(Network(layers), parameters, batch, Risk(LOSSES["mse"], 0.5))


def with_bias(bias: float, inputs: Any = ((1, -1), (2, 3))) -> Problem:
    # unit 1's pre-activation in example 0 is 1 · 1 + 2 · (−1) + bias, everything else is far from 0
    return relu_problem(
        [[[1, 1, -1], [1, 2, 3]], [[1, 2], [3, 4], [5, 6]]], [[0.5, bias, 0.25], [0.5, 0.5]], inputs
    )


# weights up to 1 move by half of it, upwards and downwards; a weight of 2 moves by all of it
STEP = 2.0**-16
FIRST = {"layers.0.weight": [[0, 1], [1, 1]], "layers.0.bias": [[1]]}
KINKS: dict[str, tuple[Problem, dict[str, list[list[int]]]]] = {
    "exactly at it": (with_bias(1.0), FIRST),
    "within a step above": (with_bias(1.0 + 0.45 * STEP), FIRST),
    "within a step below": (with_bias(1.0 - 0.45 * STEP), FIRST),
    "within the step of the larger weight alone, which speaks for its unit": (
        with_bias(1.0 + 0.9 * STEP),
        FIRST,
    ),
    "beyond every step": (with_bias(1.0 + 2.5 * STEP), {}),
    "an input of 0 moves nothing": (
        with_bias(2.0, ((0, -1), (2, 3))),
        {"layers.0.weight": [[1, 1]], "layers.0.bias": [[1]]},
    ),
    "in the second layer": (
        relu_problem(
            [[[1.0, 1.0]], [[1.0, 1.0], [1.0, 0.0]], [[1.0], [1.0]]],
            [[0.0, 0.0], [-2.0, 1.0], [0.5]],
            [[1.0]],
            ("identity", "relu", "identity"),
        ),
        {
            "layers.0.weight": [[0, 0], [0, 1]],
            "layers.0.bias": [[0], [1]],
            "layers.1.weight": [[0, 0], [1, 0]],
            "layers.1.bias": [[0]],
        },
    ),
    "hidden by a weight of 0": (
        relu_problem(
            [[[1.0, 1.0]], [[1.0, 1.0], [0.0, 1.0]], [[1.0], [1.0]]],
            [[0.0, 1.0], [-1.0, 1.0], [0.5]],
            [[1.0]],
            ("identity", "relu", "identity"),
        ),
        {
            "layers.0.weight": [[0, 0]],
            "layers.0.bias": [[0]],
            "layers.1.weight": [[0, 0], [1, 0]],
            "layers.1.bias": [[0]],
        },
    ),
}


@pytest.mark.parametrize("case", KINKS)
def test_only_weights_of_units_that_a_kink_is_near_are_left_out(case):
    problem, expected = KINKS[case]
    answer = answer_to(PER_WEIGHT, problem)
    assert {
        name: np.argwhere(~np.isfinite(estimate.error)).tolist()
        for name, estimate in answer.gradient.items()
        if not np.isfinite(estimate.error).all()
    } == expected


@pytest.mark.parametrize(("weight", "is_known"), [(0.0, False), (1e-6, False), (-1e-6, False), (1e-4, True)])
def test_a_weight_within_a_step_of_the_kink_of_l1_is_left_out(weight, is_known):
    drawn = draw_problem(np.random.default_rng(43), widths=(2, 1), penalties=(Penalty("l1", 0.3, 1.0),))
    parameters = LayerParameters(np.array([[weight], [1.0]]), np.array([0.0]))
    answer = answer_to(PER_WEIGHT, Problem(drawn.network, (parameters,), drawn.batch, drawn.risk))
    assert np.isfinite(answer.gradient["layers.0.weight"].error).ravel().tolist() == [is_known, True]
    assert np.isfinite(answer.gradient["layers.0.bias"].error).all()


def test_it_is_asked_by_name_and_not_by_default():
    assert not LAYER_ORACLES[PER_WEIGHT].by_default
    assert PER_WEIGHT not in {item.oracle for item in verify(small_document()).evidence}
    report = verify(small_document(), oracles=[PER_WEIGHT, "backpropagation"])
    evidence = {item.oracle: item for item in report.evidence}
    assert evidence[PER_WEIGHT].entries == evidence["backpropagation"].entries == 26
    assert evidence[PER_WEIGHT].agrees
    assert report.verdict == "correct"
