"""PyTorch's autograd over PyTorch's own layers and losses, in float64."""

from types import ModuleType
from typing import Any

import numpy as np

from reference_impl.problem import Problem
from verifier.engine.estimate import Answer, WithinRounding
from verifier.engine.functions.torch_twins import function_in_torch, loss_in_torch
from verifier.engine.rounding_allowance import Rounding
from verifier.report.model import Uncertainty


def gradient(problem: Problem, float64_rounding: Rounding) -> Answer:
    """Return the gradient of a network built from `torch.nn.functional`, by `backward`.

    Error: an estimate, the rounding error of correct float64 arithmetic on this problem (see `rounding.py`).
    Raises: MemoryError.
    """
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: libraries of PyTorch that cannot be loaded
        return Answer({}, Uncertainty.UNKNOWN, reason=f"PyTorch cannot be imported: {error}")
    try:
        leaves = _leaves(torch, problem)
        _risk(torch, problem, leaves).backward()
    except RuntimeError as error:
        if "allocate memory" in str(error):  # PyTorch raises no specific class for this on the CPU
            raise MemoryError("PyTorch ran out of memory") from error
        raise
    values = {name: _gradient_of(leaf) for name, leaf in leaves.items()}
    return Answer(WithinRounding(values, float64_rounding), Uncertainty.ESTIMATE)


def _leaves(torch: ModuleType, problem: Problem) -> dict[str, Any]:
    """Return every parameter as a tensor that requires a gradient; weights (in, out)."""
    leaves: dict[str, Any] = {}
    for index, layer in enumerate(problem.parameters):
        leaves[f"layers.{index}.weight"] = torch.from_numpy(layer.weight.copy()).requires_grad_()
        if layer.bias is not None:
            leaves[f"layers.{index}.bias"] = torch.from_numpy(layer.bias.copy()).requires_grad_()
    return leaves


def _gradient_of(leaf: Any) -> Any:
    return np.zeros(tuple(leaf.shape)) if leaf.grad is None else leaf.grad.numpy()


def _risk(torch: ModuleType, problem: Problem, leaves: dict[str, Any]) -> Any:
    risk, batch = problem.risk, problem.batch
    targets = torch.from_numpy(batch.targets.copy())
    z = torch.from_numpy(batch.inputs.copy())
    a = z
    for index, layer in enumerate(problem.network.layers):
        weight, bias = leaves[f"layers.{index}.weight"], leaves.get(f"layers.{index}.bias")
        a = z @ weight if bias is None else torch.addmm(bias, z, weight)
        z = function_in_torch(layer.activation, torch, a)
        if index in batch.masks:
            z = z * torch.from_numpy(batch.masks[index].copy())
    terms = loss_in_torch(problem.terms, torch, a if problem.of_preactivation else z, targets)
    rows = terms
    if terms.dim() > 1:
        rows = terms.mean(dim=-1) if risk.outputs == "mean" else terms.sum(dim=-1)
    total = risk.factor * (rows.mean() if risk.batch == "mean" else rows.sum())
    for penalty in risk.penalties:
        order = {"l2": 2, "l1": 1}[penalty.norm]
        for name, leaf in leaves.items():
            if penalty.biases or name.endswith(".weight"):
                total = total + penalty.coefficient(batch.size) * leaf.abs().pow(order).sum()
    return total
