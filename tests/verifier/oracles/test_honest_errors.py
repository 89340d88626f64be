"""Each oracle's error holds against derivatives computed with 60 digits, and is not idly large."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from reference_impl import Penalty, Problem, forward, named
from tests.drawing import draw_problem
from tests.pairwise import check_rows, pairwise
from tests.verifier.sixty_digits import differentiated
from verifier.engine.rounding_allowance import rounding
from verifier.oracles import LAYER_ORACLES, answer_of
from verifier.problem.precision import PRECISIONS

DIFFERENCES = ("finite_differences", "finite_differences_per_weight")
LOSSES = [
    ("mse", "values", "identity"),
    ("cross_entropy", "logits", "identity"),
    ("cross_entropy", "probabilities", "softmax"),
    ("binary_cross_entropy", "probabilities", "sigmoid"),
]
FACTORS = (("tanh", "sigmoid", "gelu", "softplus", "silu", "elu", "softmax"), LOSSES, (1.0, 4.0))


def draw(activation: str, loss: str, on: str, output: str, scale: float, **more: Any) -> Problem:
    rng = np.random.default_rng([len(activation), len(loss), len(on), int(scale)])
    return draw_problem(
        rng,
        activation_name=activation,
        output=output,
        loss=loss,
        on=on,
        scale=scale,
        widths=(2, 3, 2),
        examples=2,
        **more,
    )


def assert_within_errors(problem: Problem, largest: dict[str, float]) -> None:
    """largest: how large an oracle's error may be, relative to the parameter's largest scale."""
    expected = differentiated(problem)
    trace = forward(problem.network, problem.parameters, problem.batch)
    float64_rounding = rounding(problem, trace, PRECISIONS["float64"])
    for oracle in LAYER_ORACLES:
        answer = answer_of(oracle, problem, float64_rounding)
        assert set(answer.gradient) == set(expected)
        for name, estimate in answer.gradient.items():
            assert np.isfinite(estimate.error).all()
            distance = np.abs(estimate.value - expected[name])
            max_error = estimate.error + 2.0**-53 * np.abs(expected[name])  # the truth itself is a float64
            assert (distance <= max_error).all(), (oracle, name, (distance / max_error).max())
            assert (estimate.error <= largest[oracle] * float64_rounding.scale[name].max()).all(), (
                oracle,
                name,
            )


# 6 deviations of rounding are some 50 units; differences add what their steps of 2**-17 cost. A saturated
# layer may lose more: 1 − z² has no digits left where z rounds to 1, and softmax magnifies its exponents.
LARGEST = {
    1.0: dict.fromkeys(LAYER_ORACLES, 1e-12) | dict.fromkeys(DIFFERENCES, 1e-7),
    4.0: dict.fromkeys(LAYER_ORACLES, 1e-8) | dict.fromkeys(DIFFERENCES, 1e-4),
}


def lies_within_its_error(activation: str, loss: tuple[str, str, str], scale: float) -> None:
    assert_within_errors(draw(activation, *loss, scale), LARGEST[scale])


def test_every_oracle_lies_within_its_own_error_of_the_truth():
    check_rows(lies_within_its_error, pairwise(*FACTORS))


@pytest.mark.nightly
def test_so_it_does_with_every_activation_loss_and_size():
    check_rows(lies_within_its_error, product(*FACTORS))


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_penalties_too_lie_within_the_errors(norm):
    problem = draw("tanh", "mse", "values", "identity", 1.0, penalties=(Penalty(norm, 0.3, 0.5),))
    assert_within_errors(problem, LARGEST[1.0])


def test_the_truth_of_these_tests_is_the_lectures_own_example_by_hand():
    # one unit, one example: R = ½ (w x + b − y)², so ∂R/∂w = (w x + b − y) x and ∂R/∂b = w x + b − y
    problem = draw_problem(np.random.default_rng(1), widths=(1, 1), examples=1)
    w, b = (array.item() for _, array in named(problem.parameters))
    x, y = problem.batch.inputs.item(), problem.batch.targets.item()
    gradients = differentiated(problem)
    assert gradients["layers.0.weight"].item() == pytest.approx((w * x + b - y) * x, rel=1e-14)
    assert gradients["layers.0.bias"].item() == pytest.approx(w * x + b - y, rel=1e-14)
