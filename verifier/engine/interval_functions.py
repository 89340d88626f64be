"""Enclosures of elementary functions, from endpoints, turning points and evaluation errors.

ASSUMPTION, tested against 50 digits: numpy's exp, expm1, log1p, log and tanh err by at most 4 units in the
last place (8 units of the unit roundoff), the reference's erfc by at most 8. The error bounds in
`IntervalProperties` follow from it, formula by formula.
"""

from collections.abc import Callable

import numpy as np

import reference_impl.softmax as softmax_module
from reference_impl.activations import Activation
from reference_impl.array import Array
from verifier.engine.functions.numerical_properties import numerical_properties
from verifier.engine.intervals import UNIT, Interval, exact, inflated, minus, times, total, wide_times

ULPS = 4
_UNDERFLOW = 2.0**-1020  # error of an exponential that leaves the normal numbers


def value(activation: Activation, a: Interval) -> Interval:
    """Return an enclosure of g over an interval, unit by unit or row by row."""
    if activation.name == "identity":
        return a
    interval = numerical_properties(activation).interval
    if interval is None:
        return softmax(a)
    return _enclose_piecewise_monotone(
        a.middle,
        a.ends,
        activation.forward,
        interval.value_error,
        interval.turning_points,
        interval.can_underflow,
    )


def slope(activation: Activation, a: Interval, kinks: Array | None) -> Interval:
    """Return an enclosure of g′ over an interval, for an activation that acts on each unit alone.

    kinks: where every slope of the subdifferential counts. Elsewhere only the side of `a.middle` counts, even
    if the interval reaches across a kink.
    """
    interval = numerical_properties(activation).interval
    derivative = activation.derivative
    assert interval is not None
    assert derivative is not None
    lower, upper = a.ends
    for kink in activation.kinks:
        right = a.middle > kink.at
        lower = np.where(right, np.maximum(lower, np.nextafter(kink.at, np.inf)), lower)
        upper = np.where(right, upper, np.minimum(upper, kink.at))
    enclosure = _enclose_piecewise_monotone(
        a.middle,
        (lower, upper),
        derivative,
        interval.derivative_error,
        interval.derivative_turning_points,
        interval.can_underflow,
    )
    if kinks is None or not activation.kinks:
        return enclosure
    lowest = np.minimum.reduce([np.minimum(kink.left, kink.right) for kink in activation.kinks])
    highest = np.maximum.reduce([np.maximum(kink.left, kink.right) for kink in activation.kinks])
    low = np.where(
        kinks, np.minimum(lowest, enclosure.middle - enclosure.radius), enclosure.middle - enclosure.radius
    )
    high = np.where(
        kinks, np.maximum(highest, enclosure.middle + enclosure.radius), enclosure.middle + enclosure.radius
    )
    middle = np.where(kinks, 0.5 * (low + high), enclosure.middle)
    return Interval(
        middle, np.where(kinks, inflated(np.maximum(high - middle, middle - low)), enclosure.radius)
    )


def vjp(activation: Activation, a: Interval, upstream: Interval, kinks: Array | None) -> Interval:
    """Return an enclosure of ∂R/∂a for that of ∂R/∂z."""
    if activation.name == "identity":
        return upstream
    if activation.derivative is None:
        return softmax_vjp(a, upstream)
    product = times if kinks is None else wide_times
    return product(upstream, slope(activation, a, kinks))


def _enclose_piecewise_monotone(
    at_middle: Array,
    ends: tuple[Array, Array],
    function: Callable[[Array], Array],
    accuracy: Callable[[Array, Array], Array] | None,
    turning_points: tuple[float, ...],
    elementary: bool,
) -> Interval:
    """Return an enclosure of a function that is monotone between its turning points."""
    lower, upper = ends
    # all points in one call: on small arrays a call costs more than its arithmetic
    points = np.empty((3 + len(turning_points), *at_middle.shape))
    points[0], points[1], points[2] = at_middle, lower, upper
    # a turning point outside is replaced by the end; g is flat in its last place there
    for index, point in enumerate(turning_points, start=3):
        points[index] = np.minimum(np.maximum(lower, point), upper)
    values = function(points)
    middle = values[0]
    distances = np.abs(values[1:] - middle)
    if accuracy is None:
        return Interval(middle, inflated(np.maximum.reduce(distances, axis=0), 2))
    errors = accuracy(points, values) * UNIT + (_UNDERFLOW if elementary else 0.0)
    distances += errors[1:]
    return Interval(middle, inflated(np.maximum.reduce(distances, axis=0) + errors[0], 2))


def softmax(a: Interval) -> Interval:
    """Return an enclosure of each row's softmax.

    Logits that move by at most r move a probability by a factor of at most e^{±2r}.
    """
    return softmax_and_complement(a)[0]


def one_minus_softmax(a: Interval) -> Interval:
    """Return an enclosure of 1 − softmax, whose odds move by e^{±2r} at most, too."""
    return softmax_and_complement(a)[1]


def softmax_and_complement(a: Interval) -> tuple[Interval, Interval]:
    """Return enclosures of softmax and 1 − softmax."""
    probabilities, complement = softmax_module.softmax_and_complement(a.middle)
    relative = _relative_radius(a, probabilities)
    return (
        Interval(probabilities, inflated((probabilities + _UNDERFLOW) * relative + _UNDERFLOW, 2)),
        Interval(complement, inflated((complement + _UNDERFLOW) * 3.0 * relative + _UNDERFLOW, 2)),
    )


def log_softmax(a: Interval) -> Interval:
    """Return an enclosure of each row's log softmax, which moves by at most twice as far as the logits."""
    logarithm = softmax_module.log_softmax(a.middle)
    relative = _relative_radius(a, softmax_module.softmax(a.middle))  # an absolute error of the logarithm
    return Interval(logarithm, inflated(relative + 4 * ULPS * UNIT * np.abs(logarithm) + _UNDERFLOW, 2))


def softmax_vjp(a: Interval, upstream: Interval) -> Interval:
    """Return an enclosure of p_k (w_k − Σⱼ w_j p_j), w_j = u_j − u_top: 0 for the likeliest unit."""
    p = softmax(a)
    top = a.middle.argmax(axis=-1)[..., None]
    top_upstream = Interval(
        np.take_along_axis(upstream.middle, top, axis=-1), np.take_along_axis(upstream.radius, top, axis=-1)
    )
    w = minus(upstream, top_upstream)
    is_top = np.arange(a.middle.shape[-1]) == top
    w = Interval(np.where(is_top, 0.0, w.middle), np.where(is_top, 0.0, w.radius))
    return times(p, minus(w, total(times(w, p), axis=-1, keepdims=True)))


def cross_entropy_delta(a: Interval, targets: Array) -> Interval:
    """Return an enclosure of p_k Σ_{j≠k} y_j − y_k (1 − p_k), the gradient of −Σ y log softmax(a)."""
    p, complement = softmax_and_complement(a)
    return minus(times(p, _sum_of_others(targets)), times(exact(targets), complement))


def _sum_of_others(targets: Array) -> Interval:
    """Return an enclosure of Σ_{j≠k} y_j along each row; sums of one term are exact."""
    middle = targets.sum(axis=-1, keepdims=True) - targets
    if np.count_nonzero(targets) == np.count_nonzero(targets.any(axis=-1)):
        return exact(middle)
    one_hot = np.count_nonzero(targets, axis=-1) <= 1
    summed = UNIT * targets.shape[-1] * np.abs(targets).sum(axis=-1, keepdims=True)
    return Interval(middle, np.where(one_hot[..., None], 0.0, inflated(UNIT * np.abs(middle)) + summed))


def _relative_radius(a: Interval, probabilities: Array) -> Array:
    """Return the relative radius of probabilities, for the interval and the evaluation at its middle."""
    shift = a.middle.max(axis=-1, keepdims=True) - a.middle
    outcomes = a.middle.shape[-1]
    evaluation = shift + (probabilities * shift).sum(axis=-1, keepdims=True) + outcomes + 4 * ULPS + 8
    spread = np.expm1(2.0 * a.radius.max(axis=-1, keepdims=True))
    return np.asarray((spread + 2.0 * UNIT * evaluation) * (1.0 + 1e-12))
