"""At a kink every slope of the subdifferential is right, if one choice gives all entries; nothing else is."""

import json
from typing import Any

import numpy as np
import pytest

from benchmarks.support.students import numpy_student, torch_student
from reference_impl import Batch, LayerParameters, Problem, forward
from tests.drawing import draw_problem
from tests.pairwise import each
from verifier import Report, verify
from verifier.problem.precision import PRECISIONS
from verifier.problem.submission import TOLERANCES, Convention, Submission


def layer(weight: Any, name: Any) -> dict[str, Any]:
    return {"in": len(weight), "out": len(weight[0]), "activation": name}


def document(weights: Any, biases: Any, names: Any, x: Any, y: Any, **more: Any) -> dict[str, Any]:
    """R = 1/N Σ ½ (f − y)²."""
    parameters: dict[str, Any] = {}
    for index, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        parameters |= {f"layers.{index}.weight": weight, f"layers.{index}.bias": bias}
    return {
        "network": {"layers": [layer(w, name) for w, name in zip(weights, names, strict=True)]},
        "loss": {"name": "mse"},
        "parameters": parameters,
        "inputs": x,
        "targets": y,
        "tolerance": "strict",
    } | more


# One unit: a = 1 + 2 − 3 = 0, f = 0, ∂R/∂f = 3, ∂R/∂z = 6. The gradient for the slope s is 6 s.
ONE_UNIT: dict[str, Any] = {"weights": [[[1], [2]], [[2]]], "biases": [[-3], [0]], "x": [[1, 1]], "y": [[-3]]}


def unit_document(name: Any, slopes: tuple[float, float, float]) -> dict[str, Any]:
    """Submit a slope for each of both weights and for the bias."""
    submission = document(names=[name, "identity"], **ONE_UNIT)
    first, second, bias = (6 * s for s in slopes)
    submission["gradients"] = {
        "layers.0.weight": [[first], [second]],
        "layers.0.bias": [bias],
        "layers.1.weight": [[0]],
        "layers.1.bias": [3],
    }
    return submission


ACTIVATIONS: dict[str, tuple[Any, tuple[float, ...], tuple[float, ...]]] = {
    # the activation; slopes that are right, slopes that are wrong
    "relu": ("relu", (0.0, 1.0, 0.5, 0.123), (1.5, -0.1, 1.0 + 1e-9, -1e-9, -1.0, 100.0)),
    "leaky_relu": ("leaky_relu", (0.01, 1.0, 0.5), (0.0, 1.01, 0.01 - 1e-9, -0.1, 1.5)),
    "leaky_relu of slope 0.3": (
        {"name": "leaky_relu", "slope": 0.3},
        (0.3, 0.65, 1.0),
        (0.0, 0.299, 1.001, -0.3),
    ),
    "leaky_relu, steeper on the left": (
        {"name": "leaky_relu", "slope": 3.0},
        (3.0, 1.0, 2.0),
        (0.9, 3.1, 0.0),
    ),
    "elu of alpha 2": ({"name": "elu", "alpha": 2.0}, (1.0, 2.0, 1.5), (0.9, 2.1, 0.0)),
}
ONE = ("backpropagation",)
RIGHT = [(name, slope) for name, (_, right, _) in ACTIVATIONS.items() for slope in right]
WRONG = [(name, slope) for name, (_, _, wrong) in ACTIVATIONS.items() for slope in wrong]


@each(RIGHT)
def test_every_slope_of_the_subdifferential_is_correct(name, slope):
    report = verify(unit_document(ACTIVATIONS[name][0], (slope,) * 3), oracles=ONE)
    assert report.verdict == "correct"
    assert report.parameters["layers.0.weight"].subgradients == 2
    assert report.parameters["layers.0.bias"].subgradients == 1
    assert report.parameters["layers.1.bias"].subgradients == 0


@each(WRONG)
def test_a_slope_outside_is_incorrect_and_told_that_there_are_several(name, slope):
    report = verify(unit_document(ACTIVATIONS[name][0], (slope,) * 3), oracles=ONE, diagnosis=False)
    assert report.verdict == "incorrect"
    rows = {row["name"]: row for row in report.to_dict()["parameters"]}
    assert rows["layers.0.weight"]["incorrect"] == 2
    assert rows["layers.0.bias"]["incorrect"] == 1
    for entry in rows["layers.0.weight"]["worst"]:
        assert entry["subgradient"] is True
        nearest = min(ACTIVATIONS[name][1], key=lambda right: abs(right - slope))
        assert entry["expected"] == pytest.approx(6 * nearest, abs=1e-12)
        least, greatest = (f(ACTIVATIONS[name][1]) for f in (min, max))
        assert entry["slopes"] == pytest.approx([6 * least, 6 * greatest], abs=1e-12)
        assert (entry["rel_error"] is None) == (nearest == 0)


def test_the_text_of_a_wrong_slope_shows_the_interval_of_right_ones():
    report = verify(unit_document("relu", (-0.1, -0.1, -0.1)))
    assert "submitted -0.6, expected any slope from 0 to 6, allowed " in str(report)
    assert report.parameters["layers.0.weight"].max_rel_error is None


@pytest.mark.parametrize(
    ("slopes", "incorrect"),
    [
        ((0.5, 0.5, 0.5), 0),
        ((1.0, 1.0, 0.0), 1),  # weights as on one side, the bias as on the other
        ((0.0, 1.0, 0.5), 2),
        ((0.0, 1.5, 0.5), 1),
        ((-0.1, 1.5, 0.5), 2),
        ((float("nan"), 1.0, 1.0), 1),
    ],
    ids=["one slope", "the bias on the other side", "three slopes", "one too steep", "two too steep", "NaN"],
)
def test_all_entries_of_a_unit_share_one_slope(slopes, incorrect):
    report = verify(unit_document("relu", slopes))
    assert sum(row.incorrect for row in report.parameters.values()) == incorrect
    assert report.verdict == ("incorrect" if incorrect else "correct")


def test_a_mixture_of_slopes_is_explained():
    report = verify(unit_document("relu", (1.0, 1.0, 0.0)))
    assert "inconsistent-slopes" in {caution.code for caution in report.warnings}
    (entry,) = report.parameters["layers.0.bias"].worst
    assert entry.expected == pytest.approx(6)  # what the slope of the weights gives


def test_a_warning_names_unit_and_example():
    submission = document(
        [[[1, 1, -1], [1, 2, 3]], [[1], [3], [5]]],
        [[0.5, 1, 0.25], [0.5]],
        ["relu", "identity"],
        [[2, 3], [1, -1]],
        [[0], [0]],
        gradients={},
    )
    submission["gradients"] = {
        name: np.zeros(np.shape(value)) for name, value in submission["parameters"].items()
    }
    (caution,) = [c for c in verify(submission).warnings if c.code == "kink"]
    assert (caution.layer, caution.units) == (0, (1,))
    assert "unit 1 in example 1" in caution.detail
    assert "kink of relu" in caution.detail


def test_away_from_kinks_there_is_neither_warning_nor_subgradient():
    submission = unit_document("relu", (1.0, 1.0, 1.0))
    submission["parameters"]["layers.0.bias"] = [-2.5]
    report = verify(submission)
    assert "kink" not in {caution.code for caution in report.warnings}
    assert all(row.subgradients == 0 for row in report.parameters.values())


# Two relus at 0 behind an identity: a = (1, −2) z + (−1, 2), z = 1, f = 3 z₁ + 5 z₂, ∂R/∂f = 1.
@pytest.mark.parametrize(
    ("first", "verdict"),
    [(0.0, "correct"), (3.0, "correct"), (-10.0, "correct"), (-7.0, "correct"), (-3.3, "correct"),
     (3.1, "incorrect"), (-10.1, "incorrect")],
)  # fmt: skip
def test_through_later_layers_every_sum_of_slopes_is_right(first, verdict):
    # 3 s₁ − 10 s₂: any s₁ and s₂ that give the sum
    s2 = np.clip(-first / 10, 0, 1) if first < 0 else 0.0
    s1 = np.clip((first + 10 * s2) / 3, 0, 1)
    submission = document(
        [[[1]], [[1, -2]], [[3], [5]]],
        [[0], [-1, 2], [0]],
        ["identity", "relu", "identity"],
        [[1]],
        [[-1]],
    )
    submission["gradients"] = {
        "layers.0.weight": [[first]],
        "layers.0.bias": [first],
        "layers.1.weight": [[3 * s1, 5 * s2]],
        "layers.1.bias": [3 * s1, 5 * s2],
        "layers.2.weight": [[0], [0]],
        "layers.2.bias": [1],
    }
    report = verify(submission)
    assert report.parameters["layers.0.weight"].verdict == verdict
    assert report.parameters["layers.0.bias"].verdict == verdict
    assert report.parameters["layers.1.weight"].verdict == "correct"
    assert report.verdict == verdict


# Two relus in a row, both at 0, ∂R/∂f = 1 and a weight of 2 between: 2 s₀ s₁ is in [0, 2].
@pytest.mark.parametrize(
    ("first", "verdict"),
    [(0.0, "correct"), (2.0, "correct"), (0.7, "correct"), (2.1, "incorrect"), (-0.5, "incorrect")],
)
def test_of_two_kinks_in_a_row_only_products_of_slopes_are_right(first, verdict):
    submission = document(
        [[[1]], [[2]], [[1]]], [[-1], [0], [0]], ["relu", "relu", "identity"], [[1]], [[-1]]
    )
    submission["gradients"] = {
        "layers.0.weight": [[first]],
        "layers.0.bias": [first],
        "layers.1.weight": [[0]],
        "layers.1.bias": [1],
        "layers.2.weight": [[0]],
        "layers.2.bias": [1],
    }
    assert verify(submission).parameters["layers.0.weight"].verdict == verdict


def test_a_kink_behind_another_is_limited_by_the_one_in_front_of_it():
    submission = document(
        [[[1]], [[2]], [[1]]], [[-1], [0], [0]], ["relu", "relu", "identity"], [[1]], [[-1]]
    )
    zero = {"layers.1.weight": [[0]], "layers.2.weight": [[0]], "layers.2.bias": [1]}
    for first, verdict in ((0.9, "correct"), (1.5, "undecided")):  # 2 s₀ s₁ with s₁ = 0.5
        gradients = {"layers.0.weight": [[first]], "layers.0.bias": [first], "layers.1.bias": [0.5]}
        report = verify({**submission, "gradients": {**zero, **gradients}})
        assert report.verdict == verdict


class TestL1:
    @pytest.mark.parametrize(
        ("subgradient", "verdict"),
        [(0.0, "correct"), (1.0, "correct"), (-1.0, "correct"), (0.3, "correct"), (1.01, "incorrect"),
         (-1.01, "incorrect"), (2.0, "incorrect")],
    )  # fmt: skip
    @pytest.mark.parametrize(("batch", "coefficient"), [("none", 0.5), ("mean", 0.25)])
    def test_at_a_weight_of_0_any_share_of_the_coefficient_is_right(
        self, batch, coefficient, subgradient, verdict
    ):
        submission = document([[[0], [2]]], [[0]], ["identity"], [[1, 1], [1, 1]], [[1], [1]])  # ∂R/∂f = 1
        submission["loss"]["l1"] = {"strength": 0.5, "batch": batch}
        submission["gradients"] = {
            "layers.0.weight": [[1 + subgradient * coefficient], [1 + coefficient]],
            "layers.0.bias": [1],
        }
        report = verify(submission)
        assert report.parameters["layers.0.weight"].verdict == verdict
        assert report.parameters["layers.0.weight"].subgradients == 1
        (caution,) = [c for c in report.warnings if c.code == "kink"]
        assert "l1" in caution.detail

    @pytest.mark.parametrize("share", [0.0, 0.5, -1.0])
    def test_at_any_other_weight_only_its_sign_is_right(self, share):
        submission = document([[[0], [2]]], [[0]], ["identity"], [[1, 1]], [[1]])
        submission["loss"]["l1"] = {"strength": 0.5}
        submission["gradients"] = {"layers.0.weight": [[1], [1 + 0.5 * share]], "layers.0.bias": [1]}
        assert verify(submission).parameters["layers.0.weight"].incorrect == 1


# ----------------------------------------------------------------------------------- narrow precisions
def near_kinks(seed: int, activation: str) -> Problem:
    """Pre-activations of one unit within a hundred-thousandth of 0: half precision cannot tell its mask."""
    drawn = draw_problem(
        np.random.default_rng([seed, 51]), activation_name=activation, widths=(6, 5, 3), examples=8, scale=0.7
    )
    first = drawn.parameters[0]
    inputs = np.array(drawn.batch.inputs)
    wanted = np.random.default_rng([seed, 52]).choice([-1.0, 1.0], size=8) * 1e-5
    bias = np.array(first.bias)
    rest = inputs[:, 1:] @ first.weight[1:, 0] + bias[0]
    weight = np.array(first.weight)
    weight[0, 0] = 1.0
    inputs[:, 0] = wanted - rest
    return Problem(
        drawn.network,
        (LayerParameters(weight, bias), *drawn.parameters[1:]),
        Batch(inputs, drawn.batch.targets),
        drawn.risk,
    )


def verify_gradients(problem: Problem, gradients: dict[str, Any], precision: str) -> Report:
    arrays = {name: np.asarray(array, dtype=float) for name, array in gradients.items()}
    tolerance = TOLERANCES["standard"]
    submission = Submission(None, problem, arrays, PRECISIONS[precision], None, tolerance, Convention(), {})
    return verify(submission, oracles=ONE)


def flipped(problem: Problem) -> dict[str, np.ndarray]:
    """Backpropagate in float64 with the other slope at every pre-activation near 0."""
    trace = forward(problem.network, problem.parameters, problem.batch)
    (hidden, _), a, z = problem.network.layers, trace.a[0], trace.z
    slope = hidden.activation.derivative(np.where(np.abs(a) < 1e-4, -a, a))
    delta = (trace.outputs - problem.batch.targets) / problem.batch.size
    below = (delta @ problem.parameters[1].weight.T) * slope
    return {
        "layers.0.weight": z[0].T @ below,
        "layers.0.bias": below.sum(axis=0),
        "layers.1.weight": z[1].T @ delta,
        "layers.1.bias": delta.sum(axis=0),
    }


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(1, 5))]
)
@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
class TestNarrowPrecision:
    def test_masks_that_a_narrow_precision_flipped_are_right_in_it(self, precision, activation, seed):
        problem = near_kinks(seed, activation)
        gradients = (
            numpy_student(problem, "float16", "permuted", np.random.default_rng(seed))
            if precision == "float16"
            else torch_student(problem, "bfloat16")
        )
        report = verify_gradients(problem, gradients, precision)
        assert report.verdict == "correct"
        assert "kink" in {caution.code for caution in report.warnings}

    def test_all_masks_flipped_are_right_in_it_and_wrong_in_float64(self, precision, activation, seed):
        problem = near_kinks(seed, activation)
        right = numpy_student(problem, "float64", "blas", np.random.default_rng(seed))
        other = flipped(problem)
        assert np.abs(other["layers.0.weight"] - right["layers.0.weight"]).max() > 1e-2
        assert verify_gradients(problem, right, "float64").verdict == "correct"
        assert verify_gradients(problem, other, precision).verdict == "correct"
        report = verify_gradients(problem, other, "float64")
        assert report.verdict == "incorrect"
        assert report.parameters["layers.0.weight"].incorrect > 0
        assert report.parameters["layers.1.weight"].verdict == "correct"

    def test_a_slope_outside_is_incorrect_in_it_too(self, precision, activation, seed):
        problem = near_kinks(seed, activation)
        gradients = flipped(problem)
        gradients["layers.0.bias"][0] += 3 * np.abs(gradients["layers.0.bias"]).max() + 3.0
        assert (
            verify_gradients(problem, gradients, precision).parameters["layers.0.bias"].verdict == "incorrect"
        )


def test_the_document_of_a_report_at_a_kink_is_strict_json():
    report = verify(unit_document("relu", (1.5, 0.5, 0.0)), entries="all")
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["verdict"] == "incorrect"
