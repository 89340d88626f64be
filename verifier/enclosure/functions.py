"""Enclosures of elementary functions: endpoints, turning points, and what one evaluation may err.

ASSUMPTION, tested against 50 digits: numpy's exp, expm1, log1p, log and tanh err by at most 4 units in the
last place (8 units of the unit roundoff), the reference's erfc by at most 8. The `accuracy` columns of the
activations follow from it, formula by formula.
"""

from collections.abc import Callable

import numpy as np

import reference_impl.softmax as softmax_module
from reference_impl.activation import Activation
from reference_impl.array import Array
from verifier.enclosure.ball import UNIT, Ball, exact, inflated, minus, plus, times, total, wide_times

ULPS = 4
_UNDERFLOW = 2.0**-1020  # what an exponential may lose where it leaves the normal numbers


def value(activation: Activation, a: Ball) -> Ball:
    """Enclose g over a ball, unit by unit or row by row."""
    if activation.smoothness is None:
        return softmax(a)
    smoothness = activation.smoothness
    return _over(
        a.middle,
        (a.lower, a.upper),
        activation.forward,
        smoothness.accuracy,
        smoothness.turning_points,
        smoothness.elementary,
    )


def slope(activation: Activation, a: Ball, kinks: Array | None) -> Ball:
    """Enclose g′ over a ball, for an activation that acts on each unit alone.

    kinks: where every slope of the subdifferential counts; elsewhere the side that `a.middle` is on counts,
    even where the ball reaches over a kink.
    """
    smoothness = activation.smoothness
    derivative = activation.derivative
    assert smoothness is not None
    assert derivative is not None
    lower, upper = a.lower, a.upper
    for kink in activation.kinks:
        right = a.middle > kink.at
        lower = np.where(right, np.maximum(lower, np.nextafter(kink.at, np.inf)), lower)
        upper = np.where(right, upper, np.minimum(upper, kink.at))
    found = _over(
        a.middle,
        (lower, upper),
        derivative,
        smoothness.derivative_accuracy,
        smoothness.derivative_turning_points,
        smoothness.elementary,
    )
    if kinks is None or not activation.kinks:
        return found
    lowest = np.minimum.reduce([np.minimum(kink.left, kink.right) for kink in activation.kinks])
    highest = np.maximum.reduce([np.maximum(kink.left, kink.right) for kink in activation.kinks])
    low = np.where(kinks, np.minimum(lowest, found.middle - found.radius), found.middle - found.radius)
    high = np.where(kinks, np.maximum(highest, found.middle + found.radius), found.middle + found.radius)
    middle = np.where(kinks, 0.5 * (low + high), found.middle)
    return Ball(middle, np.where(kinks, inflated(np.maximum(high - middle, middle - low)), found.radius))


def pull_back(activation: Activation, a: Ball, upstream: Ball, kinks: Array | None) -> Ball:
    """Enclose ∂R/∂a given ∂R/∂z."""
    if activation.smoothness is None:
        return softmax_pull_back(a, upstream)
    product = times if kinks is None else wide_times
    return product(upstream, slope(activation, a, kinks))


def _over(
    at_middle: Array,
    ends: tuple[Array, Array],
    function: Callable[[Array], Array],
    accuracy: Callable[[Array], Array],
    turning_points: tuple[float, ...],
    elementary: bool,
) -> Ball:
    """Enclose a function that is monotone between its turning points."""
    lower, upper = ends
    # all points at once: on small arrays a call costs more than what it computes
    points = np.stack([at_middle, lower, upper, *(np.full_like(at_middle, own) for own in turning_points)])
    values, errors = function(points), accuracy(points) * UNIT + (_UNDERFLOW if elementary else 0.0)
    middle, error = values[0], errors[0]
    reaches = np.abs(values[1:] - middle) + errors[1:]
    radius = np.maximum(reaches[0], reaches[1])
    for point, reach in zip(turning_points, reaches[2:], strict=True):
        # a turning point is known to a unit in the last place only
        inside = (lower <= point + 1e-15) & (upper >= point - 1e-15)
        radius = np.maximum(radius, np.where(inside, reach, 0.0))
    return Ball(middle, inflated(radius + error, 2))


def softmax(a: Ball) -> Ball:
    """Enclose each row's softmax: moving every logit by at most r moves a probability by e^{±2r} at most."""
    probabilities, relative = _probabilities(a)
    return Ball(probabilities, inflated((probabilities + _UNDERFLOW) * relative + _UNDERFLOW, 2))


def one_minus_softmax(a: Ball) -> Ball:
    """Enclose 1 − softmax; the odds against move by e^{±2r} at most too."""
    complement = softmax_module.one_minus_softmax(a.middle)
    _, relative = _probabilities(a)
    return Ball(complement, inflated((complement + _UNDERFLOW) * 3.0 * relative + _UNDERFLOW, 2))


def log_softmax(a: Ball) -> Ball:
    """Enclose each row's log softmax: it moves by at most twice what the logits move."""
    logarithm = softmax_module.log_softmax(a.middle)
    _, relative = _probabilities(a)  # absolute, of a logarithm
    return Ball(logarithm, inflated(relative + 4 * ULPS * UNIT * np.abs(logarithm) + _UNDERFLOW, 2))


def softmax_pull_back(a: Ball, upstream: Ball) -> Ball:
    """Enclose p_k (w_k − Σⱼ w_j p_j), w_j = u_j − u_top, which is exactly 0 for the likeliest unit."""
    p = softmax(a)
    top = a.middle.argmax(axis=-1)[..., None]
    highest = Ball(
        np.take_along_axis(upstream.middle, top, axis=-1), np.take_along_axis(upstream.radius, top, axis=-1)
    )
    w = minus(upstream, highest)
    itself = np.arange(a.middle.shape[-1]) == top
    w = Ball(np.where(itself, 0.0, w.middle), np.where(itself, 0.0, w.radius))
    return times(p, minus(w, total(times(w, p), axis=-1, keepdims=True)))


def cross_entropy_delta(a: Ball, targets: Array) -> Ball:
    """Enclose p_k Σ_{j≠k} y_j − y_k (1 − p_k), the gradient of −Σ y log softmax(a)."""
    others = plus(exact(targets.sum(axis=-1, keepdims=True) + 0.0 * targets), exact(-targets))
    others = Ball(
        others.middle, others.radius + UNIT * targets.shape[-1] * np.abs(targets).sum(axis=-1, keepdims=True)
    )
    one_hot = (np.count_nonzero(targets, axis=-1) <= 1)[..., None]
    others = Ball(others.middle, np.where(one_hot, 0.0, others.radius))  # sums of one term are exact
    return minus(times(softmax(a), others), times(exact(targets), one_minus_softmax(a)))


def _probabilities(a: Ball) -> tuple[Array, Array]:
    """Give softmax of the middle, and the relative radius that covers the ball and the evaluation."""
    probabilities = softmax_module.softmax(a.middle)
    shift = a.middle.max(axis=-1, keepdims=True) - a.middle
    outcomes = a.middle.shape[-1]
    evaluation = shift + (probabilities * shift).sum(axis=-1, keepdims=True) + outcomes + 4 * ULPS + 8
    spread = np.expm1(2.0 * a.radius.max(axis=-1, keepdims=True))
    return probabilities, np.asarray((spread + 2.0 * UNIT * evaluation) * (1.0 + 1e-12))
