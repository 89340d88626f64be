"""Penalties that are wrong in one layer, in all layers, or for some inputs or units of a layer."""

import numpy as np
import pytest

from reference_impl import Penalty
from tests.verifier.diagnosis.builders import backward, rows, tanh_problem, verify_gradients

STRENGTH = 0.3
SHAPES = {
    "the sum of all weights": lambda w: w.sum() + 0 * w,
    "the sign of each weight": np.sign,
    "the sum over the inputs of each unit": lambda w: w.sum(axis=0) + 0 * w,
    "the sum over the units of each input": lambda w: w.sum(axis=1, keepdims=True) + 0 * w,
}
IN_PLACES = {
    "missing for an input": (lambda w: w * (np.arange(4) > 0)[:, None], "penalty-missing", "inputs", None),
    "doubled for an input": (
        lambda w: w * (1 + (np.arange(4) < 1))[:, None],
        "penalty-factor",
        "inputs",
        2.0,
    ),
    "negated for a unit": (
        lambda w: w * np.where(np.arange(w.shape[1]) < 1, -1, 1),
        "penalty-factor",
        "units",
        -1,
    ),
}


def report_with(penalty_slope, seed=1):
    """Judge gradients with this function (layer, W) in place of the gradient of ½ λ Σ w²."""
    problem = tanh_problem(seed, penalties=(Penalty("l2", STRENGTH, 0.5),))
    gradients, _ = backward(problem)
    for layer, parameters in enumerate(problem.parameters):
        gradients[f"layers.{layer}.weight"] += STRENGTH * penalty_slope(layer, parameters.weight)
    return verify_gradients(problem, gradients)


@pytest.mark.parametrize(
    ("factor", "bug"),
    [(0, "penalty-missing"), (-1, "penalty-factor"), (2, "penalty-factor"), (1.7, "penalty-factor")],
)
@pytest.mark.parametrize("layers", [(0,), (1,), (2, 1), (2, 1, 0)])
def test_a_penalty_wrong_in_some_layers_is_one_row(factor, bug, layers):
    report = report_with(lambda layer, w: (factor if layer in layers else 1) * w)
    assert rows(report) == [(bug, None if len(layers) == 3 else layers[0], "penalty")]
    (row,) = report.diagnosis
    assert row.layers == (layers if len(layers) == 2 else ())
    if factor:
        assert row.factor == pytest.approx(factor)
    assert set(row.parameters) == {f"layers.{layer}.weight" for layer in layers}


@pytest.mark.parametrize("used", SHAPES)
@pytest.mark.parametrize("layers", [(1,), (2, 1, 0)])
def test_a_penalty_of_another_form_is_named_with_the_form(used, layers):
    report = report_with(lambda layer, w: SHAPES[used](w) if layer in layers else w)
    assert rows(report) == [("penalty-of-another-form", 1 if len(layers) == 1 else None, "penalty")]
    assert report.diagnosis[0].estimates["used"] == used


@pytest.mark.parametrize("wrong", IN_PLACES)
def test_a_penalty_wrong_in_some_places_of_a_layer_names_the_places(wrong):
    slope, bug, kind, factor = IN_PLACES[wrong]
    report = report_with(lambda layer, w: slope(w) if layer == 1 else w)
    assert rows(report) == [(bug, 1, "penalty")]
    (row,) = report.diagnosis
    assert (row.estimates[kind], row.factor) == ([0], factor)
    assert f"for the layer's {kind} [0] alone" in row.explanation


def test_an_unexplained_weight_gradient_reminds_of_the_penalty_that_was_declared():
    report = report_with(lambda layer, w: np.cos(5 * w) if layer == 1 else w)
    assert rows(report) == [("unexplained", 1, "weight_gradient")]
    assert "penalty" in report.diagnosis[0].hint


@pytest.mark.parametrize("with_penalty", [True, False])
def test_a_penalty_on_the_gradient_is_one_mistake(with_penalty):
    problem = tanh_problem(3, penalties=(Penalty("l2", STRENGTH, 0.5),))
    gradients, _ = backward(problem)
    for layer, parameters in enumerate(problem.parameters):
        name = f"layers.{layer}.weight"
        gradients[name] = (1 + STRENGTH) * gradients[name] + with_penalty * STRENGTH * parameters.weight
    assert rows(verify_gradients(problem, gradients)) == [("penalty-of-gradient", None, "penalty")]
