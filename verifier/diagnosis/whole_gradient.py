"""Find bugs of the gradient as a whole: transformations of all numbers, and overflow."""

from collections.abc import Iterator, Mapping

import numpy as np

from reference_impl.array import Array
from reference_impl.losses import LOSSES
from reference_impl.network import named
from verifier.diagnosis.catalogue import BUGS
from verifier.diagnosis.catalogue.bug import TransformedGradient
from verifier.diagnosis.costs import ROUNDING_SLACK
from verifier.diagnosis.evidence import SubmittedEvidence
from verifier.diagnosis.fitting import is_beyond_chance
from verifier.problem.precision import Precision
from verifier.report.model import Finding

_DISTINCT_DIGITS = 9  # decimals of the logarithms of numbers that differ


def find_transformations(evidence: SubmittedEvidence) -> Iterator[Finding]:
    """Yield every bug that transforms the right gradients into the submitted ones."""
    parts = {part.name: part for part in evidence.all_submitted}
    submitted = {name: part.submitted for name, part in parts.items() if part.submitted is not None}
    right = {name: array for name, array in named(evidence.reference) if name in submitted}
    if not submitted:
        return
    wrong = tuple(name for name, part in parts.items() if not part.right)
    for bug in BUGS.values():
        for changed in bug.changes(right, submitted) if bug.changes is not None else ():
            distance = {name: np.abs(submitted[name] - changed.gradients[name]) for name in right}
            max_error = {
                name: ROUNDING_SLACK * parts[name].allowance
                + parts[name].quantum
                + changed.slack.get(name, 0.0) * (1.0 + 1e-9)
                for name in right
            }
            if evidence.coarser and not _keeps_zeros(submitted, changed):
                continue
            significant = bool(changed.slack) or _is_significant(evidence, right, changed, max_error)
            if significant and all((distance[name] <= max_error[name]).all() for name in right):
                size = max(float(np.abs(array).max()) for array in submitted.values()) or 1.0
                beyond = (distance[n] - changed.slack.get(n, 0.0) * (1.0 + 1e-9) for n in right)
                residual = max(max(float(array.max()), 0.0) for array in beyond) / size
                yield Finding(bug.id, None, "numbers", wrong, residual=residual, estimates=changed.estimates)
                break


def _keeps_zeros(submitted: Mapping[str, Array], changed: TransformedGradient) -> bool:
    """True if every 0 of a changed gradient was submitted as 0: noise is relative, and leaves it alone."""
    return all((submitted[name][array == 0] == 0).all() for name, array in changed.gradients.items())


def _is_significant(
    evidence: SubmittedEvidence,
    right: Mapping[str, Array],
    changed: TransformedGradient,
    max_error: Mapping[str, Array],
) -> bool:
    """True if more numbers move than are estimated; equal right numbers count once.

    Numbers that may agree by chance, as they have few digits, must hold enough bits together.
    """
    moved = {
        name: np.abs(array - changed.gradients[name]) > 2.0 * max_error[name] for name, array in right.items()
    }
    sizes = np.concatenate([np.abs(array)[moved[name]] for name, array in right.items()])
    distinct = np.unique(np.round(np.log(sizes), _DISTINCT_DIGITS)).size
    spare = distinct - changed.unknowns
    if spare <= 0:
        return False
    parts = [part for part in evidence.all_submitted if part.name in right]
    few_digits = changed.unknowns > 0 and any(part.grid.any() for part in parts)
    if not evidence.coarser and not few_digits:
        return True
    resolution = {part.name: np.maximum(max_error[part.name], 0.5 * part.grid) for part in parts}
    values = {name: np.maximum(np.abs(right[name]), np.abs(changed.gradients[name])) for name in right}
    bits = np.concatenate([np.log2(values[name] / resolution[name])[moved[name]] for name in right])
    return is_beyond_chance(spare * float(np.median(bits)), len(BUGS))


# activations whose textbook formula gives inf or inf/inf at large a
_OVERFLOWING = ("softmax", "softplus")
_OVERFLOWING_BY_HAND = ("tanh",)  # only if written out in exponentials


def find_overflow(
    evidence: SubmittedEvidence, submitted: Mapping[str, Array], precision: Precision
) -> Finding | None:
    """Return a finding if a submitted number is not finite, else None."""
    not_finite = tuple(name for name, values in submitted.items() if not np.isfinite(values).all())
    if not not_finite:
        return None
    layer = _first_naive_overflow(evidence, precision, _OVERFLOWING)
    if layer is None:
        layer = _first_naive_overflow(evidence, precision, _OVERFLOWING_BY_HAND)
    in_plain_arithmetic = layer is not None
    if layer is None:
        layer = max(int(name.split(".")[1]) for name in not_finite)
    return Finding(
        "overflow", layer, "numbers", not_finite, estimates={"in_plain_arithmetic": in_plain_arithmetic}
    )


def _first_naive_overflow(
    evidence: SubmittedEvidence, precision: Precision, overflowing: tuple[str, ...]
) -> int | None:
    """Return the first layer where a naive formula overflows; None if there is none.

    In the last layer a probability of 0 counts too, as log(0) or 1/0.
    """
    problem, trace = evidence.problem, evidence.trace
    largest, smallest = np.log(precision.largest), np.log(precision.smallest)
    layers = problem.network.layers
    for index, (layer, a) in enumerate(zip(layers, trace.a, strict=True)):
        if layer.activation.name not in overflowing:
            continue
        underflows = layer.activation.name == "softmax" and bool((a.max(axis=-1) < smallest).any())
        exponent = np.abs(a) if layer.activation.name == "tanh" else a
        if bool((exponent > largest).any()) or underflows:
            return index
    if problem.risk.on == "logits":
        overflows = np.abs(trace.outputs) > largest
    elif problem.risk.on == "probabilities":
        terms = LOSSES[problem.risk.loss.name].on["probabilities"]
        gradient = terms.gradient(trace.outputs, problem.batch.targets)
        overflows = ~np.isfinite(gradient)
    else:
        return None
    return len(layers) - 1 if bool(overflows.any()) else None
