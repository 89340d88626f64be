"""Estimates of a diagnosis agree with the values that were put in."""

from itertools import product

import numpy as np
import pytest

from reference_impl import Penalty
from tests.pairwise import each
from tests.verifier.diagnosis.builders import backward, tanh_problem, verify_gradients


def single_finding(report):
    (row,) = report.diagnosis
    return row


# a difference is estimated from what it changes: a small rate has fewer digits of float64's 16
@pytest.mark.parametrize(("rate", "relative"), [(0.5, 1e-12), (0.1, 1e-11), (0.037, 1e-11), (1e-3, 1e-9)])
def test_the_learning_rate_of_weights_that_were_updated_too_early(rate, relative):
    problem = tanh_problem(11)
    step = backward(problem)[0]["layers.2.weight"]
    gradients, _ = backward(problem, hidden={1: lambda d, w, a, z: (d @ (w - rate * step).T) * (1 - z * z)})
    row = single_finding(verify_gradients(problem, gradients))
    assert (row.bug, row.layer) == ("updated-weights", 1)
    assert row.estimates["learning_rate"] == pytest.approx(rate, rel=relative)


FACTORS = [
    (0.7, "constant-factor"),
    (-0.01, "constant-factor"),
    (5.0, "batch-sum-for-mean"),  # N = 5
    (0.2, "batch-mean-for-sum"),
    (2.0, "factor-two"),
    (0.5, "factor-two"),
    (-1.0, "sign-flipped"),
    (1 / 3, "output-count-factor"),  # C = 3, and the loss sums over outputs
]


# one division of two sums of products
@each(product(FACTORS, [("float64", 1e-13), ("float32", 1e-6)]))
def test_the_factor_of_a_scaled_gradient_and_its_reading(scale, kept):
    (factor, bug), (precision, relative) = scale, kept
    problem = tanh_problem(12)
    kind = np.dtype(precision).type
    gradients = {name: kind(factor) * array for name, array in backward(problem, dtype=kind)[0].items()}
    row = single_finding(verify_gradients(problem, gradients, precision=precision))
    assert (row.bug, row.layer, row.equation) == (bug, None, "loss")
    assert row.factor == pytest.approx(factor, rel=relative)


@pytest.mark.parametrize(
    ("factor", "bug"), [(2.0, "factor-two"), (0.5, "factor-two"), (5.0, "batch-sum-for-mean")]
)
def test_a_sign_and_a_known_factor_together_are_two_rows_of_the_loss(factor, bug):
    problem = tanh_problem(12)
    gradients = {name: -factor * array for name, array in backward(problem)[0].items()}
    factors = {row.bug: row.factor for row in verify_gradients(problem, gradients).diagnosis}
    assert factors == {"sign-flipped": pytest.approx(-1.0), bug: pytest.approx(factor)}


WEIGHTS = {
    "the first left out": [0, 1, 1, 1, 1],
    "the last counted twice": [1, 1, 1, 1, 2],
    "only the last": [0, 0, 0, 0, 1],
    "by class": [0.3, 1.7, 0.3, 1.0, 1.7],
}


# weights solve a system of 5 equations whose condition is below 1e4
@pytest.mark.parametrize("case", WEIGHTS)
def test_the_weights_of_examples_that_do_not_count_alike(case):
    problem = tanh_problem(13)
    counted = np.array(WEIGHTS[case], dtype=float)
    gradients, _ = backward(problem, output=lambda f, y: counted[:, None] * (f - y) / len(y))
    row = single_finding(verify_gradients(problem, gradients))
    assert "examples-weighted" in (row.bug, *row.also_consistent)
    assert row.estimates["weights"] == pytest.approx(counted, abs=1e-10)
    assert str(row.estimates["weights"]).count("-0.0") == 0


# an element's threshold is one of the numbers handed in, exactly; a norm's is told by its round value
def test_the_threshold_of_clipping_by_element():
    problem = tanh_problem(14)
    right, _ = backward(problem)
    gradients = {name: np.clip(array, -0.25, 0.25) for name, array in right.items()}
    row = single_finding(verify_gradients(problem, gradients))
    assert (row.bug, row.layer, row.equation) == ("clipped", None, "numbers")
    assert (row.estimates["threshold"], row.estimates["by"]) == (0.25, "element")


def test_the_threshold_of_clipping_by_norm():
    problem = tanh_problem(14)
    right, _ = backward(problem)
    norm = np.sqrt(sum(np.vdot(array, array) for array in right.values()))
    assert norm > 0.5
    row = single_finding(
        verify_gradients(problem, {name: 0.5 * array / norm for name, array in right.items()})
    )
    assert row.bug == "clipped"
    assert row.estimates["threshold"] == 0.5
    assert "constant-factor" in row.also_consistent


@pytest.mark.parametrize("digits", [1, 2, 3, 4, 6])
def test_the_decimals_of_a_rounded_print(digits):
    problem = tanh_problem(15)
    gradients = {name: np.round(array, digits) for name, array in backward(problem)[0].items()}
    row = single_finding(verify_gradients(problem, gradients, tolerance="strict"))
    assert (row.bug, row.estimates["digits"]) == ("rounded", digits)


@pytest.mark.parametrize("digits", [3, 5])
def test_the_significant_digits_of_a_rounded_print(digits):
    problem = tanh_problem(15)
    printed = np.vectorize(lambda value: float(f"{value:.{digits}g}"))
    gradients = {name: printed(array) for name, array in backward(problem)[0].items()}
    row = single_finding(verify_gradients(problem, gradients, tolerance="strict"))
    assert (row.bug, row.estimates["digits"]) == ("rounded", digits)


# a slope between weights and gradients that have all their digits
@pytest.mark.parametrize("strength", [0.1, 3e-3])
def test_the_strength_of_an_undeclared_penalty_is_estimated(strength):
    problem = tanh_problem(16)
    gradients, _ = backward(problem)
    for index, parameters in enumerate(problem.parameters):
        gradients[f"layers.{index}.weight"] = (
            gradients[f"layers.{index}.weight"] + strength * parameters.weight
        )
    row = single_finding(verify_gradients(problem, gradients))
    assert row.bug == "right-gradient-of-another-loss"
    assert "l2" in row.estimates["alternative"]
    assert row.estimates["strength"] == pytest.approx(strength, rel=1e-10)


PENALTIES = [  # what the penalty's part is multiplied by, and its name
    (0.0, "penalty-missing", None),
    (2.0, "penalty-factor", 2.0),
    (1 / 5, "penalty-factor", 1 / 5),
    (0.37, "penalty-factor", 0.37),
]


@pytest.mark.parametrize(("factor", "bug", "estimate"), PENALTIES)
def test_the_factor_of_a_penalty_is_estimated(factor, bug, estimate):
    problem = tanh_problem(17, penalties=(Penalty("l2", 0.3, 0.5),))
    gradients, _ = backward(problem)
    for index, parameters in enumerate(problem.parameters):
        added = factor * 0.3 * parameters.weight
        gradients[f"layers.{index}.weight"] = gradients[f"layers.{index}.weight"] + added
    row = single_finding(verify_gradients(problem, gradients))
    assert (row.bug, row.layer, row.equation) == (bug, None, "penalty")
    assert row.factor == (None if estimate is None else pytest.approx(estimate, rel=1e-10))
