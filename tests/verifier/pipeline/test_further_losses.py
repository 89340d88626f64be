"""Losses of regressions, scores and weighted classes, and further activations: right, wrong, and at kinks."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.verifier.native import ACTIVATIONS
from verifier import MalformedSubmission, verify
from verifier.documents.reading import read_submission
from verifier.documents.writing import submission_to_document

F = torch.nn.functional
CLASSES = np.array([0, 2, 1, 1, 0])
NUMBERS = np.random.default_rng(1).normal(size=(5, 3))
PROBABILITIES = np.random.default_rng(2).dirichlet(np.ones(3), 5)
WEIGHTS = [1.0, 2.0, 0.5]
Y, P, C = torch.tensor(NUMBERS), torch.tensor(PROBABILITIES), torch.tensor(CLASSES)
W = torch.tensor(WEIGHTS, dtype=torch.float64)
MASKED = np.array([0, 2, -100, 1, 0])

# loss, the same in PyTorch, targets, last activation
LOSSES: dict[str, tuple[Any, Callable[[Any], Any], Any, str]] = {
    "mae": ("mae", lambda f: F.l1_loss(f, Y, reduction="sum") / 5, NUMBERS, "identity"),
    "huber": (
        {"name": "huber", "delta": 0.7, "outputs": "mean"},
        lambda f: F.huber_loss(f, Y, delta=0.7),
        NUMBERS,
        "tanh",
    ),
    "hinge": ("torch.multi_margin", lambda f: F.multi_margin_loss(f, C), CLASSES, "identity"),
    "kl_divergence on logits": (
        "kl_divergence",
        lambda f: F.kl_div(f.log_softmax(1), P, reduction="batchmean"),
        PROBABILITIES,
        "identity",
    ),
    "kl_divergence of softmax": (
        "keras.kl_divergence",
        lambda f: F.kl_div(f.log(), P, reduction="batchmean"),
        PROBABILITIES,
        "softmax",
    ),
    "kl_divergence of log_softmax": (
        {"name": "kl_divergence", "on": "log_probabilities"},
        lambda f: F.kl_div(f, P, reduction="batchmean"),
        PROBABILITIES,
        "log_softmax",
    ),
    "nll": ("nn.NLLLoss", lambda f: F.nll_loss(f, C), CLASSES, "log_softmax"),
    "class weights": (
        {"name": "cross_entropy", "class_weights": WEIGHTS},
        lambda f: F.cross_entropy(f, C, weight=W),
        CLASSES,
        "identity",
    ),
    "class weights and smoothed labels": (
        {"name": "cross_entropy", "class_weights": WEIGHTS, "label_smoothing": 0.1},
        lambda f: F.cross_entropy(f, C, weight=W, label_smoothing=0.1),
        CLASSES,
        "identity",
    ),
    "the same of probabilities": (
        {"name": "cross_entropy", "class_weights": WEIGHTS, "label_smoothing": 0.1},
        lambda f: F.cross_entropy(f, P, weight=W, label_smoothing=0.1),
        PROBABILITIES,
        "identity",
    ),
    "an ignored class": (
        {"name": "cross_entropy", "ignore_index": 1, "batch": "mean"},
        lambda f: F.cross_entropy(f, C, ignore_index=1),
        CLASSES,
        "identity",
    ),
    "an ignored index and class weights": (
        {"name": "nll", "ignore_index": -100, "class_weights": WEIGHTS, "batch": "sum"},
        lambda f: F.nll_loss(f, torch.tensor(MASKED), weight=W, reduction="sum"),
        MASKED,
        "log_softmax",
    ),
}


def document_of(name: str, hidden: str = "tanh", seed: int = 0) -> dict[str, Any]:
    """Return a document with PyTorch's gradients."""
    loss, in_torch, targets, last = LOSSES[name]
    rng = np.random.default_rng(seed)
    parameters = {
        "layers.0.weight": rng.normal(size=(3, 4)),
        "layers.0.bias": rng.normal(size=4),
        "layers.1.weight": rng.normal(size=(4, 3)),
        "layers.1.bias": rng.normal(size=3),
    }
    inputs = rng.normal(size=(5, 3))
    w = {key: torch.tensor(array, requires_grad=True) for key, array in parameters.items()}
    z = ACTIVATIONS[hidden](torch.tensor(inputs) @ w["layers.0.weight"] + w["layers.0.bias"], 1)
    value = in_torch(ACTIVATIONS[last](z @ w["layers.1.weight"] + w["layers.1.bias"], 1))
    value.backward()
    return {
        "network": {
            "layers": [
                {"in": 3, "out": 4, "activation": hidden},
                {"in": 4, "out": 3, "activation": last},
            ]
        },
        "loss": loss,
        "parameters": parameters,
        "inputs": inputs,
        "targets": targets,
        "gradients": {key: leaf.grad.numpy() for key, leaf in w.items()},  # type: ignore[union-attr]
        "reported_loss": value.item(),
    }


@pytest.mark.parametrize("name", LOSSES)
def test_pytorchs_gradients_of_a_loss_are_correct_by_every_oracle(name: str) -> None:
    report = verify(document_of(name))
    assert report.verdict == report.loss.verdict == "correct", str(report)
    assert all(row.agrees for row in report.evidence), str(report)


@pytest.mark.parametrize("name", LOSSES)
def test_a_mean_for_a_sum_is_named_under_every_loss(name: str) -> None:
    document = document_of(name)
    document["gradients"]["layers.1.bias"] /= 5
    report = verify(document)
    assert [(row.bug, row.layer) for row in report.diagnosis] == [("bias-mean-for-sum", 1)], str(report)


FURTHER = ("selu", "gelu_tanh", "mish", "hardtanh", "hardswish", "softsign", "log_sigmoid", "log_softmax")


@pytest.mark.parametrize("hidden", FURTHER)
def test_an_activation_is_correct_and_its_missing_derivative_named(hidden: str) -> None:
    document = document_of("huber", hidden)
    report = verify(document)
    assert report.verdict == "correct", str(report)
    assert all(row.agrees for row in report.evidence), str(report)
    w, x = document["parameters"], document["inputs"]
    z = ACTIVATIONS[hidden](torch.tensor(x @ w["layers.0.weight"] + w["layers.0.bias"]), 1).numpy()
    f = np.tanh(z @ w["layers.1.weight"] + w["layers.1.bias"])
    delta = np.clip(f - NUMBERS, -0.7, 0.7) / 15 * (1 - f**2)
    forgotten = delta @ w["layers.1.weight"].T
    document["gradients"] |= {"layers.0.weight": x.T @ forgotten, "layers.0.bias": forgotten.sum(axis=0)}
    report = verify(document)
    assert [(row.bug, row.layer) for row in report.diagnosis] == [("missing-activation-derivative", 0)]


# one layer, two inputs of 1, with f at a kink of the loss in the first output
def at_kink(loss: Any, targets: Any, bias: list[float]) -> dict[str, Any]:
    return {
        "network": {"layers": [{"in": 1, "out": 2}]},
        "loss": loss,
        "parameters": {"layers.0.weight": [[0.5, -0.25]], "layers.0.bias": bias},
        "inputs": [[1.0], [2.0]],
        "targets": targets,
    }


MAE = at_kink("mae", [[1.5, 3.0], [5.0, 3.0]], [1.0, 0.0])
HINGE = at_kink("hinge", [1, 1], [-1.75, 0.0])  # the margins are 0 and 0.75


@pytest.mark.parametrize(
    ("problem", "slope", "verdict"),
    [
        *((MAE, slope, "correct") for slope in (-1.0, 0.0, 0.3, 1.0)),
        (MAE, 1.5, "incorrect"),
        *((HINGE, slope, "correct") for slope in (0.0, 0.3, 1.0)),
        (HINGE, -0.5, "incorrect"),
    ],
    ids=str,
)
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_any_slope_between_both_sides_is_right_at_a_kink(problem, slope, verdict, precision) -> None:
    x = np.array([[1.0], [2.0]])
    if problem is MAE:
        delta = np.array([[slope, -1.0], [-1.0, -1.0]]) / 2
    else:
        delta = np.array([[slope, -slope], [1.0, -1.0]]) / 2
    gradients = {"layers.0.weight": x.T @ delta, "layers.0.bias": delta.sum(axis=0)}
    if precision == "float32":
        gradients = {name: array.astype(np.float32) for name, array in gradients.items()}
    report = verify({**problem, "gradients": gradients, "precision": precision})
    assert report.verdict == verdict, str(report)
    assert "kink" in [warning.code for warning in report.warnings], str(report)


def test_slopes_of_a_loss_are_judged_together() -> None:
    delta = np.array([[1.0, -1.0], [-1.0, -1.0]]) / 2
    other = np.array([[-1.0, -1.0], [-1.0, -1.0]]) / 2
    gradients = {
        "layers.0.weight": np.array([[1.0], [2.0]]).T @ delta,
        "layers.0.bias": other.sum(axis=0),
    }
    report = verify({**MAE, "gradients": gradients})
    assert report.verdict != "correct"
    assert "inconsistent-slopes" in [warning.code for warning in report.warnings], str(report)


@pytest.mark.parametrize("name", LOSSES)
def test_a_submission_that_is_written_and_read_again_is_the_same_problem(name: str) -> None:
    submission = read_submission(document_of(name))
    again = read_submission(submission_to_document(submission))
    report, other = verify(submission), verify(again)
    assert report.loss.value == pytest.approx(other.loss.value, rel=1e-15)
    assert other.verdict == "correct"


def test_gradients_of_nodes_are_judged_under_a_composed_loss() -> None:
    for name in ("mae", "huber", "hinge", "kl_divergence of log_softmax", "nll", "kl_divergence on logits"):
        document = document_of(name)
        bias = np.asarray(document["gradients"]["layers.1.bias"])
        document["gradients"]["nodes.a1"] = np.full((5, 3), np.nan)
        report = verify(document)
        wrong = {key for key, row in report.parameters.items() if row.verdict != "correct"}
        assert wrong == {"nodes.a1"}, (name, str(report))
        assert bias.any()


@pytest.mark.parametrize(
    ("change", "pointer", "text"),
    [
        ({"loss": {"name": "mse", "class_weights": [1, 2, 3]}}, "/loss/class_weights", "no such field"),
        ({"loss": {"name": "cross_entropy", "class_weights": [1, 2]}}, "/loss/class_weights", "3 numbers"),
        ({"loss": {"name": "cross_entropy", "class_weights": [0, 0, 0]}}, "/loss/class_weights", "above 0"),
        ({"loss": {"name": "cross_entropy", "label_smoothing": 1}}, "/loss/label_smoothing", "below 1"),
        ({"loss": {"name": "cross_entropy", "ignore_index": 0.5}}, "/loss/ignore_index", "whole number"),
        (
            {"loss": {"name": "cross_entropy", "ignore_index": 7}, "targets": [7] * 5},
            "/targets",
            "other than 7",
        ),
        ({"loss": {"name": "huber", "delta": 0}}, "/loss/delta", "above 0"),
        ({"loss": {"name": "mae", "delta": 1}}, "/loss/delta", "no delta"),
        ({"loss": "hinge", "targets": PROBABILITIES}, "/targets", "1 for the right class"),
        ({"loss": "kl_divergence", "targets": NUMBERS}, "/targets", "at least 0"),
    ],
    ids=str,
)
def test_what_a_loss_cannot_take_is_told(change: dict[str, Any], pointer: str, text: str) -> None:
    document = document_of("class weights") | {"reported_loss": None} | change
    document.pop("reported_loss")
    with pytest.raises(MalformedSubmission) as caught:
        verify(document)
    error = next(error for error in caught.value.errors if error.pointer == pointer)
    assert text in str(error), str(error)


def test_the_report_says_which_weights_the_loss_has() -> None:
    report = verify(document_of("class weights and smoothed labels"))
    assert report.loss.graded_under["class_weights"] == WEIGHTS
    assert report.loss.graded_under["label_smoothing"] == 0.1
    assert "targets-not-summing-to-one" not in [warning.code for warning in report.warnings]
