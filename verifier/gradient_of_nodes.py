"""From the responses δ of all units to the gradient of every parameter, errors carried along."""

from collections.abc import Mapping, Sequence

import numpy as np

from reference_impl.array import Array
from reference_impl.problem import Problem
from verifier.estimate import Estimate
from verifier.precision import PRECISIONS


def gradient_of_nodes(
    problem: Problem,
    z: Sequence[Array],
    deltas: Sequence[Estimate],
    penalties: Sequence[Mapping[str, Estimate]],
) -> dict[str, Estimate]:
    """Give zᵀδ and Σδ, scaled to the risk, with the penalties' gradients added.

    Shapes: deltas of layer l (N, out), of each example's own loss. An infinite error of one δ makes infinite
    those entries that use it, and no others.
    """
    scale = problem.risk.example_scale(problem.batch.size)
    examples = np.ones((problem.batch.size, 1))
    found: dict[str, Estimate] = {}
    with np.errstate(all="ignore"):
        for index, (own, delta) in enumerate(zip(problem.parameters, deltas, strict=True)):
            found[f"layers.{index}.weight"] = _product(z[index], delta, scale)
            if own.bias is not None:
                summed = _product(examples, delta, scale)
                found[f"layers.{index}.bias"] = Estimate(summed.value[0], summed.error[0])
        for penalty in penalties:
            for name, part in penalty.items():
                base = found[name]
                found[name] = Estimate(base.value + part.value, base.error + part.error)
    return found


def _product(z: Array, delta: Estimate, scale: float) -> Estimate:
    known = np.isfinite(delta.error) & np.isfinite(delta.value)
    told = known.any(axis=0)
    if 2 * np.count_nonzero(told) < told.size:  # few units were looked at
        few = _product(z, Estimate(delta.value[:, told], delta.error[:, told]), scale)
        found = Estimate(np.zeros((z.shape[1], told.size)), np.full((z.shape[1], told.size), np.inf))
        found.value[:, told], found.error[:, told] = few.value, few.error
        return found
    value = np.where(known, delta.value, 0.0)
    error = np.where(known, delta.error, 0.0)
    own_rounding = PRECISIONS["float64"].unit_roundoff * (z.shape[0] + 4) * np.abs(value)
    total = np.abs(z).T @ (scale * (error + own_rounding))
    if not known.all():
        used = (z != 0).T.astype(np.float64) @ (~known).astype(np.float64)
        total = np.where(used > 0, np.inf, total)
    return Estimate(z.T @ (scale * value), total)
