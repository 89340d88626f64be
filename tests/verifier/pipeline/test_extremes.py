"""Numbers at the ends of float64: the verdict is right, or undecided with a reason, and never wrong."""

import json
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest

from reference_impl import forward
from tests.drawing import draw_problem
from tests.pairwise import check_rows, pairwise
from tests.verifier.builders import document_of_problem
from tests.verifier.native import loss_and_gradients
from verifier import verify
from verifier.documents.reading import read_submission
from verifier.engine.rounding_allowance import rounding
from verifier.oracles import answer_of
from verifier.problem.precision import PRECISIONS

REASONS = {"overflow", "uncertain-reference", "loss-not-finite"}

Scales = dict[str, float]
# what multiplies each part of a 3-4-3-2 network; `factor` is the loss's own
EXTREMES: dict[str, Scales] = {
    "weights of 1e200": {"layers.0.weight": 1e200, "layers.1.weight": 1e200, "layers.2.weight": 1e200},
    "first weights of 1e200": {"layers.0.weight": 1e200},
    "last weights of 1e200": {"layers.2.weight": 1e200},
    "weights of 1e100": {"layers.0.weight": 1e100, "layers.1.weight": 1e100, "layers.2.weight": 1e100},
    "first weights of 1e300": {"layers.0.weight": 1e300},
    "last weights of 1e300": {"layers.2.weight": 1e300},
    "inputs of 1e300": {"inputs": 1e300},
    "biases of 1e300": {"layers.0.bias": 1e300, "layers.1.bias": 1e300},
    "targets of 1e300": {"targets": 1e300},
    "targets of 1e160": {"targets": 1e160},
    "a loss of 1e-200": {"factor": 1e-200},
    "a loss of 1e-300": {"factor": 1e-300},
    "a loss of 1e-310": {"factor": 1e-310},
    "a loss of 1e-320": {"factor": 1e-320},
    "a loss of 1e300": {"factor": 1e300},
    "weights of 1e-200": {"layers.0.weight": 1e-200, "layers.1.weight": 1e-200, "layers.2.weight": 1e-200},
    "weights of 1e-300": {"layers.0.weight": 1e-300, "layers.1.weight": 1e-300, "layers.2.weight": 1e-300},
    "first weights denormal": {"layers.0.weight": 1e-310},
    "last weights denormal": {"layers.2.weight": 1e-310},
    "inputs denormal": {"inputs": 1e-310},
    "inputs denormal, weights of 1e300": {"inputs": 1e-310, "layers.0.weight": 1e300},
    "inputs of 1e300, weights denormal": {"inputs": 1e300, "layers.0.weight": 1e-310},
    "one layer 1e-150, another 1e150": {"layers.0.weight": 1e-150, "layers.1.weight": 1e150},
    "one layer 1e150, another 1e-150": {"layers.0.weight": 1e150, "layers.1.weight": 1e-150},
    "last layer 1e150, middle 1e-150": {"layers.1.weight": 1e-150, "layers.2.weight": 1e150},
    "everything 1e-100 but the loss": {
        "layers.0.weight": 1e-100,
        "layers.1.weight": 1e-100,
        "layers.2.weight": 1e-100,
        "inputs": 1e-100,
        "factor": 1e250,
    },
    "inputs of 1e20, a loss of 1e-305": {"inputs": 1e20, "factor": 1e-305},
}
LOSSES = {"mse": ("mse", "values"), "cross entropy": ("cross_entropy", "logits")}
ACTIVATIONS = ["tanh", "relu", "sigmoid", "identity", "gelu"]
BY_DAY = ["tanh", "relu", "gelu"]
ROWS = pairwise(BY_DAY, LOSSES, EXTREMES)


@cache
def document_and_gradient(
    activation: str, loss: str, extreme: str
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return a document and its true gradient."""
    document = document_of(activation, loss, EXTREMES[extreme])
    return document, true_gradient(document)


def document_of(activation: str, loss: str, scales: Scales) -> dict[str, Any]:
    name, on = LOSSES[loss]
    drawn = draw_problem(
        np.random.default_rng([71, len(activation), len(loss)]),
        activation_name=activation,
        loss=name,
        on=on,
        widths=(3, 4, 3, 2),
        examples=5,
    )
    document = document_of_problem(drawn)
    document["loss"]["factor"] *= scales.get("factor", 1.0)
    for field in ("inputs", "targets"):
        if name == "mse" or field == "inputs":
            document[field] = document[field] * scales.get(field, 1.0)
    document["parameters"] = {key: v * scales.get(key, 1.0) for key, v in document["parameters"].items()}
    return document | {"gradients": {}}


def true_gradient(document: dict[str, Any]) -> dict[str, np.ndarray]:
    """77 digits and exponents without limit, rounded to float64 at the very end.

    PyTorch's where that is not sharp (the sign of a pre-activation of e^−1e20), 0 where nobody has a number.
    """
    problem = read_submission(document).problem
    with np.errstate(all="ignore"):
        trace = forward(problem.network, problem.parameters, problem.batch)
    answer = answer_of("high_precision", problem, rounding(problem, trace, PRECISIONS["float64"]))
    native = loss_and_gradients(document)[1]
    gradients = {}
    for name, estimate in answer.gradient.items():
        sharp = estimate.error <= 1e-15 * np.abs(estimate.value) + 1e-323
        value = np.where(sharp, estimate.value, native[name])
        gradients[name] = np.where(np.isfinite(value), value, 0.0)
    return gradients


def verify_document(document: dict[str, Any], tolerance: str, diagnosis: bool = True) -> Any:
    report = verify(document | {"tolerance": tolerance}, diagnosis=diagnosis)
    json.dumps(report.to_dict(), allow_nan=False)
    if report.verdict == "undecided":
        assert REASONS & {caution.code for caution in report.warnings}
    return report


def right_is_never_incorrect(activation: str, loss: str, extreme: str, tolerance: str = "strict") -> None:
    document, truth = document_and_gradient(activation, loss, extreme)
    # where float64 has no number for it, 0 stands for the truth: only what is finite may be judged
    right = verify_document(document | {"gradients": truth}, tolerance)
    assert right.verdict in ("correct", "undecided")


def doubled_is_never_correct(
    activation: str, loss: str, extreme: str, tolerance: str = "standard", diagnosis: bool = False
) -> None:
    document, truth = document_and_gradient(activation, loss, extreme)
    with np.errstate(over="ignore"):
        twice = {name: 2.0 * array for name, array in truth.items()}
    report = verify_document(document | {"gradients": twice}, tolerance, diagnosis=diagnosis)
    for name, array in truth.items():
        row = report.parameters[name]
        if (np.abs(array) > 1e-300).any():  # below it a digit may be all there is
            assert row.verdict != "correct", name
        assert row.incorrect <= np.count_nonzero(array)


@pytest.mark.parametrize("activation", BY_DAY)
def test_a_right_gradient_is_never_incorrect(activation):
    check_rows(right_is_never_incorrect, [row for row in ROWS if row[0] == activation])


@pytest.mark.parametrize("activation", BY_DAY)
def test_a_doubled_gradient_is_never_correct(activation):
    check_rows(doubled_is_never_correct, [row for row in ROWS if row[0] == activation])


@pytest.mark.nightly
@pytest.mark.parametrize("tolerance", ["strict", "standard"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_extremes_are_judged_in_every_tolerance_and_with_a_diagnosis(activation, loss, tolerance):
    rows = [(activation, loss, extreme, tolerance) for extreme in EXTREMES]
    check_rows(right_is_never_incorrect, rows)
    check_rows(doubled_is_never_correct, [(*row, True) for row in rows])


@pytest.mark.parametrize(
    ("extreme", "activation", "loss"),
    [
        ("a loss of 1e-200", "tanh", "mse"),
        ("a loss of 1e-300", "tanh", "cross entropy"),
        ("a loss of 1e-300", "relu", "mse"),
        ("weights of 1e-200", "tanh", "mse"),
        ("one layer 1e-150, another 1e150", "tanh", "mse"),
        ("one layer 1e150, another 1e-150", "identity", "mse"),
        ("inputs denormal", "tanh", "mse"),
        ("inputs of 1e300, weights denormal", "identity", "cross entropy"),
    ],
)
def test_what_float64_can_hold_is_judged_and_not_merely_undecided(extreme, activation, loss):
    document, truth = document_and_gradient(activation, loss, extreme)
    assert verify_document(document | {"gradients": truth}, "standard").verdict == "correct"
    twice = {name: 2.0 * array for name, array in truth.items()}
    assert verify_document(document | {"gradients": twice}, "standard").verdict == "incorrect"


@pytest.mark.parametrize(
    ("extreme", "codes"),
    [
        ("weights of 1e200", {"overflow", "loss-not-finite"}),
        ("targets of 1e300", {"loss-not-finite"}),
        ("last weights of 1e300", {"loss-not-finite"}),
    ],
)
def test_overflow_is_named_as_the_reason(extreme, codes):
    document = document_of("identity", "mse", EXTREMES[extreme])
    zeros = {name: np.zeros_like(array) for name, array in document["parameters"].items()}
    warnings = {caution.code for caution in verify(document | {"gradients": zeros}).warnings}
    assert codes <= warnings


ENDS = (5e-324, 1.7e308, -1.7e308, float("nan"), float("inf"))


def submitted_ends_raise_nothing(extreme: str, value: float) -> None:
    document = document_of("tanh", "mse", EXTREMES[extreme])
    shapes = {name: array.shape for name, array in document["parameters"].items()}
    gradients = {name: np.full(shape, value) for name, shape in shapes.items()}
    report = verify_document(document | {"gradients": gradients}, "standard")
    assert report.verdict in ("incorrect", "undecided")


def test_submitted_numbers_at_the_ends_of_float64_raise_nothing():
    check_rows(submitted_ends_raise_nothing, [(one, ENDS[at % len(ENDS)]) for at, one in enumerate(EXTREMES)])


@pytest.mark.nightly
def test_each_number_at_the_ends_of_float64_raises_nothing_anywhere():
    check_rows(submitted_ends_raise_nothing, list(product(EXTREMES, ENDS)))
