"""The submitter's δ, read off the weight and bias gradient of a layer.

Both are Zᵀδ with Z = [z, 1]. Where Z's rows are independent (N ≤ in + 1) least squares gives δ back; what it
leaves says that the outer product itself is wrong.
"""

from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array
from reference_impl.network import LayerParameters
from verifier.diagnosis.evidence import SLACK, Evidence
from verifier.diagnosis.fitting import CANCELLED

_WORST_CONDITION = 1e7


@dataclass(frozen=True, slots=True, eq=False)
class Recovered:
    """delta: (N, out). blur: its error over that of a δ by the rules. tested: there were more equations."""

    delta: Array
    blur: float
    tested: bool


@np.errstate(all="ignore")
def recover_delta(evidence: Evidence, layer: int, penalty: LayerParameters) -> Recovered | None:
    """Give the δ that explains the layer's gradients as products; None where none does, or more than one.

    penalty: what the penalties add to the gradients handed in.
    """
    given = evidence.given(layer)
    examples = evidence.problem.batch.size
    rows, targets, errors = [], [], []
    for part in given:
        left = evidence.trace.z[layer].T if part.kind == "weight" else np.ones((1, examples))
        values = np.atleast_2d(part.submitted - getattr(penalty, part.kind))
        rows.append(left)
        targets.append(values)
        size = np.atleast_2d(np.abs(values) + CANCELLED * np.sqrt(np.mean(np.square(values))))
        errors.append(np.atleast_2d(part.relative) * size + evidence.quantum)
    if not rows:
        return None
    z, target, error = np.concatenate(rows), np.concatenate(targets), np.concatenate(errors)
    if z.shape[0] < examples or not (np.isfinite(z).all() and np.isfinite(target).all()):
        return None
    singular = np.linalg.svd(z, compute_uv=False)
    if singular[-1] * _WORST_CONDITION < singular[0]:
        return None
    inverse = np.linalg.pinv(z)
    delta = inverse @ target
    spread = np.abs(inverse) @ error
    reach = np.abs(z) @ spread + error
    if not (np.abs(z @ delta - target) <= SLACK * reach).all():
        return None
    relative = float(np.median(np.concatenate([part.relative.ravel() for part in given])))
    size = np.abs(delta) + CANCELLED * np.sqrt(np.mean(np.square(delta), axis=1, keepdims=True))
    blur = max(1.0, float(np.max(spread / np.maximum(size, 5e-324))) / relative)
    return Recovered(delta, blur, z.shape[0] > examples)
