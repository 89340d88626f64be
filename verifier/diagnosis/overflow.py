"""NaN and infinities among the numbers handed in, and the first layer where naive arithmetic makes them."""

from collections.abc import Mapping

import numpy as np

from reference_impl.array import Array
from reference_impl.losses import LOSSES
from verifier.diagnosis.evidence import Evidence
from verifier.diagnosis.finding import Finding
from verifier.precision import Precision

# activations whose textbook formula becomes infinite, or infinite over infinite, at large a
_OVERFLOWING = ("softmax", "softplus")
_OVERFLOWING_BY_HAND = ("tanh",)  # written out in exponentials, which no library does


def overflow(evidence: Evidence, submitted: Mapping[str, Array], precision: Precision) -> Finding | None:
    """Give the finding where a submitted number is not finite."""
    broken = tuple(name for name, values in submitted.items() if not np.isfinite(values).all())
    if not broken:
        return None
    layer = _first_naive_overflow(evidence, precision, _OVERFLOWING)
    if layer is None:
        layer = _first_naive_overflow(evidence, precision, _OVERFLOWING_BY_HAND)
    plain = layer is not None
    if layer is None:
        layer = max(int(name.split(".")[1]) for name in broken)
    return Finding("overflow", layer, "numbers", broken, estimates={"in_plain_arithmetic": plain})


def _first_naive_overflow(
    evidence: Evidence, precision: Precision, overflowing: tuple[str, ...]
) -> int | None:
    """Go forward as a naive program does, until exp(a) overflows where that is no longer harmless.

    At the last layer a probability that is 0 counts as well, as log(0) or 1/0.
    """
    problem, trace = evidence.problem, evidence.trace
    largest, smallest = np.log(precision.largest), np.log(precision.smallest)
    layers = problem.network.layers
    for index, (layer, a) in enumerate(zip(layers, trace.a, strict=True)):
        if layer.activation.name not in overflowing:
            continue
        vanished = layer.activation.name == "softmax" and bool((a.max(axis=-1) < smallest).any())
        reached = np.abs(a) if layer.activation.name == "tanh" else a
        if bool((reached > largest).any()) or vanished:
            return index
    if problem.risk.on == "logits":
        out_of_reach = np.abs(trace.outputs) > largest
    elif problem.risk.on == "probabilities":
        terms = LOSSES[problem.risk.loss.name].on["probabilities"]
        naive = terms.gradient(trace.outputs, problem.batch.targets)
        out_of_reach = ~np.isfinite(naive)
    else:
        return None
    return len(layers) - 1 if bool(out_of_reach.any()) else None
