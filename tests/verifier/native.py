"""The contract's document, read a second time and by PyTorch alone, in the layout in which it was written.

Nothing of the project is used: what the project makes of a document is held against this.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

ACTIVATIONS = {
    "identity": lambda a, axis: a,
    "sigmoid": lambda a, axis: torch.sigmoid(a),
    "tanh": lambda a, axis: torch.tanh(a),
    "relu": lambda a, axis: torch.relu(a),
    "leaky_relu": lambda a, axis, slope=0.01: torch.nn.functional.leaky_relu(a, slope),
    "elu": lambda a, axis, alpha=1.0: torch.nn.functional.elu(a, alpha),
    "softplus": lambda a, axis: torch.log1p(torch.exp(a)),
    "gelu": lambda a, axis: torch.nn.functional.gelu(a),
    "silu": lambda a, axis: torch.nn.functional.silu(a),
    "selu": lambda a, axis: torch.nn.functional.selu(a),
    "gelu_tanh": lambda a, axis: torch.nn.functional.gelu(a, approximate="tanh"),
    "mish": lambda a, axis: torch.nn.functional.mish(a),
    "hardtanh": lambda a, axis: torch.nn.functional.hardtanh(a),
    "hardswish": lambda a, axis: torch.nn.functional.hardswish(a),
    "softsign": lambda a, axis: torch.nn.functional.softsign(a),
    "log_sigmoid": lambda a, axis: torch.nn.functional.logsigmoid(a),
    "log_softmax": lambda a, axis: torch.log_softmax(a, dim=axis),
    "softmax": lambda a, axis: torch.softmax(a, dim=axis),
}


def tensor(values: Any) -> torch.Tensor:
    return torch.tensor(np.array(values, dtype=np.float64))


def loss_and_gradients(document: Mapping[str, Any]) -> tuple[float, dict[str, np.ndarray[Any, Any]]]:
    """Return the loss and every parameter's gradient, each in the shape of the document."""
    leaves = {name: tensor(v).requires_grad_() for name, v in document["parameters"].items()}
    risk = _risk(document, leaves)
    risk.backward()
    gradients = {
        name: np.zeros(tuple(leaf.shape)) if leaf.grad is None else leaf.grad.numpy()
        for name, leaf in leaves.items()
    }
    return risk.item(), gradients


def with_gradients(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with PyTorch's gradients in it."""
    return {**document, "gradients": loss_and_gradients(document)[1]}


def _risk(document: Mapping[str, Any], leaves: Mapping[str, torch.Tensor]) -> torch.Tensor:
    network, loss = document["network"], document["loss"]
    loss = {"name": loss} if isinstance(loss, str) else loss
    columns = network.get("examples", "rows") == "columns"
    z = tensor(document["inputs"])
    for index, layer in enumerate(network["layers"]):
        weight = leaves[f"layers.{index}.weight"]
        if network.get("weights", "in_out") == "in_out":
            weight = weight.T
        a = weight @ z if columns else z @ weight.T
        if layer.get("bias", True):
            a = a + leaves[f"layers.{index}.bias"].reshape((-1, 1) if columns else (1, -1))
        name, options = layer.get("activation", "identity"), {}
        if isinstance(name, dict):
            name, options = name["name"], {key: v for key, v in name.items() if key != "name"}
        z = ACTIVATIONS[name](a, 0 if columns else 1, **options)
        if f"layers.{index}" in document.get("masks", {}):
            z = z * tensor(document["masks"][f"layers.{index}"])
    f = z.T if columns else z
    y = tensor(document["targets"])
    classes = y if y.ndim == 1 else None
    if y.ndim == 1:
        y = torch.nn.functional.one_hot(y.long(), f.shape[1]).double()
    elif columns:
        y = y.T
    if classes is not None and "class_weights" in loss:
        return torch.nn.functional.cross_entropy(
            f,
            classes.long(),
            weight=tensor(loss["class_weights"]),
            label_smoothing=loss.get("label_smoothing", 0.0),
        )
    terms = _terms(loss, f, y)
    rows = terms.mean(dim=1) if loss.get("outputs", "sum") == "mean" else terms.sum(dim=1)
    total = rows.mean() if loss.get("batch", "mean") == "mean" else rows.sum()
    total = loss.get("factor", 0.5 if loss["name"] == "mse" else 1.0) * total
    for norm, factor in (("l2", 0.5), ("l1", 1.0)):
        if penalty := loss.get(norm):
            coefficient = penalty.get("factor", factor) * penalty["strength"]
            coefficient /= f.shape[0] if penalty.get("batch", "none") == "mean" else 1
            for parameter, leaf in leaves.items():
                if parameter.endswith(".weight") or penalty.get("biases", False):
                    total = total + coefficient * (leaf.square() if norm == "l2" else leaf.abs()).sum()
    return total


def _terms(loss: Mapping[str, Any], f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    if loss["name"] == "mse":
        return (f - y) ** 2
    if loss["name"] == "mae":
        return abs(f - y)
    logits = loss.get("on", "logits") == "logits"
    if loss["name"] == "cross_entropy":
        return -y * (torch.log_softmax(f, dim=1) if logits else torch.log(f))
    p = torch.sigmoid(f) if logits else f
    return -y * torch.log(p) - (1 - y) * torch.log(1 - p)
