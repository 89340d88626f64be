"""Penalties that are wrong in one layer, in several, in all, or for some inputs or units of a layer."""

import numpy as np
import pytest

from reference_impl import Penalty
from tests.verifier.diagnosis.builders import backward, rows, tanh_problem, verify_gradients

STRENGTH = 0.3
HALF_L2 = Penalty("l2", STRENGTH, 0.5)
MEAN_L2 = Penalty("l2", STRENGTH, 0.5, batch="mean")
L1 = Penalty("l1", STRENGTH, 1.0)
ON_BIASES = Penalty("l2", STRENGTH, 0.5, biases=True)
LAYERS = range(3)


def slope_of(penalty, problem, weight):
    """Return the derivative of a penalty by the weights."""
    coefficient = penalty.coefficient(problem.batch.size)
    return coefficient * (2 * weight if penalty.norm == "l2" else np.sign(weight))


def report_with(wrong, layers=LAYERS, *, seed=1, penalty=HALF_L2):
    """Judge gradients with this function (loss's part, penalty's part, W) of each of these layers."""
    problem = tanh_problem(seed, penalties=(penalty,))
    gradients, _ = backward(problem)
    for layer, parameters in enumerate(problem.parameters):
        name, weight = f"layers.{layer}.weight", parameters.weight
        part, loss = slope_of(penalty, problem, weight), gradients[name]
        gradients[name] = wrong(loss, part, weight) if layer in layers else loss + part
    return verify_gradients(problem, gradients)


WRONG = {
    "left out": ("penalty-missing", lambda loss, part, w: loss),
    "doubled": ("penalty-factor", lambda loss, part, w: loss + 2 * part),
    "negated": ("penalty-factor", lambda loss, part, w: loss - part),
    "an odd factor": ("penalty-factor", lambda loss, part, w: loss + 1.7 * part),
    "of the gradient": ("penalty-of-gradient", lambda loss, part, w: (1 + STRENGTH) * loss),
    "in the first row alone": (
        "penalty-missing",
        lambda loss, part, w: loss + part * (np.arange(len(w)) == 0)[:, None],
    ),
    "left out for the first unit": (
        "penalty-missing",
        lambda loss, part, w: loss + part * (np.arange(w.shape[1]) > 0),
    ),
    "Σw": ("penalty-of-another-form", lambda loss, part, w: loss + STRENGTH * w.sum()),
    "sign w": ("penalty-of-another-form", lambda loss, part, w: loss + STRENGTH * np.sign(w)),
    "Σw of each unit": ("penalty-of-another-form", lambda loss, part, w: loss + STRENGTH * w.sum(axis=0)),
    "Σw of each input": (
        "penalty-of-another-form",
        lambda loss, part, w: loss + STRENGTH * w.sum(axis=1, keepdims=True),
    ),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("layers", [(0,), (1,), (2,), (1, 0), (2, 1), (2, 1, 0)])
def test_a_penalty_wrong_in_some_layers_is_one_row(case, layers):
    bug, wrong = WRONG[case]
    report = report_with(wrong, layers, seed=21)
    assert rows(report) == [(bug, None if len(layers) == 3 else layers[0], "penalty")]
    (row,) = report.diagnosis
    assert row.layers == (layers if len(layers) == 2 else ())
    assert set(row.parameters) == {f"layers.{layer}.weight" for layer in layers}


@pytest.mark.parametrize(("case", "factor"), [("doubled", 2.0), ("negated", -1.0), ("an odd factor", 1.7)])
def test_the_factor_of_a_penalty_is_estimated(case, factor):
    (row,) = report_with(WRONG[case][1], (1,)).diagnosis
    assert row.factor == pytest.approx(factor)


@pytest.mark.parametrize(
    ("case", "used"),
    [
        ("Σw", "the sum of all weights"),
        ("sign w", "the sign of each weight"),
        ("Σw of each unit", "the sum over the inputs of each unit"),
        ("Σw of each input", "the sum over the units of each input"),
    ],
)
def test_a_penalty_of_another_form_is_named_with_the_form(case, used):
    (row,) = report_with(WRONG[case][1], (1,)).diagnosis
    assert row.estimates["used"] == used


def test_a_penalty_sum_divided_by_the_examples_is_named_in_every_layer():
    wrong = WRONG["Σw"][1]
    report = report_with(lambda loss, part, w: loss + (wrong(loss, part, w) - loss) / 5, penalty=MEAN_L2)
    assert rows(report) == [("penalty-of-another-form", None, "penalty")]
    assert report.diagnosis[0].estimates["used"] == "the sum of all weights"


def test_weights_in_place_of_their_signs_are_another_form():
    report = report_with(lambda loss, part, w: loss + STRENGTH * w, (0,), penalty=L1)
    assert rows(report) == [("penalty-of-another-form", 0, "penalty")]
    assert report.diagnosis[0].estimates["used"] == "each weight itself"


IN_PLACES = {
    "in the first row alone": ("penalty-missing", "inputs", [1, 2, 3], None),
    "left out for the first unit": ("penalty-missing", "units", [0], None),
    "doubled for an input": ("penalty-factor", "inputs", [0], 2.0),
    "negated for a unit": ("penalty-factor", "units", [0], -1.0),
}
SOME = {
    **{case: wrong for case, (_, wrong) in WRONG.items()},
    "doubled for an input": lambda loss, part, w: loss + part * (1 + (np.arange(len(w)) < 1))[:, None],
    "negated for a unit": lambda loss, part, w: loss + part * np.where(np.arange(w.shape[1]) < 1, -1, 1),
}


@pytest.mark.parametrize("case", IN_PLACES)
def test_a_penalty_wrong_in_some_places_of_a_layer_names_the_places(case):
    bug, kind, places, factor = IN_PLACES[case]
    report = report_with(SOME[case], (1,))
    assert rows(report) == [(bug, 1, "penalty")]
    (row,) = report.diagnosis
    assert (row.estimates[kind], row.factor) == (places, factor)
    assert f"Only the layer's {kind} {places} are affected" in row.explanation


@pytest.mark.parametrize(
    ("l1_on_biases", "wrong", "bug"),
    [
        (True, lambda squares, sizes: squares, "penalty-missing-on-biases"),
        (True, lambda squares, sizes: sizes, "penalty-missing-on-biases"),
        (True, lambda squares, sizes: 0 * sizes, "penalty-missing-on-biases"),
        (False, lambda squares, sizes: squares + sizes, "penalty-on-biases"),
    ],
    ids=["l1 left out", "l2 left out", "both left out", "l1 added"],
)
def test_one_of_two_penalties_on_the_biases_of_a_layer_is_named(l1_on_biases, wrong, bug):
    l1 = Penalty("l1", 0.2, 1.0, biases=l1_on_biases)
    problem = tanh_problem(31, penalties=(ON_BIASES, l1))
    gradients, _ = backward(problem)
    for layer, parameters in enumerate(problem.parameters):
        for kind, values in (("weight", parameters.weight), ("bias", parameters.bias)):
            squares, sizes = slope_of(ON_BIASES, problem, values), slope_of(l1, problem, values)
            right = squares + (sizes if kind == "weight" or l1_on_biases else 0.0)
            is_wrong = (layer, kind) == (1, "bias")
            gradients[f"layers.{layer}.{kind}"] += wrong(squares, sizes) if is_wrong else right
    assert rows(verify_gradients(problem, gradients)) == [(bug, 1, "penalty")]


@pytest.mark.parametrize("layers", [(2,), (0,), (1, 0)])
def test_a_penalty_left_out_for_weights_and_biases_is_one_row(layers):
    problem = tanh_problem(29, penalties=(ON_BIASES,))
    gradients, _ = backward(problem)
    for layer, parameters in enumerate(problem.parameters):
        if layer not in layers:
            gradients[f"layers.{layer}.weight"] += STRENGTH * parameters.weight
            gradients[f"layers.{layer}.bias"] += STRENGTH * parameters.bias
    report = verify_gradients(problem, gradients)
    assert rows(report) == [("penalty-missing", layers[0], "penalty")]
    assert {f"layers.{layer}.bias" for layer in layers} <= set(report.diagnosis[0].parameters)


@pytest.mark.parametrize("penalty", [HALF_L2, MEAN_L2, L1])
def test_right_penalties_are_not_diagnosed(penalty):
    assert rows(report_with(lambda loss, part, w: loss + part, penalty=penalty, seed=27)) == []


@pytest.mark.parametrize("with_penalty", [True, False])
def test_an_unexplained_weight_gradient_mentions_a_declared_penalty(with_penalty):
    problem = tanh_problem(28, penalties=(HALF_L2,) if with_penalty else ())
    gradients, _ = backward(problem)
    for layer, parameters in enumerate(problem.parameters):
        gradients[f"layers.{layer}.weight"] += with_penalty * STRENGTH * parameters.weight
    gradients["layers.1.weight"] = np.cos(7.0 * gradients["layers.1.weight"])
    report = verify_gradients(problem, gradients)
    assert rows(report) == [("unexplained", 1, "weight_gradient")]
    assert ("penalty" in report.diagnosis[0].hint) == with_penalty


def test_a_penalty_of_the_gradient_beside_the_right_one_is_one_mistake():
    report = report_with(lambda loss, part, w: (1 + STRENGTH) * loss + part, seed=3)
    assert rows(report) == [("penalty-of-gradient", None, "penalty")]


def test_a_penalty_left_out_in_one_layer_is_not_left_out_everywhere():
    problem = tanh_problem(33, penalties=(ON_BIASES,))
    gradients, _ = backward(problem)
    for layer, parameters in enumerate(problem.parameters):
        gradients[f"layers.{layer}.weight"] += slope_of(ON_BIASES, problem, parameters.weight)
        if layer != 2:
            gradients[f"layers.{layer}.bias"] += slope_of(ON_BIASES, problem, parameters.bias)
    del gradients["layers.0.weight"], gradients["layers.1.weight"]
    assert rows(verify_gradients(problem, gradients)) == [("penalty-missing-on-biases", 2, "penalty")]
