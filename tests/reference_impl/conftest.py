"""Two independent sources of truth: numbers of many digits (mpmath), and PyTorch's autograd."""

from collections.abc import Callable, Iterator
from typing import Any

import mpmath
import numpy as np
import pytest
import torch

from reference_impl import Problem, named

UNDERFLOW = 2.3e-308  # below the smallest normal number digits are lost, and nobody can help it

_F = torch.nn.functional
TORCH_ACTIVATIONS: dict[str, Callable[..., torch.Tensor]] = {
    "identity": lambda a: a,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": lambda a, slope: _F.leaky_relu(a, slope),
    "elu": lambda a, alpha: _F.elu(a, alpha),
    "softplus": lambda a: _F.softplus(a, threshold=40.0),  # torch's own 20 cuts off 2e-9
    "gelu": _F.gelu,
    "silu": _F.silu,
    "selu": _F.selu,
    "gelu_tanh": lambda a: _F.gelu(a, approximate="tanh"),
    "mish": _F.mish,
    "hardtanh": _F.hardtanh,
    "hardswish": _F.hardswish,
    "softsign": _F.softsign,
    "log_sigmoid": _F.logsigmoid,
    "log_softmax": lambda a: torch.log_softmax(a, dim=-1),
    "softmax": lambda a: torch.softmax(a, dim=-1),
}
TORCH_LOSSES: dict[tuple[str, str], Callable[..., torch.Tensor]] = {
    ("mse", "values"): lambda f, y: (f - y) ** 2,
    ("cross_entropy", "logits"): lambda f, y: _F.cross_entropy(f, y, reduction="none")[:, None],
    ("cross_entropy", "probabilities"): lambda f, y: -y * torch.log(f),
    ("binary_cross_entropy", "logits"): lambda f, y: _F.binary_cross_entropy_with_logits(
        f, y, reduction="none"
    ),
    ("mae", "values"): lambda f, y: abs(f - y),
    ("huber", "values"): lambda f, y: _F.huber_loss(f, y, reduction="none"),
    ("hinge", "values"): lambda f, y: (
        _F.multi_margin_loss(f, y.argmax(1), reduction="none")[:, None] * f.shape[1]
    ),
    ("kl_divergence", "logits"): lambda f, y: _F.kl_div(torch.log_softmax(f, 1), y, reduction="none"),
    ("kl_divergence", "probabilities"): lambda f, y: _F.kl_div(torch.log(f), y, reduction="none"),
    ("kl_divergence", "log_probabilities"): lambda f, y: _F.kl_div(f, y, reduction="none"),
    ("nll", "log_probabilities"): lambda f, y: -y * f,
    ("binary_cross_entropy", "probabilities"): lambda f, y: _F.binary_cross_entropy(f, y, reduction="none"),
}


class ManyDigits:
    """The field of mpmath's numbers; arrays are numpy arrays of objects."""

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        return np.frompyfunc(getattr(mpmath, name), 1, 1)  # exp, expm1, log, log1p, tanh, erfc

    def where_positive(self, x: Any, then: Any, otherwise: Any) -> Any:
        return np.where(x > 0, then, otherwise)

    def row_maximum(self, x: Any) -> Any:
        return x.max(axis=-1, keepdims=True)

    def array(self, values: Any) -> Any:
        return np.frompyfunc(mpmath.mpf, 1, 1)(np.asarray(values, dtype=float))

    def assert_close(self, actual: Any, exact: Any, tolerance: float) -> None:
        """Compare entry by entry, relative to the exact number."""
        actual, exact = np.broadcast_arrays(actual, np.asarray(exact, dtype=object))
        for index, value in np.ndenumerate(exact):
            error = abs(mpmath.mpf(float(actual[index])) - value)
            assert error <= tolerance * abs(value) + UNDERFLOW, (
                f"entry {index}: {float(actual[index])!r} for {mpmath.nstr(value, 20)}, "
                f"relative error {mpmath.nstr(error / abs(value), 3) if value else 'infinite'}"
            )


@pytest.fixture
def many_digits() -> Iterator[ManyDigits]:
    with mpmath.workdps(50):
        yield ManyDigits()


def _by_torch(problem: Problem) -> tuple[float, list[Any], dict[str, Any]]:
    leaves = {name: torch.tensor(w.copy(), requires_grad=True) for name, w in named(problem.parameters)}
    risk, batch = problem.risk, problem.batch
    z, preactivations = torch.tensor(batch.inputs.copy()), []
    for index, layer in enumerate(problem.network.layers):
        a = z @ leaves[f"layers.{index}.weight"] + leaves.get(f"layers.{index}.bias", 0.0)
        a.retain_grad()
        preactivations.append(a)
        z = TORCH_ACTIVATIONS[layer.activation.name](a, *layer.activation.options.values())
        z = z * torch.tensor(batch.masks[index].copy()) if index in batch.masks else z
    terms = TORCH_LOSSES[risk.loss.name, risk.on](z, torch.tensor(batch.targets.copy()))
    total = risk.factor * terms.sum()
    total = total / (batch.size if risk.batch == "mean" else 1)
    total = total / (batch.targets.shape[1] if risk.outputs == "mean" else 1)
    for penalty in risk.penalties:
        scale = penalty.factor * penalty.strength / (batch.size if penalty.batch == "mean" else 1)
        for name, leaf in leaves.items():
            if "weight" in name or penalty.biases:
                total = total + scale * ((leaf**2).sum() if penalty.norm == "l2" else leaf.abs().sum())
    total.backward()
    deltas = [a.grad.numpy() for a in preactivations]
    return total.item(), deltas, {name: leaf.grad.numpy() for name, leaf in leaves.items()}


@pytest.fixture
def by_torch() -> Callable[[Problem], tuple[float, list[Any], dict[str, Any]]]:
    """R, the δ of every layer and the gradient of every parameter, by PyTorch's own functions."""
    return _by_torch
