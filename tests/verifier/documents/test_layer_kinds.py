"""Batch normalisation, dropout and learnt slopes in documents of layers: judged, explained, and refused."""

from typing import Any

import numpy as np
import pytest
import torch

from verifier import MalformedSubmission, verify

F = torch.nn.functional
EPSILON = 1e-5


def problem(last: str = "softmax", seed: int = 0) -> dict[str, Any]:
    """Return a document with PyTorch's gradients, of all kinds of layers."""
    rng = np.random.default_rng(seed)
    parameters = {
        "layers.0.weight": rng.normal(size=(3, 4)),
        "layers.0.bias": rng.normal(size=4),
        "layers.1.weight": rng.normal(size=4) + 1,
        "layers.1.bias": rng.normal(size=4),
        "layers.3.weight": rng.normal(size=(4, 3)),
        "layers.3.bias": rng.normal(size=3),
        "layers.3.slope": np.array([0.25]),
        "layers.4.weight": rng.normal(size=(3, 3)),
        "layers.4.bias": rng.normal(size=3),
    }
    inputs, mask = rng.normal(size=(6, 3)), rng.integers(2, size=(6, 4)) * 2.0
    classes = np.array([0, 2, 1, 1, 0, 2])
    w = {name: torch.tensor(array, requires_grad=True) for name, array in parameters.items()}
    a = torch.tensor(inputs) @ w["layers.0.weight"] + w["layers.0.bias"]
    z = F.batch_norm(a, None, None, w["layers.1.weight"], w["layers.1.bias"], training=True).relu()
    z = z * torch.tensor(mask)
    z = F.prelu(z @ w["layers.3.weight"] + w["layers.3.bias"], w["layers.3.slope"])
    loss = F.cross_entropy(z @ w["layers.4.weight"] + w["layers.4.bias"], torch.tensor(classes))
    loss.backward()
    return {
        "network": {
            "layers": [
                {"in": 3, "out": 4},
                {"kind": "batch_norm", "activation": "relu"},
                {"kind": "dropout", "rate": 0.5},
                {"in": 4, "out": 3, "activation": "prelu"},
                {"kind": "dense", "in": 3, "out": 3, "activation": last},
            ]
        },
        "loss": {"name": "cross_entropy", "on": "probabilities"},
        "parameters": parameters,
        "inputs": inputs,
        "targets": classes,
        "masks": {"layers.2": mask},
        "gradients": {name: leaf.grad.numpy().copy() for name, leaf in w.items()},  # type: ignore[union-attr]
        "reported_loss": loss.item(),
    }


def test_gradients_of_all_kinds_of_layers_are_correct() -> None:
    report = verify(problem())
    assert report.verdict == report.loss.verdict == "correct", str(report)
    assert all(row.agrees for row in report.evidence), str(report)
    assert set(report.parameters) == set(problem()["parameters"])


def test_gamma_and_beta_are_other_names_of_the_weight_and_the_bias() -> None:
    document = problem()
    for field in ("parameters", "gradients"):
        arrays = document[field]
        arrays["layers.1.gamma"] = arrays.pop("layers.1.weight")
        arrays["layers.1.beta"] = arrays.pop("layers.1.bias")
    assert verify(document).verdict == "correct"


def test_examples_in_columns_are_read_too() -> None:
    document = problem()
    document["network"]["examples"] = "columns"
    document["inputs"], document["masks"]["layers.2"] = document["inputs"].T, document["masks"]["layers.2"].T
    assert verify(document).verdict == "correct"


@pytest.mark.parametrize("norm_last", [True, False], ids=["last", "first"])
def test_batch_normalisation_may_be_the_last_layer_or_the_first(norm_last: bool) -> None:
    rng = np.random.default_rng(5)
    x, y, w = rng.normal(size=(5, 2)), rng.normal(size=(5, 2)), rng.normal(size=(2, 2))
    leaf, gamma, beta = (torch.tensor(v, requires_grad=True) for v in (w, np.ones(2), np.zeros(2)))

    def normal(a: torch.Tensor) -> torch.Tensor:
        return F.batch_norm(a, None, None, gamma, beta, training=True)

    outputs = normal(torch.tensor(x) @ leaf) if norm_last else normal(torch.tensor(x)) @ leaf
    (0.5 * F.mse_loss(outputs, torch.tensor(y), reduction="sum") / 5).backward()
    norm, dense = {"kind": "batch_norm"}, {"in": 2, "out": 2, "bias": False}
    of_norm, of_dense = ("layers.1", "layers.0") if norm_last else ("layers.0", "layers.1")
    arrays = {f"{of_dense}.weight": leaf, f"{of_norm}.weight": gamma, f"{of_norm}.bias": beta}
    report = verify(
        {
            "network": {"layers": [dense, norm] if norm_last else [norm, dense]},
            "loss": "mse",
            "parameters": {name: array.detach().numpy() for name, array in arrays.items()},
            "inputs": x,
            "targets": y,
            "gradients": {name: array.grad.numpy() for name, array in arrays.items()},  # type: ignore[union-attr]
        }
    )
    assert report.verdict == "correct", str(report)


def test_a_forgotten_mask_is_placed_at_the_dropout_layer() -> None:
    document = problem()
    w, x, mask = document["parameters"], document["inputs"], document["masks"]["layers.2"]
    leaves = {name: torch.tensor(array, requires_grad=True) for name, array in w.items()}
    a = torch.tensor(x) @ leaves["layers.0.weight"] + leaves["layers.0.bias"]
    z = F.batch_norm(a, None, None, leaves["layers.1.weight"], leaves["layers.1.bias"], training=True).relu()
    dropped = (z * torch.tensor(mask)).detach().requires_grad_()
    out = F.prelu(dropped @ leaves["layers.3.weight"] + leaves["layers.3.bias"], leaves["layers.3.slope"])
    logits = out @ leaves["layers.4.weight"] + leaves["layers.4.bias"]
    F.cross_entropy(logits, torch.tensor(document["targets"])).backward()
    z.backward(dropped.grad)  # without the mask
    document["gradients"] = {name: leaf.grad.numpy() for name, leaf in leaves.items()}  # type: ignore[union-attr]
    report = verify(document)
    assert report.verdict == "incorrect"
    wrong = {name for name, row in report.parameters.items() if row.verdict == "incorrect"}
    assert wrong >= {"layers.0.weight", "layers.1.weight", "layers.1.bias"}, str(report)
    assert [row.bug for row in report.diagnosis] == ["missing-activation-derivative"], str(report)
    assert "nodes.z2" in report.diagnosis[0].explanation, str(report)


def in_layout_of_torch(document: dict[str, Any]) -> None:
    document["network"]["weights"] = "out_in"
    for field in ("parameters", "gradients"):
        arrays = document[field]
        dense = ("layers.0.weight", "layers.3.weight", "layers.4.weight")
        document[field] = arrays | {name: arrays[name].T for name in dense}


@pytest.mark.parametrize(
    ("change", "pointer", "text"),
    [
        (
            lambda d: d["network"]["layers"][1].update(kind="layer_norm"),
            "/network/layers/1/kind",
            "batch_norm",
        ),
        (lambda d: d["network"]["layers"][1].update(out=5), "/network/layers/1/out", "4, the units"),
        (lambda d: d["network"]["layers"][1].update(epsilon=-1), "/network/layers/1/epsilon", "at least 0"),
        (lambda d: d["network"]["layers"][2].update(rate=0.3), "/masks/layers.2", "1 / (1 - rate)"),
        (lambda d: d["network"]["layers"][3].update(activation="snake"), "/network/layers/3/activation", ""),
        (lambda d: d["network"]["layers"][4].update({"in": 9}), "/network/layers/4/in", "puts out"),
        (lambda d: d["network"]["layers"].append(3), "/network/layers/5", "a layer, such as"),
        (
            lambda d: d["network"]["layers"][3].update(activation={"name": "prelu", "slope": 0.1}),
            "/network/layers/3/activation/slope",
            "the parameter layers.3.slope",
        ),
        (
            lambda d: d["masks"].update({"layers.1": d["masks"]["layers.2"]}),
            "/masks/layers.1",
            "put a dropout layer behind it",
        ),
        (lambda d: d.pop("masks"), "/masks/layers.2", "the forward pass drew"),
        (lambda d: d["parameters"].pop("layers.1.bias"), "/parameters/layers.1.bias", "add it"),
        (lambda d: d["parameters"].pop("layers.3.slope"), "/parameters/layers.3.slope", "add it"),
        (lambda d: d["parameters"].pop("layers.4.weight"), "/parameters/layers.4.weight", "add it"),
        (
            lambda d: d["gradients"].update({"layers.1.weight": np.ones(3)}),
            "/gradients/layers.1.weight",
            "shape (4,)",
        ),
        (lambda d: d["gradients"].update({"layers.1.scale": np.ones(4)}), "/gradients/layers.1.scale", ""),
        (in_layout_of_torch, "/network/weights", "transpose"),
    ],
)
def test_mistakes_are_told_where_the_document_has_them(change: Any, pointer: str, text: str) -> None:
    document = problem()
    change(document)
    with pytest.raises(MalformedSubmission) as caught:
        verify(document)
    error = next((error for error in caught.value.errors if error.pointer == pointer), None)
    assert error is not None, str(caught.value)
    assert text in str(error), str(error)
