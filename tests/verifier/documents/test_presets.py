"""Each preset is the loss of the library or course it is named after: value and gradient."""

from typing import Any

import numpy as np
import pytest
import torch

from tests.drawing import short_decimals
from tests.verifier.native import ACTIVATIONS, tensor
from verifier import Verdict, verify
from verifier.problem.loss import PRESETS

N, OUTPUTS = 5, 3


def halved_squares(f, y, weights):  # the lecture: R = 1/N Σ ½ Σ (y − f)²
    return sum(0.5 * ((y[n] - f[n]) ** 2).sum() for n in range(N)) / N


def scores_then_softmax(f, y, weights):  # CS231n, assignment 1: −log of the correct class's share
    correct = y.argmax(dim=1)
    return -torch.stack([f[n, correct[n]] - torch.log(torch.exp(f[n]).sum()) for n in range(N)]).sum() / N


def svm(f, y, weights):  # CS231n, assignment 1: Σ max(0, s_j − s_y + 1) over j ≠ y
    correct = y.argmax(dim=1)
    margins = [torch.clamp(f[n] - f[n, correct[n]] + 1.0, min=0) * (1 - y[n]) for n in range(N)]
    return torch.stack(margins).sum() / N


def nielsen_quadratic(f, y, weights):  # chapter 1: C = ½ ‖a − y‖² for each, mini-batch gradients summed
    return sum(0.5 * torch.linalg.norm(f[n] - y[n]) ** 2 for n in range(N))


def nielsen_cross_entropy(f, y, weights):  # chapter 3: np.sum(-y*np.log(a)-(1-y)*np.log(1-a))
    return (-y * torch.log(f) - (1 - y) * torch.log(1 - f)).sum()


def keras_mse(f, y, weights):  # mean(square(y_true − y_pred), axis=-1), then the mean over the batch
    return torch.stack([((y[n] - f[n]) ** 2).sum() / OUTPUTS for n in range(N)]).sum() / N


def sklearn_classifier(f, y, weights):  # log_loss + 0.5 * alpha * Σ w² / n_samples
    return -(y * torch.log(f)).sum() / N + 0.5 * 0.7 * sum((w * w).sum() for w in weights) / N


def sklearn_regressor(f, y, weights):  # squared_loss = ((y − f)²).mean() / 2, and the same penalty
    return ((y - f) ** 2).mean() / 2 + 0.5 * 0.7 * sum((w * w).sum() for w in weights) / N


ALPHA = {"l2": {"strength": 0.7}}
ROWS: list[tuple[str, Any, str, str, dict[str, Any]]] = [
    ("lecture.mse", halved_squares, "identity", "numbers", {}),
    ("torch.mse", lambda f, y, w: torch.nn.MSELoss()(f, y), "identity", "numbers", {}),
    (
        "torch.cross_entropy",
        lambda f, y, w: torch.nn.CrossEntropyLoss()(f, y.argmax(dim=1)),
        "identity",
        "classes",
        {},
    ),
    (
        "torch.bce_with_logits",
        lambda f, y, w: torch.nn.BCEWithLogitsLoss()(f, y),
        "identity",
        "bits",
        {},
    ),
    ("cs231n.softmax", scores_then_softmax, "identity", "classes", {}),
    ("nielsen.quadratic", nielsen_quadratic, "sigmoid", "bits", {}),
    ("nielsen.cross_entropy", nielsen_cross_entropy, "sigmoid", "bits", {}),
    ("torch.l1", lambda f, y, w: torch.nn.L1Loss()(f, y), "identity", "numbers", {}),
    ("torch.huber", lambda f, y, w: torch.nn.HuberLoss()(f, y), "identity", "numbers", {}),
    (
        "torch.multi_margin",
        lambda f, y, w: torch.nn.MultiMarginLoss()(f, y.argmax(dim=1)),
        "identity",
        "classes",
        {},
    ),
    ("torch.kl_div", lambda f, y, w: (torch.xlogy(y, y) - y * f).mean(), "log_softmax", "bits", {}),
    (
        "torch.nll",
        lambda f, y, w: torch.nn.NLLLoss()(f, y.argmax(dim=1)),
        "log_softmax",
        "classes",
        {},
    ),
    ("cs231n.svm", svm, "identity", "classes", {}),
    ("keras.mae", lambda f, y, w: abs(y - f).mean(), "identity", "numbers", {}),
    ("keras.huber", lambda f, y, w: torch.nn.HuberLoss()(f, y), "identity", "numbers", {}),
    (
        "keras.kl_divergence",
        lambda f, y, w: (torch.xlogy(y, y) - torch.xlogy(y, f)).sum() / N,
        "softmax",
        "bits",
        {},
    ),
    ("keras.mse", keras_mse, "identity", "numbers", {}),
    ("sklearn.mlp_classifier", sklearn_classifier, "softmax", "classes", ALPHA),
    ("sklearn.mlp_regressor", sklearn_regressor, "identity", "numbers", ALPHA),
]


def preset_document(output: str, kind: str, loss: Any, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    targets: Any = {
        "numbers": lambda: short_decimals(rng, N, OUTPUTS),
        "bits": lambda: rng.integers(2, size=(N, OUTPUTS)),
        "classes": lambda: rng.integers(OUTPUTS, size=N),
    }[kind]()
    return {
        "network": {
            "layers": [
                {"in": 2, "out": 4, "activation": "tanh"},
                {"in": 4, "out": OUTPUTS, "activation": output},
            ]
        },
        "loss": loss,
        "parameters": {
            "layers.0.weight": short_decimals(rng, 2, 4),
            "layers.0.bias": short_decimals(rng, 4),
            "layers.1.weight": short_decimals(rng, 4, OUTPUTS),
            "layers.1.bias": short_decimals(rng, OUTPUTS),
        },
        "inputs": short_decimals(rng, N, 2),
        "targets": targets,
    }


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("preset", "risk", "output", "kind", "more"), ROWS, ids=[row[0] for row in ROWS])
def test_a_presets_value_and_gradient_are_its_namesakes(preset, risk, output, kind, more, seed):
    document = preset_document(output, kind, {"preset": preset} | more, seed)
    w = {name: tensor(values).requires_grad_() for name, values in document["parameters"].items()}
    hidden = torch.tanh(tensor(document["inputs"]) @ w["layers.0.weight"] + w["layers.0.bias"])
    f = ACTIVATIONS[output](hidden @ w["layers.1.weight"] + w["layers.1.bias"], 1)
    y = tensor(document["targets"])
    y = torch.nn.functional.one_hot(y.long(), OUTPUTS).double() if kind == "classes" else y
    loss = risk(f, y, [w["layers.0.weight"], w["layers.1.weight"]])
    loss.backward()
    document["gradients"] = {name: leaf.grad.numpy() for name, leaf in w.items()}
    report = verify(document | {"reported_loss": loss.item()}, oracles=["backpropagation"])
    assert report.loss.value == pytest.approx(loss.item(), rel=1e-13)  # another summation order
    assert report.loss.verdict is Verdict.CORRECT
    assert report.verdict is Verdict.CORRECT
    assert all(parameter.to_rounding == parameter.correct for parameter in report.parameters.values())


def test_every_preset_of_the_table_is_in_this_one():
    assert [row[0] for row in ROWS] == list(PRESETS)


def test_a_preset_may_be_named_without_an_object():
    document = preset_document("identity", "numbers", "torch.mse", 1) | {"gradients": {}}
    as_object = document | {"loss": {"preset": "torch.mse"}}
    assert verify(document).loss.graded_under == verify(as_object).loss.graded_under


def test_the_report_echoes_what_a_preset_expands_to():
    document = preset_document("identity", "numbers", {"preset": "sklearn.mlp_regressor"} | ALPHA, 1)
    assert verify(document | {"gradients": {}}).to_dict()["loss"]["graded_under"] == {
        "name": "mse",
        "factor": 0.5,
        "batch": "mean",
        "outputs": "mean",
        "l2": {"strength": 0.7, "factor": 0.5, "batch": "mean", "biases": False},
    }


def test_a_field_beside_a_preset_replaces_the_presets_own():
    document = preset_document("identity", "numbers", {"preset": "torch.mse", "batch": "sum"}, 1)
    summed = verify(document | {"gradients": {}})
    mean = verify(document | {"gradients": {}, "loss": "torch.mse"})
    assert summed.loss.value == pytest.approx(N * mean.loss.value, rel=1e-14)
