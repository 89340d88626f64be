"""Rows for what public programs do at the output, with dropout and with examples, and warnings."""

import numpy as np
import pytest

from benchmarks.support.diagnosing.summary import submission
from reference_impl import backpropagate, forward, named
from tests.drawing import draw_problem
from tests.verifier.diagnosis.builders import QUICK, backward, rows, tanh_problem, verify_gradients
from verifier import verify
from verifier.diagnosis.mutants import mutants
from verifier.documents.reading import read_submission


@pytest.mark.parametrize("factor", [5.0, 1 / 5])
@pytest.mark.parametrize("layers", [(1,), (2, 1, 0)])
def test_weights_summed_where_biases_are_averaged_are_one_row(factor, layers):
    problem = tanh_problem(11)
    gradients, _ = backward(problem, weight={layer: lambda z, d, a: factor * z.T @ d for layer in layers})
    report = verify_gradients(problem, gradients)
    assert rows(report) == [("weight-sum-for-mean", layers[0], "weight_gradient")]
    assert report.diagnosis[0].factor == pytest.approx(factor)
    assert "N = 5 examples" in report.diagnosis[0].explanation


@pytest.mark.parametrize(
    ("kind", "other", "bug"),
    [("weight", "bias", "weight-sum-for-mean"), ("bias", "weight", "bias-mean-for-sum")],
)
def test_a_mean_for_a_sum_is_named_without_the_other_gradient_of_its_layer(kind, other, bug):
    problem = tanh_problem(11)
    gradients, _ = backward(problem)
    del gradients[f"layers.1.{other}"]
    gradients[f"layers.1.{kind}"] /= 5
    report = verify_gradients(problem, gradients)
    assert rows(report) == [(bug, 1, f"{kind}_gradient")]
    assert f"{other} gradient" not in report.diagnosis[0].explanation
    assert "N = 5 examples" in report.diagnosis[0].explanation


def test_a_linear_output_times_the_derivative_of_tanh_is_named():
    problem = tanh_problem(12)
    gradients, _ = backward(problem, output=lambda f, y: (f - y) / len(y) * (1 - np.tanh(f) ** 2))
    report = verify_gradients(problem, gradients)
    assert rows(report) == [("hidden-derivative-at-output", 2, "output_delta")]
    assert report.diagnosis[0].estimates["used"] == "the derivative of tanh at a"


def test_a_derivative_of_the_dropped_and_scaled_activation_is_named():
    problem = draw_problem(np.random.default_rng(13), widths=(4, 4, 4, 3), examples=5, masked=True)
    trace = forward(problem.network, problem.parameters, problem.batch)
    wrong = [row for row in mutants(problem, trace) if row.bug.id == "derivative-at-dropped-activation"]
    assert wrong
    for mutant in wrong:
        report = verify(submission(problem, dict(named(mutant.gradients))), oracles=QUICK)
        assert rows(report) == [("derivative-at-dropped-activation", mutant.layer, "hidden_delta")]


def cross_entropy(targets):
    return {
        "network": {"layers": [{"in": 2, "out": 2, "activation": "identity"}]},
        "loss": {"name": "cross_entropy"},
        "parameters": {"layers.0.weight": [[0.1, 0.2], [0.3, -0.4]], "layers.0.bias": [0.1, -0.1]},
        "inputs": [[1.0, 2.0], [-0.5, 1.0]],
        "targets": targets,
    }


@pytest.mark.parametrize("targets", [[[1.0, 0.0], [0.5, 0.6]], [[1.0, 0.0], [0.0, 0.0]]])
@pytest.mark.parametrize("is_right", [True, False])
def test_targets_that_do_not_sum_to_one_are_warned_of_in_any_case(targets, is_right):
    document = cross_entropy(targets) | {"gradients": {"layers.0.weight": [[0, 0], [0, 0]]}}
    problem = read_submission(document).problem
    gradients = dict(named(backpropagate(problem)))
    if not is_right:
        gradients = {name: array + 1 for name, array in gradients.items()}
    report = verify(submission(problem, gradients), oracles=QUICK)
    assert (report.verdict == "correct") is is_right
    (warning,) = [row for row in report.warnings if row.code == "targets-not-summing-to-one"]
    assert "1 of 2 examples" in warning.detail
    assert "example 1" in warning.detail


@pytest.mark.parametrize(
    ("weight", "reason"),
    [([[1.0, 1.0], [0.0, -2.0]], "output 1 (target 1), which is a probability of exactly 0"),
     ([[1.0, 1.0], [0.0, -3.0]], "output 1 (target 1), outside of [0, 1]: -1")],
)  # fmt: skip
def test_a_loss_that_is_not_finite_names_example_output_and_reason(weight, reason):
    document = cross_entropy([[1.0, 0.0], [0.0, 1.0]])
    document["loss"] = {"name": "cross_entropy", "on": "probabilities"}
    document["parameters"] = {"layers.0.weight": weight, "layers.0.bias": [0.0, 0.0]}
    document["inputs"] = [[0.5, 0.0], [2.0, 1.0]]
    document["gradients"] = {"layers.0.weight": [[0, 0], [0, 0]], "layers.0.bias": [0, 0]}
    report = verify(document)
    (warning,) = [row for row in report.warnings if row.code == "loss-not-finite"]
    assert f"example 1, {reason}" in warning.detail


@pytest.mark.parametrize(
    ("taken", "slope"),
    [
        ("its transpose", lambda slope: slope.T),
        ("that of the first unit for all units", lambda slope: slope[:, :1]),
        ("that of the first example for all examples", lambda slope: slope[:1]),
    ],
)
def test_a_derivative_broadcast_along_the_wrong_axis_is_named(taken, slope):
    problem = tanh_problem(14, examples=4)
    gradients, _ = backward(problem, hidden={0: lambda d, w, a, z: (d @ w.T) * slope(1 - z * z)})
    report = verify_gradients(problem, gradients)
    assert rows(report) == [("derivative-broadcast", 0, "hidden_delta")]
    assert report.diagnosis[0].estimates["used"] == taken


@pytest.mark.parametrize("seed", [15, 16])
def test_updated_weights_are_named_beside_biases_summed_over_units(seed):
    problem = tanh_problem(seed)
    above, _ = backward(problem)
    gradients, _ = backward(
        problem,
        hidden={1: lambda d, w, a, z: (d @ (w - 0.1 * above["layers.2.weight"]).T) * (1 - z * z)},
        bias={1: lambda d: np.full(d.shape[1], d.sum())},
    )
    report = verify_gradients(problem, gradients)
    assert rows(report) == [
        ("updated-weights", 1, "hidden_delta"),
        ("bias-summed-over-units", 1, "bias_gradient"),
    ]
    assert report.diagnosis[0].estimates["learning_rate"] == pytest.approx(0.1)
