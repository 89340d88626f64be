"""Numbers as people have them: few digits, an epsilon, mixed precision, a weight update, other parameters."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.support.buggy_students.numbers import significant
from benchmarks.support.diagnosing import noisy
from benchmarks.support.noise import NOISES
from reference_impl import LayerParameters
from tests.drawing import draw_problem
from tests.verifier.builders import document_of_problem
from tests.verifier.diagnosis.builders import QUICK, backward, rows, tanh_problem, verify_gradients
from verifier import verify

CASES = Path(__file__).parents[2] / "data" / "field"  # from public code
MISSING = {"hidden": {0: lambda d, w, a, z: d @ w.T}}  # no tanh′ in layer 0
NAMED = ("missing-activation-derivative", 0, "hidden_delta")
ROUNDED = ("rounded", None, "numbers")
INEXACT = ("inexact-numbers", None, "numbers")


@pytest.mark.parametrize("digits", [4, 6, 9, 11, 13])
def test_a_mistake_is_named_in_numbers_of_few_significant_digits(digits):
    problem = tanh_problem(81)
    gradients = {name: significant(array, digits) for name, array in backward(problem, **MISSING)[0].items()}
    report = verify_gradients(problem, gradients)
    assert rows(report) == [NAMED, ROUNDED]
    assert report.diagnosis[1].estimates["digits"] == digits


@pytest.mark.parametrize("decimals", [6, 10, 12, 13])
def test_a_mistake_is_named_in_numbers_of_few_decimals(decimals):
    problem = tanh_problem(82)
    gradients = {name: np.round(array, decimals) for name, array in backward(problem, **MISSING)[0].items()}
    assert rows(verify_gradients(problem, gradients)) == [NAMED, ROUNDED]


def test_a_mistake_is_named_in_float32_sums_divided_in_float64():
    problem = tanh_problem(83, examples=6)
    computed = backward(problem, **MISSING, dtype=np.float32)[0]
    sums = {name: (array * np.float32(6)).astype(np.float64) for name, array in computed.items()}
    report = verify_gradients(problem, {name: array / 6.0 for name, array in sums.items()})
    assert rows(report) == [NAMED, INEXACT]


@pytest.mark.parametrize("rate", [1e-3, 2e-3])
def test_a_weight_update_is_recognised_with_its_learning_rate(rate):
    problem = tanh_problem(84)
    gradients = {}
    for name, gradient in backward(problem, **MISSING)[0].items():
        before = getattr(problem.parameters[int(name.split(".")[1])], name.split(".")[2])
        gradients[name] = (before - (before - rate * gradient)) / rate
    report = verify_gradients(problem, gradients)
    assert rows(report) == [NAMED, INEXACT]
    assert report.diagnosis[1].estimates["learning_rate"] == pytest.approx(rate)
    assert "recovered from a weight update" in report.diagnosis[1].explanation


@pytest.mark.parametrize("decimals", [4, 6, 8, 10])
def test_a_mistake_is_named_for_printed_parameters(decimals):
    drawn = tanh_problem(85)  # of short decimals
    parameters = tuple(
        LayerParameters(layer.weight * np.sqrt(1.1), layer.bias * np.sqrt(1.1)) for layer in drawn.parameters
    )
    problem = replace(drawn, parameters=parameters)
    printed = tuple(
        LayerParameters(np.round(layer.weight, decimals), np.round(layer.bias, decimals))
        for layer in problem.parameters
    )
    gradients = backward(problem, **MISSING)[0]
    assert rows(verify_gradients(replace(problem, parameters=printed), gradients)) == [NAMED, INEXACT]


def classifier(seed):
    """A network with a sigmoid output under binary cross-entropy on probabilities."""
    return draw_problem(
        np.random.default_rng(seed),
        activation_name="tanh",
        output="sigmoid",
        loss="binary_cross_entropy",
        on="probabilities",
        widths=(3, 5, 4, 2),
        examples=6,
    )


@pytest.mark.parametrize("epsilon", [1e-6, 1e-5])
def test_an_epsilon_in_a_right_gradient_is_no_numerical_gradient(epsilon):
    problem = classifier(86)
    _, gradients = NOISES["epsilon"].make(problem, (), epsilon)
    report = verify_gradients(problem, gradients, tolerance="strict")
    assert rows(report) == [INEXACT]
    assert report.diagnosis[0].estimates["epsilon"] == pytest.approx(epsilon, rel=0.1)
    assert [warning.code for warning in report.warnings] == ["inexact-numbers"]


def rows_of_case(name):
    report = verify(json.loads((CASES / f"{name}.json").read_text()), oracles=QUICK)
    return {row.bug: row for row in report.diagnosis}


def test_an_epsilon_of_public_code_is_an_epsilon_and_no_numerical_gradient():
    by_bug = rows_of_case("epsilon-called-numerical-gradient")
    assert by_bug.keys() == {"inexact-numbers"}
    assert by_bug["inexact-numbers"].estimates["epsilon"] == pytest.approx(1e-7, rel=1e-3)
    assert "an epsilon of about 1e-07 in the loss" in by_bug["inexact-numbers"].explanation


def test_differences_of_a_float32_loss_have_no_name_by_coincidence():
    assert rows_of_case("float32-differences-named-as-row-sum").keys() <= {
        "unexplained",
        "numerical-gradient",
    }


def test_a_missing_derivative_is_named_in_float32_divided_in_float64():
    by_bug = rows_of_case("float32-divided-in-float64")
    assert list(by_bug) == ["missing-activation-derivative", "inexact-numbers"]
    assert by_bug["missing-activation-derivative"].layer == 0
    assert by_bug["inexact-numbers"].estimates["digits"] in (6, 7)


def test_summed_weights_beside_an_epsilon_are_seven_times_the_right_ones():
    by_bug = rows_of_case("hunkim-epsilon-weights-summed")
    assert list(by_bug) == ["weight-sum-for-mean", "inexact-numbers"]
    assert by_bug["weight-sum-for-mean"].equation == "weight_gradient"
    assert by_bug["weight-sum-for-mean"].parameters == ("layers.1.weight", "layers.0.weight")
    assert by_bug["weight-sum-for-mean"].factor == pytest.approx(7.0, rel=1e-9)
    assert by_bug["inexact-numbers"].estimates["epsilon"] == pytest.approx(1e-7, rel=1e-3)


def test_the_slope_that_was_used_is_told():
    by_bug = rows_of_case("leaky-relu-default-slope")
    assert list(by_bug) == ["wrong-activation-derivative"]
    assert "leaky_relu with slope 0.01" in by_bug["wrong-activation-derivative"].explanation


def test_one_wrong_line_in_a_loop_is_a_wrong_product_in_every_layer():
    problem = tanh_problem(87, widths=(4, 6, 5, 3), examples=4)
    rule = {layer: lambda z, d, a: np.abs(z).T @ d for layer in range(3)}
    report = verify_gradients(problem, backward(problem, weight=rule)[0])
    assert rows(report) == [("unexplained", 2, "weight_gradient")]
    assert report.diagnosis[0].parameters == tuple(f"layers.{layer}.weight" for layer in (2, 1, 0))


def test_the_output_layer_is_not_blamed_for_noise_that_all_layers_have():
    problem = tanh_problem(88)
    wrong = {"hidden": {0: lambda d, w, a, z: (d @ w.T) ** 3 + 0.1 * np.cos(a)}}
    gradients = {name: significant(array, 6) for name, array in backward(problem, **wrong)[0].items()}
    (unexplained, printed) = rows(verify_gradients(problem, gradients))
    assert unexplained[:2] == ("unexplained", 0)
    assert printed == ROUNDED


def test_nothing_is_named_by_numbers_on_a_coarse_lattice():
    """Differences of a float32 loss are few multiples of its last digit over the step."""
    rng = np.random.default_rng(89)
    problem = draw_problem(
        rng, output="softmax", loss="cross_entropy", on="probabilities", widths=(4, 3), examples=30
    )
    for _ in range(6):
        step = 0.0596
        gradients = {
            "layers.0.weight": step * rng.integers(-1, 2, size=(4, 3)),
            "layers.0.bias": step * rng.choice([-1, 1], size=3),  # zeros would be a mistake of their own
        }
        names = {row.bug for row in verify_gradients(problem, gradients).diagnosis}
        assert names <= {"unexplained", "numerical-gradient"}


def test_one_number_is_no_constant_factor():
    document = {
        "network": {"layers": [{"in": 1, "out": 2, "activation": "identity"}]},
        "loss": {"name": "cross_entropy", "on": "logits"},
        "parameters": {"layers.0.weight": [[1.0, 1.0]], "layers.0.bias": [1.0, 1.0]},
        "inputs": [[1.0]],
        "targets": [[1.0, 0.0]],
    }
    number = 0.05249679270175331  # 0.5 · σ′(a) in place of 0.5
    gradients = {"layers.0.weight": [[-number, number]], "layers.0.bias": [-number, number]}
    (row,) = verify(document | {"gradients": gradients}, oracles=QUICK).diagnosis
    assert row.bug == "hidden-derivative-at-output"


def test_right_gradients_with_noise_have_no_finding_but_notes():
    cases = [(name, level, noisy.NO_BUG, 0) for name, noise in NOISES.items() for level in noise.levels]
    outcomes = [noisy.measure(case) for case in cases]
    assert [str(outcome) for outcome in outcomes if outcome is not None and outcome.kind == "finding"] == []


def test_the_document_of_a_note_can_be_read_by_scripts_that_know_none():
    problem = tanh_problem(90)
    document = document_of_problem(problem)
    gradients = {name: significant(array, 9) for name, array in backward(problem, **MISSING)[0].items()}
    report = verify(document | {"gradients": gradients}, oracles=QUICK).to_dict()
    assert [row["bug"] for row in report["diagnosis"]] == ["missing-activation-derivative", "rounded"]
    assert report["diagnosis"][1]["digits"] == 9


@pytest.mark.parametrize(
    ("noise", "level", "bug", "seed"),
    [
        ("significant digits", 16, "preactivation-as-input", 1),  # p − y loses digits where p is near 1
        ("decimals", 12, "weight-sum-for-mean", 1),  # N times the rounding of a mean
        ("epsilon", 1e-12, "extra-output-derivative", 1),
        ("significant digits", 4, "penalty-missing-on-biases", 1),  # and not a penalty over N
    ],
)
def test_a_mistake_of_the_benchmark_is_named(noise, level, bug, seed):
    outcome = noisy.measure((noise, level, bug, seed))
    assert (outcome.kind, outcome.located) == ("named", True), outcome


@pytest.mark.parametrize(
    ("noise", "level", "seed"),
    [
        ("printed parameters", 6, 38),  # errors of one size, larger than differences leave
        ("printed parameters", 10, 150),  # errors of one size, as large as the last printed digit leaves
        ("epsilon", 1e-6, 166),  # a norm that is nearly the right one is no threshold
        ("epsilon", 1e-8, 38),  # beside probabilities of 1e-9, where 1 − p loses digits
        ("epsilon", 1e-7, 74),  # six numbers, multiples of a digit of the loss by chance
        ("weight update", 0.001, 57),  # multiples of a digit of the weights, not of the loss
        ("weight update", 1.0, 605),  # most numbers are too large to be told from multiples
    ],
)
def test_right_gradients_of_the_benchmark_have_a_true_note(noise, level, seed):
    outcome = noisy.measure((noise, level, noisy.NO_BUG, seed))
    assert outcome.kind == "note", outcome


def test_a_delta_within_a_wide_tolerance_is_not_called_zero():
    outcome = noisy.measure_unknown(("epsilon", 1e-5, "delta rolled by a unit", 0))
    assert outcome.kind == "unexplained", outcome
