"""The submitter's δ is read off the gradients handed in, where the batch determines it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reference_impl import LayerParameters, forward
from tests.verifier.diagnosis.builders import backward, rows, tanh_problem, verify_gradients
from verifier.diagnosis.evidence import SubmittedEvidence, collect_evidence
from verifier.diagnosis.fitting import recover_delta
from verifier.engine.rounding_allowance import rounding
from verifier.problem.precision import PRECISIONS


def evidence_of(problem: Any, gradients: dict[str, Any]) -> SubmittedEvidence:
    trace = forward(problem.network, problem.parameters, problem.batch)
    rounding_allowance = rounding(problem, trace, PRECISIONS["float64"])
    right = backward(problem)[0]
    wrong = dict.fromkeys(gradients, True)
    return collect_evidence(
        problem, trace, gradients, wrong, right, rounding_allowance.allowance, rounding_allowance.scale
    )


def zero_penalty(problem: Any, layer: int) -> LayerParameters:
    parameters = problem.parameters[layer]
    return LayerParameters(
        np.zeros_like(parameters.weight), None if parameters.bias is None else np.zeros_like(parameters.bias)
    )


def cubed(d: Any, w: Any, a: Any, z: Any) -> Any:
    """Return a gradient that no program computes."""
    return (d @ w.T) ** 3 + 0.1 * np.cos(a)


@pytest.mark.parametrize("examples", [2, 3, 4, 5])  # N ≤ in + 1 = 5
@pytest.mark.parametrize("layer", [0, 1])
def test_delta_is_that_of_the_wrong_recursion(examples, layer):
    problem = tanh_problem(31, examples=examples)
    gradients, deltas = backward(problem, hidden={layer: cubed})
    recovered = recover_delta(evidence_of(problem, gradients), layer, zero_penalty(problem, layer))
    assert recovered is not None
    # solved from inputs whose condition is below 1e4
    assert recovered.delta == pytest.approx(deltas[layer], rel=1e-9, abs=1e-11)
    assert recovered.tested == (examples < 5)


@pytest.mark.parametrize("examples", [6, 9])
def test_more_examples_than_inputs_leave_delta_open(examples):
    problem = tanh_problem(32, examples=examples)
    gradients, _ = backward(problem, hidden={0: cubed})
    assert recover_delta(evidence_of(problem, gradients), 0, zero_penalty(problem, 0)) is None


def test_equal_examples_leave_delta_open():
    problem = tanh_problem(33, examples=3)
    equal = problem.batch.inputs[[0, 1, 0]]
    problem = replace(problem, batch=replace(problem.batch, inputs=equal))
    gradients, _ = backward(problem, hidden={0: cubed})
    assert recover_delta(evidence_of(problem, gradients), 0, zero_penalty(problem, 0)) is None


def test_gradients_that_are_no_product_with_the_inputs_have_no_delta():
    problem = tanh_problem(34, examples=3)
    gradients, _ = backward(problem, weight={0: lambda z, d, a: np.sqrt(np.abs(z)).T @ d})
    assert recover_delta(evidence_of(problem, gradients), 0, zero_penalty(problem, 0)) is None


def test_a_layer_that_was_not_handed_in_has_no_delta():
    problem = tanh_problem(34, examples=3)
    gradients = {n: a for n, a in backward(problem)[0].items() if ".0." not in n}
    assert recover_delta(evidence_of(problem, gradients), 0, zero_penalty(problem, 0)) is None


# what was made, in which layer; what is said, apart from `unexplained`, and in which equation
UNKNOWN = {
    "a wrong δ": ({"hidden": {1: cubed}}, (1, "hidden_delta")),
    "a wrong δ below": ({"hidden": {0: cubed}}, (0, "hidden_delta")),
    "a wrong output δ": ({"output": lambda f, y: np.sin(3 * (f - y))}, (2, "output_delta")),
    "a wrong outer product": (
        {"weight": {1: lambda z, d, a: np.sqrt(np.abs(z)).T @ d}},
        (1, "weight_gradient"),
    ),
    "a wrong sum": ({"bias": {1: lambda d: np.cumsum(d.sum(axis=0) + 0.3)}}, (1, "bias_gradient")),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_a_mistake_that_no_catalogue_has_is_located_by_layer_and_equation(case):
    wrong, place = UNKNOWN[case]
    problem = tanh_problem(35, examples=3)
    report = verify_gradients(problem, backward(problem, **wrong)[0])
    assert rows(report) == [("unexplained", *place)]


def test_below_an_unknown_mistake_layers_are_judged_by_what_came_down():
    problem = tanh_problem(36, examples=3)
    gradients, _ = backward(problem, hidden={1: cubed, 0: lambda d, w, a, z: d @ w.T})
    assert rows(verify_gradients(problem, gradients)) == [
        ("unexplained", 1, "hidden_delta"),
        ("missing-activation-derivative", 0, "hidden_delta"),
    ]
