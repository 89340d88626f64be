"""Fit a candidate, times an unknown factor, to a submitted gradient."""

from dataclasses import dataclass
from math import inf, log2

import numpy as np

from reference_impl.array import Array
from reference_impl.network import LayerParameters
from verifier.diagnosis.catalogue.rules.numbers import least_squares_factor
from verifier.diagnosis.costs import (
    CANCELLATION_FRACTION,
    MAX_CONDITION,
    MIN_EVIDENCE_BITS,
    ROUNDING_SLACK,
    SAME_GRADIENT_ROUNDINGS,
)
from verifier.diagnosis.evidence import SubmittedEvidence, SubmittedGradient


@dataclass(frozen=True, slots=True)
class Fit:
    """A candidate that equals the gradient up to rounding after multiplication by `scale`.

    scale: None if both are zero, so that any factor fits. scale_error: relative error of the scale.
    residual: norm of the difference over the norm of the candidate.
    bits: bits of agreement per entry, log2 of value over tolerance.
    numbers: the count of entries that are significantly different from zero.
    left: as residual, over the norm of the absolute contributions, before they cancel.
    weak: chance may explain the agreement.
    """

    scale: float | None
    residual: float
    scale_error: float
    bits: float
    numbers: int
    left: float = 0.0
    weak: bool = False

    def has_scale(self, factor: float) -> bool:
        """True if the scale agrees with a factor within its error."""
        if self.scale is None:
            return True
        return abs(self.scale - factor) <= self.scale_error * max(abs(factor), abs(self.scale))


def is_beyond_chance(bits: float, candidates: float) -> bool:
    """True if chance hardly explains that one of so many candidates agrees in so many bits."""
    return bits >= MIN_EVIDENCE_BITS + log2(candidates)


def indistinguishable_distance(part: SubmittedGradient, size: Array, noise_factor: float) -> Array:
    """Return the distance below which two gradients cannot be distinguished. size: see `size_of_product`."""
    return np.asarray(SAME_GRADIENT_ROUNDINGS * ROUNDING_SLACK * part.relative * noise_factor * size)


def delta_magnitude(delta: Array) -> Array:
    """Return the magnitude that the rounding error of δ is relative to, (N, out)."""
    row_rms = np.sqrt(np.mean(np.square(delta), axis=1, keepdims=True))
    return np.asarray(np.abs(delta) + CANCELLATION_FRACTION * row_rms)


def parameter_gradient(part: SubmittedGradient, z: Array, delta: Array) -> Array:
    """Return the gradient of a weight or bias by the right rule."""
    return np.asarray(z.T @ delta if part.kind == "weight" else delta.sum(axis=0))


def product_magnitude(part: SubmittedGradient, z: Array, size: Array) -> Array:
    """Return the sum of absolute contributions to the gradient of a weight or bias. size: magnitude of δ."""
    return np.asarray(np.abs(z).T @ size if part.kind == "weight" else size.sum(axis=0))


@np.errstate(all="ignore")  # a candidate that overflows does not fit
def fit(
    target: Array,
    value: Array,
    size: Array,
    slack: Array,
    fixed: Array | float,
    free_scale: bool = True,
    grid: Array | float = 0.0,
    most_scale: float = inf,
) -> Fit | None:
    """Fit target ≈ scale · value by least squares; return None if an entry differs by more than rounding.

    target, value, size, slack: arrays of one shape. size: sum of absolute contributions to an entry.
    slack: rounding error relative to size. fixed: further tolerance, in units of the gradient.
    free_scale: otherwise only scale 1 is tried. The caller decides whether one number can show a factor.
    grid: distance of the numbers that an entry can have, if they are few.
    most_scale: a larger scale widens the tolerance no further, as the size of a mean is that of a sum.
    """
    tolerance = ROUNDING_SLACK * slack * np.maximum(size, np.abs(value)) + fixed
    if not np.isfinite(value).all():
        return None
    if (np.abs(target - value) <= tolerance).all():
        return _fit_statistics(target, value, size, tolerance, 1.0, grid)
    if not free_scale:
        return None
    scale = least_squares_factor(target, value)
    if scale == 0 or not np.isfinite(scale):
        return None
    widening = min(abs(scale), most_scale)
    scaled_tolerance = widening * (tolerance - fixed) + fixed
    if np.square(target - scale * value).sum() > (1 + 1e-9) * np.square(scaled_tolerance).sum():
        return None  # the least sum of squares is too large, so every scale leaves too much somewhere
    scale = _feasible_scale(target, value, scaled_tolerance, scale)
    if not (np.abs(target - scale * value) <= scaled_tolerance).all():
        return None
    scaled_fit = _fit_statistics(target, scale * value, abs(scale) * size, scaled_tolerance, scale, grid)
    return None if scaled_fit.scale is None else scaled_fit


def _feasible_scale(target: Array, value: Array, tolerance: Array, scale: float) -> float:
    """Return this scale, or one in the middle of those that leave no more than the tolerance, if any do.

    Least squares may leave more than the tolerance of some entry where another scale does not.
    """
    used = value != 0
    ends = np.stack([target - tolerance, target + tolerance])[:, used] / value[used]
    lowest, highest = float(ends.min(axis=0).max()), float(ends.max(axis=0).min())
    return scale if lowest <= scale <= highest or lowest > highest else 0.5 * (lowest + highest)


def _fit_statistics(
    target: Array, value: Array, size: Array, tolerance: Array, scale: float, grid: Array | float
) -> Fit:
    """Return the statistics of a fit; scale None if the value is zero within its tolerance."""
    significant = np.abs(value) > tolerance
    norm = float(np.linalg.norm(value))
    if not significant.any() or norm == 0.0:
        return Fit(None, 0.0, 0.0, 0.0, 0)
    resolution = np.maximum(np.maximum(tolerance, 0.5 * grid), 5e-324)[significant]
    bits = max(0.0, float(np.median(np.log2(np.abs(value[significant]) / resolution))))
    residual_norm = float(np.linalg.norm(target - value))
    return Fit(
        scale,
        residual_norm / norm,
        float(np.linalg.norm(tolerance)) / norm + 1e-15,
        bits,
        int(significant.sum()),
        residual_norm / max(norm, float(np.linalg.norm(size))),
    )


@dataclass(frozen=True, slots=True, eq=False)
class RecoveredDelta:
    """A recovered δ, (N, out).

    noise_factor: its rounding error over that of a δ computed by a rule.
    tested: there were more equations than unknowns.
    """

    delta: Array
    noise_factor: float
    tested: bool


@np.errstate(all="ignore")
def recover_delta(evidence: SubmittedEvidence, layer: int, penalty: LayerParameters) -> RecoveredDelta | None:
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
        errors.append(np.atleast_2d(part.relative) * size + np.atleast_2d(part.quantum))
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
    size = delta_magnitude(delta)
    noise_factor = max(1.0, float(np.max(delta_error / np.maximum(size, 5e-324))) / relative)
    return RecoveredDelta(delta, noise_factor, z.shape[0] > examples)
