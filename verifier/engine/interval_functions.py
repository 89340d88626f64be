"""Enclosures of elementary functions and losses, and the interval arithmetic of the engine.

Functions are enclosed from endpoints, turning points and evaluation errors.

ASSUMPTION, tested against 50 digits: numpy's exp, expm1, log1p, log, tanh, sin, cos and arctan err by at most
4 units in the last place (8 units of the unit roundoff), as does the reference's erf; its erfc by at most 8.
The error bounds in `IntervalProperties` follow from it, formula by formula.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

import reference_impl.softmax as softmax_module
from reference_impl.activations import SIGMOID, Activation
from reference_impl.array import Array
from reference_impl.losses import Terms
from verifier.engine.functions.loss_properties import loss_properties
from verifier.engine.functions.numerical_properties import numerical_properties, slopes_of_nearest_kink
from verifier.engine.intervals import (
    FACTOR_ERROR,
    UNDERFLOW,
    UNIT,
    Interval,
    IntervalNumbers,
    complement,
    enclose_by_steepness,
    enclose_piecewise_monotone,
    exact,
    inflated,
    minus,
    negative,
    plus,
    quotient,
    sharp_factors,
    times,
    total,
    wide_times,
)

ULPS = 4


def value(function: Activation, x: Interval) -> Interval:
    """Return an enclosure of g over an interval, unit by unit or row by row."""
    if function.name == "identity":
        return x
    interval = numerical_properties(function).interval
    if interval is None:
        return _OF_ROWS[function.name][0](x)
    if interval.steepness is not None:
        return enclose_by_steepness(x, interval.steepness, function.forward, interval.value_error)
    return enclose_piecewise_monotone(
        x,
        None,
        function.forward,
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
    if interval.steepness is not None:
        return enclose_by_steepness(a, interval.steepness, derivative, interval.derivative_error)
    ends = a.ends if activation.kinks else None
    for kink in activation.kinks:
        assert ends is not None
        lower, upper = ends
        right = a.middle > kink.at
        lower = np.where(right, np.maximum(lower, np.nextafter(kink.at, np.inf)), lower)
        upper = np.where(right, upper, np.minimum(upper, kink.at))
        ends = lower, upper
    enclosure = enclose_piecewise_monotone(
        a,
        ends,
        derivative,
        interval.derivative_error,
        interval.derivative_turning_points,
        interval.can_underflow,
    )
    if kinks is None or not activation.kinks:
        return enclosure
    left, right = slopes_of_nearest_kink(activation, a.middle)
    lowest, highest = np.minimum(left, right), np.maximum(left, right)
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


def vjp(function: Activation, x: Interval, u: Interval, kinks: Array | None) -> Interval:
    """Return an enclosure of ∂R/∂x for that of ∂R/∂g(x)."""
    if function.name == "identity":
        return u
    if function.derivative is None:
        return _OF_ROWS[function.name][1](x, u)
    product = times if kinks is None else wide_times
    return product(u, slope(function, x, kinks))


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
        Interval(probabilities, inflated((probabilities + UNDERFLOW) * relative + UNDERFLOW, 2)),
        Interval(complement, inflated((complement + UNDERFLOW) * 3.0 * relative + UNDERFLOW, 2)),
    )


def log_softmax(x: Interval) -> Interval:
    """Return an enclosure of each row's log softmax, which moves by at most twice as far as the logits."""
    logarithm = softmax_module.log_softmax(x.middle)
    relative = _relative_radius(x, softmax_module.softmax(x.middle))  # an absolute error of the logarithm
    return Interval(logarithm, inflated(relative + 4 * ULPS * UNIT * np.abs(logarithm) + UNDERFLOW, 2))


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


def log_softmax_vjp(x: Interval, upstream: Interval) -> Interval:
    """Return an enclosure of u_k (1 − p_k) − p_k Σ_{j≠k} u_j."""
    others = minus(total(upstream, axis=-1, keepdims=True), upstream)
    return minus(times(upstream, one_minus_softmax(x)), times(softmax(x), others))


_OF_ROWS: Mapping[str, tuple[Callable[[Interval], Interval], Callable[[Interval, Interval], Interval]]] = (
    MappingProxyType({"softmax": (softmax, softmax_vjp), "log_softmax": (log_softmax, log_softmax_vjp)})
)
"""The enclosure of each function of whole rows, and that of its vector-Jacobian product."""


def cross_entropy_delta(a: Interval, targets: Array) -> Interval:
    """Return an enclosure of p_k Σ_{j≠k} y_j − y_k (1 − p_k), the gradient of −Σ y log softmax(a)."""
    p, complement = softmax_and_complement(a)
    return minus(times(p, _sum_of_others(targets)), times(exact(targets), complement))


def _sum_of_others(targets: Array) -> Interval:
    """Return an enclosure of Σ_{j≠k} y_j along each row; sums of one term are exact."""
    middle = np.add.reduce(targets, axis=-1, keepdims=True) - targets
    if np.count_nonzero(targets) == np.count_nonzero(np.logical_or.reduce(targets, axis=-1)):
        return exact(middle)
    one_hot = np.count_nonzero(targets, axis=-1) <= 1
    summed = UNIT * targets.shape[-1] * np.abs(targets).sum(axis=-1, keepdims=True)
    return Interval(middle, np.where(one_hot[..., None], 0.0, inflated(UNIT * np.abs(middle)) + summed))


def _relative_radius(a: Interval, probabilities: Array) -> Array:
    """Return the relative radius of probabilities, for the interval and the evaluation at its middle."""
    shift = np.maximum.reduce(a.middle, axis=-1, keepdims=True) - a.middle
    outcomes = a.middle.shape[-1]
    mean_shift = np.add.reduce(probabilities * shift, axis=-1, keepdims=True)
    evaluation = shift + mean_shift + outcomes + 4 * ULPS + 8
    spread = np.expm1(2.0 * np.maximum.reduce(a.radius, axis=-1, keepdims=True))
    return np.asarray((spread + 2.0 * UNIT * evaluation) * (1.0 + 1e-12))


def _enclose_squared_error(f: Interval, y: Array) -> Interval:
    return times(exact(np.full_like(y, 2.0)), minus(f, exact(y)))


def _enclose_sigmoid_cross_entropy(a: Interval, y: Array) -> Interval:
    """Enclose −y σ(−a), the gradient of −y log σ(a)."""
    return times(exact(-y), value(SIGMOID, negative(a)))


def _enclose_binary_cross_entropy_on_logits(a: Interval, y: Array) -> Interval:
    if_absent = times(complement(exact(y)), value(SIGMOID, a))
    return plus(_enclose_sigmoid_cross_entropy(a, y), if_absent)


def _enclose_binary_cross_entropy_on_probabilities(p: Interval, y: Array) -> Interval:
    return plus(quotient(-y, p), quotient(1.0 - y, complement(p)))


def _enclose_sign(f: Interval, y: Array, kinks: Array | None) -> Interval:
    sign = np.sign(minus(f, exact(y)).middle)
    if kinks is None:
        return exact(sign)
    return Interval(np.where(kinks, 0.0, sign), np.where(kinks, 1.0, 0.0))


def _enclose_huber(f: Interval, y: Array, delta: float) -> Interval:
    difference = minus(f, exact(y))
    lower, upper = (np.clip(end, -delta, delta) for end in difference.ends)
    middle = np.clip(difference.middle, -delta, delta)
    return Interval(middle, inflated(np.maximum(upper - middle, middle - lower), 2))


def _enclose_hinge(f: Interval, y: Array, kinks: Array | None) -> Interval:
    right = total(times(exact(y), f), axis=-1, keepdims=True)
    margins = plus(exact(np.ones_like(y)), minus(f, right)).middle
    violated = exact((1.0 - y) * np.where(np.isnan(margins), np.nan, np.where(margins > 0, 1.0, 0.0)))
    if kinks is not None:
        either = 0.5 * np.abs(1.0 - y)
        violated = Interval(np.where(kinks, either, violated.middle), np.where(kinks, either, 0.0))
    return minus(violated, times(exact(y), total(violated, axis=-1, keepdims=True)))


LOSS_GRADIENTS: Mapping[str, Callable[..., Interval]] = MappingProxyType(
    {
        "squared_error": _enclose_squared_error,
        "cross_entropy_on_logits": cross_entropy_delta,
        "cross_entropy_on_probabilities": lambda p, y: quotient(-y, p),
        "cross_entropy_on_sigmoid_logits": _enclose_sigmoid_cross_entropy,
        "binary_cross_entropy_on_logits": _enclose_binary_cross_entropy_on_logits,
        "binary_cross_entropy_on_probabilities": _enclose_binary_cross_entropy_on_probabilities,
        "absolute_error": _enclose_sign,
        "huber": _enclose_huber,
        "multiclass_hinge": _enclose_hinge,
        "cross_entropy_on_log_probabilities": lambda f, y: exact(-y),
        "kl_divergence_on_logits": cross_entropy_delta,
        "kl_divergence_on_probabilities": lambda p, y: quotient(-y, p),
        "kl_divergence_on_log_probabilities": lambda f, y: exact(-y),
    }
)
"""By the name of the loss's terms: (f, y) -> an enclosure of the gradient over that of the outputs f.

Those of terms with kinks also take `kinks`, a mask of the terms where every slope counts, or None.
"""


class IntervalArithmetic(IntervalNumbers):
    """Evaluate formulas with enclosures of the results, with every slope at kinks."""

    applied = staticmethod(value)
    activation_vjp = staticmethod(vjp)
    log_softmax = staticmethod(log_softmax)

    def log_softmax_vjp(self, x: Interval, u: Interval) -> Interval:
        return log_softmax_vjp(x, u)

    def losses(self, terms: Terms, f: Interval, y: Array) -> Interval:
        """Return an enclosure of the losses, by the mean value theorem with the steepest slopes."""
        outputs = f.middle.shape[-1]
        reached = None if terms.kink_distance is None else terms.at_kink(f.middle, y, f.radius)
        variation = (self.loss_gradient(terms, f, y, reached).magnitude * f.radius).sum(axis=-1)
        values = terms.value(f.middle, y)
        rounding_error = (
            (32 + outputs) * UNIT * loss_properties(terms).value_roundoff(f.middle, y, values).sum(axis=-1)
        )
        return Interval(values.sum(axis=-1), inflated(variation + rounding_error, outputs + 2))

    def loss_gradient(self, terms: Terms, f: Interval, y: Array, kinks: Array | None = None) -> Interval:
        kinked = {} if terms.kink_distance is None else {"kinks": kinks}
        return LOSS_GRADIENTS[terms.name](f, y, **terms.options, **kinked)

    def scaled_loss_slopes(
        self, terms: Terms, f: Interval, y: Array, factor: float, kinks: Array | None = None
    ) -> Interval:
        rounded = Interval(np.asarray(factor), np.asarray(abs(factor) * FACTOR_ERROR))
        return times(self.loss_gradient(terms, f, y, kinks), rounded)


INTERVALS = IntervalArithmetic()
SHARP_INTERVALS = IntervalArithmetic(sharp_factors)
