"""Recover δ of the submitted program from the weight and bias gradient of a layer.

Both gradients are Zᵀδ with Z = [z, 1]. If the rows of Z are independent (N ≤ in + 1), δ is a least-squares
solution.
A residual larger than rounding shows that the product itself is wrong.
"""

from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array
from reference_impl.network import LayerParameters
from verifier.diagnosis.costs import CANCELLATION_FRACTION, MAX_CONDITION, ROUNDING_SLACK
from verifier.diagnosis.evidence import Evidence
from verifier.diagnosis.fitting import size_of_delta


@dataclass(frozen=True, slots=True, eq=False)
class Recovered:
    """A recovered δ, (N, out).

    noise_factor: its rounding error over that of a δ computed by a rule.
    tested: there were more equations than unknowns.
    """

    delta: Array
    noise_factor: float
    tested: bool


@np.errstate(all="ignore")
def recover_delta(evidence: Evidence, layer: int, penalty: LayerParameters) -> Recovered | None:
    """Return the δ whose products are the submitted gradients of a layer; None if there is none or several.

    penalty: the gradients of the penalties.
    """
    parts = evidence.submitted_parts(layer)
    examples = evidence.problem.batch.size
    rows, targets, errors = [], [], []
    for part in parts:
        left = evidence.trace.z[layer].T if part.kind == "weight" else np.ones((1, examples))
        values = np.atleast_2d(part.submitted - getattr(penalty, part.kind))
        rows.append(left)
        targets.append(values)
        size = np.atleast_2d(np.abs(values) + CANCELLATION_FRACTION * np.sqrt(np.mean(np.square(values))))
        errors.append(np.atleast_2d(part.relative) * size + evidence.quantum)
    if not rows:
        return None
    z, target, error = np.concatenate(rows), np.concatenate(targets), np.concatenate(errors)
    if z.shape[0] < examples or not (np.isfinite(z).all() and np.isfinite(target).all()):
        return None
    singular = np.linalg.svd(z, compute_uv=False)
    if singular[-1] * MAX_CONDITION < singular[0]:
        return None
    inverse = np.linalg.pinv(z)
    delta = inverse @ target
    delta_error = np.abs(inverse) @ error
    target_error = np.abs(z) @ delta_error + error
    if not (np.abs(z @ delta - target) <= ROUNDING_SLACK * target_error).all():
        return None
    relative = float(np.median(np.concatenate([part.relative.ravel() for part in parts])))
    size = size_of_delta(delta)
    noise_factor = max(1.0, float(np.max(delta_error / np.maximum(size, 5e-324))) / relative)
    return Recovered(delta, noise_factor, z.shape[0] > examples)
