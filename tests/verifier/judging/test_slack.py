"""No tolerance certifies a gradient, and problems that any code passes are refused or undecided."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from tests.pairwise import each
from verifier import verify
from verifier.problem.errors import MalformedSubmission

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3))
Y = X @ RNG.normal(size=(3, 1)) + 0.1 * RNG.normal(size=(20, 1))
OPTIMUM = np.linalg.lstsq(X, Y, rcond=None)[0]


def regression(weight: Any, gradient: Any, **more: Any) -> dict[str, Any]:
    return {
        "network": {"layers": [{"in": 3, "out": 1, "bias": False}]},
        "loss": "mse",
        "parameters": {"layers.0.weight": weight},
        "inputs": X,
        "targets": Y,
        "gradients": {"layers.0.weight": gradient},
    } | more


def slope(weight: Any) -> Any:
    return X.T @ (X @ weight - Y) / len(X)


def refusal(document: dict[str, Any]) -> str:
    with pytest.raises(MalformedSubmission) as caught:
        verify(document)
    return str(caught.value)


@each([1, 1.0, 2.5, 1e300])
def test_an_rtol_of_one_or_more_is_refused(rtol):
    weight = np.ones((3, 1))
    message = refusal(regression(weight, 0 * weight, tolerance={"rtol": rtol}))
    assert "/tolerance/rtol" in message
    assert "below 1" in message


@each(product([0.3, 0.9, 0.999], [0.0, -1.0]))
def test_no_rtol_certifies_zeros_or_the_opposite_sign(rtol, factor):
    weight = OPTIMUM + 0.1
    report = verify(regression(weight, factor * slope(weight), tolerance={"rtol": rtol}))
    assert report.verdict != "correct"


@each([0.0, -1.0, 0.5])
def test_near_an_optimum_the_standard_tolerance_certifies_nothing_wrong(factor):
    weight = OPTIMUM + 1e-8
    report = verify(regression(weight, factor * slope(weight)))
    assert report.verdict == "undecided"
    assert "relative-tolerance" in {warning.code for warning in report.warnings}
    assert verify(regression(weight, factor * slope(weight), tolerance="strict")).verdict == "incorrect"


def test_near_an_optimum_the_right_gradient_is_correct():
    weight = OPTIMUM + 1e-8
    assert verify(regression(weight, slope(weight))).verdict == "correct"


def test_atol_certifies_no_zeros():
    weight = OPTIMUM + 1e-8
    report = verify(regression(weight, 0 * weight, tolerance={"atol": 1e-3}))
    assert report.verdict == "undecided"
    assert "additive-tolerance" in {warning.code for warning in report.warnings}


def test_a_loss_factor_of_zero_is_refused():
    weight = np.ones((3, 1))
    assert "/loss/factor" in refusal(regression(weight, 0 * weight, loss={"name": "mse", "factor": 0}))


def test_a_mask_of_zeros_alone_is_refused():
    weight = np.ones((3, 1))
    message = refusal(regression(weight, 0 * weight, masks={"layers.0": np.zeros((20, 1))}))
    assert "/masks/layers.0" in message


def test_a_gradient_that_is_zero_throughout_is_undecided():
    weight, whole = np.ones((3, 1)), np.round(4 * X)  # whole numbers, so that the loss is exactly 0
    report = verify(regression(weight, 0 * weight, inputs=whole, targets=whole @ weight))
    assert report.verdict == "undecided"
    assert "no-gradient" in {warning.code for warning in report.warnings}
    other = verify(regression(weight, 0 * weight + 1, inputs=whole, targets=whole @ weight))
    assert other.verdict == "incorrect"


def test_a_graph_of_which_no_gradient_is_asked_is_undecided():
    nodes = [{"name": "s", "op": "sum", "args": ["x"]}]
    report = verify(
        {
            "network": {"inputs": ["x"], "nodes": nodes, "output": "s"},
            "parameters": {},
            "inputs": {"x": [1.0, 2.0]},
            "gradients": {},
        }
    )
    assert report.verdict == "undecided"


def test_a_graph_that_multiplies_by_zero_certifies_nothing():
    nodes = [
        {"name": "m", "op": "multiply", "args": ["p", 0.0]},
        {"name": "s", "op": "sum", "args": ["m"]},
    ]
    report = verify(
        {
            "network": {"inputs": [], "nodes": nodes, "output": "s"},
            "parameters": {"p": [1.0, 2.0]},
            "inputs": {},
            "gradients": {"p": [0.0, 0.0]},
        }
    )
    assert report.verdict == "undecided"
