"""Rounding errors and variances of losses and their gradients (enclosures: `interval_functions.py`).

Amounts of rounding are absolute, in units of the unit roundoff. To add a loss, add the properties of each
of its terms to `LOSS_PROPERTIES`, and its enclosure to `LOSS_GRADIENTS` in `interval_functions.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from reference_impl.activations import sigmoid_derivative
from reference_impl.array import Array
from reference_impl.losses import LOSSES, Terms, quotient
from verifier.engine.functions.activation_properties import exponent_rounding
from verifier.engine.functions.softmax_properties import log_softmax_magnification, log_softmax_vjp_variance

VjpVariance = Callable[[Array, Array, Array], Array]


@dataclass(frozen=True, slots=True)
class LossProperties:
    """The numerical properties of a loss's terms as functions of the outputs f and the targets y.

    gradient_variance: (f, y, variance of f) -> variance of the gradient, to first order.
    value_roundoff: (f, y, terms) -> the rounding error of the terms' textbook formula.
    gradient_roundoff: (f, y) -> the rounding error of the gradient's.
    """

    gradient_variance: Callable[[Array, Array, Array], Array]
    value_roundoff: Callable[[Array, Array, Array], Array]
    gradient_roundoff: Callable[[Array, Array], Array]


def _largest_of_row(x: Array) -> Array:
    return np.asarray(np.abs(x).max(axis=-1, keepdims=True))


def _entropy_value_roundoff(size: Callable[[Array], Array]) -> Callable[[Array, Array, Array], Array]:
    """Return the rounding of log Σ e^x, where each x, of size |x|, is rounded before the exponential."""

    def value_roundoff(x: Array, y: Array, terms: Array) -> Array:
        return np.asarray(np.abs(terms) + (np.abs(y) + 1.0) * (1.0 + size(x)))

    return value_roundoff


def _gradient_roundoff_on_logits(
    terms: Terms, magnification: Callable[[Array], Array]
) -> Callable[[Array, Array], Array]:
    """Return the rounding of p − y: p errs by its exponent's rounding and its sum's, the difference by y's.

    magnification: the relative rounding error of p, in units of the unit roundoff.
    """

    def gradient_roundoff(x: Array, y: Array) -> Array:
        probability = np.abs(terms.gradient(x, y) + y)
        return np.asarray(np.abs(y) + probability * (2.0 + magnification(x)))

    return gradient_roundoff


def _gradient_roundoff_on_probabilities(p: Array, y: Array) -> Array:
    return np.asarray(np.abs(quotient(y, p)) + np.abs(quotient(1.0 - y, 1.0 - p)))


def _log_variance(p: Array, upstream: Array, variance: Array) -> Array:
    return np.asarray(quotient(upstream, p * p) ** 2 * variance)


def _log_complement_variance(p: Array, upstream: Array, variance: Array) -> Array:
    return np.asarray(quotient(upstream, (1.0 - p) ** 2) ** 2 * variance)


def _log_sigmoid_variance(a: Array, upstream: Array, variance: Array) -> Array:
    return np.asarray((upstream * sigmoid_derivative(a)) ** 2 * variance)


def _cross_entropy_variance(of_log: VjpVariance) -> Callable[[Array, Array, Array], Array]:
    return lambda x, y, variance: np.square(np.sqrt(of_log(x, -y, variance)))


def _binary_cross_entropy_variance(
    of_log: VjpVariance, of_log_complement: VjpVariance
) -> Callable[[Array, Array, Array], Array]:
    """Return the variance of a sum of two gradients whose errors come from one x: their deviations add up."""

    def gradient_variance(x: Array, y: Array, variance: Array) -> Array:
        deviation = np.sqrt(of_log(x, -y, variance)) + np.sqrt(of_log_complement(x, y - 1.0, variance))
        return np.asarray(np.square(deviation))

    return gradient_variance


def _kl_value_roundoff(size: Callable[[Array], Array]) -> Callable[[Array, Array, Array], Array]:
    """Return the rounding of y (log y − log p): that of both logarithms, which may cancel."""
    of_cross_entropy = _entropy_value_roundoff(size)

    def value_roundoff(x: Array, y: Array, terms: Array) -> Array:
        entropy = np.abs(y * np.log(np.where(y == 0, 1.0, y)))
        return np.asarray(of_cross_entropy(x, y, np.abs(terms) + entropy) + 2.0 * entropy)

    return value_roundoff


def _linear(sizes: Callable[[Array, Array], Array]) -> LossProperties:
    """Return the properties of terms that are linear between their kinks, with exact slopes.

    sizes: (f, y) -> the sizes of what is added up in the terms.
    """
    return LossProperties(
        gradient_variance=lambda f, y, variance: np.zeros_like(f),
        value_roundoff=lambda f, y, terms: 2.0 * sizes(f, y),
        gradient_roundoff=lambda f, y: np.zeros_like(f),
    )


def _huber(delta: float) -> LossProperties:
    def gradient_variance(f: Array, y: Array, variance: Array) -> Array:
        # an error may carry a distance beyond delta back to where the slope grows
        beyond = np.abs(f - y) > delta + np.minimum(6.0 * np.sqrt(variance), 0.01 * delta)
        return np.where(beyond, 0.0, variance)

    return LossProperties(
        gradient_variance=gradient_variance,
        value_roundoff=lambda f, y, terms: 4.0 * terms + np.abs(f - y),
        gradient_roundoff=lambda f, y: 2.0 * np.minimum(np.abs(f - y), delta),
    )


def _hinge_sizes(f: Array, y: Array) -> Array:
    return np.asarray((1.0 - y) * (1.0 + np.abs(f) + np.abs(y * f).sum(axis=-1, keepdims=True)))


_CROSS_ENTROPY, _BINARY = LOSSES["cross_entropy"], LOSSES["binary_cross_entropy"]

LOSS_PROPERTIES: Mapping[str, LossProperties | Callable[..., LossProperties]] = MappingProxyType(
    {
        "squared_error": LossProperties(
            gradient_variance=lambda f, y, variance: 4.0 * variance,
            value_roundoff=lambda f, y, terms: 3.0 * terms,
            gradient_roundoff=lambda f, y: 4.0 * np.abs(f - y),
        ),
        "cross_entropy_on_logits": LossProperties(
            gradient_variance=_cross_entropy_variance(log_softmax_vjp_variance),
            value_roundoff=_entropy_value_roundoff(_largest_of_row),
            gradient_roundoff=_gradient_roundoff_on_logits(
                _CROSS_ENTROPY.on["logits"], log_softmax_magnification
            ),
        ),
        "cross_entropy_on_probabilities": LossProperties(
            gradient_variance=_cross_entropy_variance(_log_variance),
            value_roundoff=_entropy_value_roundoff(_largest_of_row),
            gradient_roundoff=_gradient_roundoff_on_probabilities,
        ),
        "cross_entropy_on_sigmoid_logits": LossProperties(
            gradient_variance=_cross_entropy_variance(_log_sigmoid_variance),
            value_roundoff=_entropy_value_roundoff(_largest_of_row),
            gradient_roundoff=_gradient_roundoff_on_logits(
                _CROSS_ENTROPY.of_preactivation["sigmoid"], exponent_rounding
            ),
        ),
        "binary_cross_entropy_on_logits": LossProperties(
            gradient_variance=_binary_cross_entropy_variance(_log_sigmoid_variance, _log_sigmoid_variance),
            value_roundoff=_entropy_value_roundoff(np.abs),
            gradient_roundoff=_gradient_roundoff_on_logits(_BINARY.on["logits"], exponent_rounding),
        ),
        "binary_cross_entropy_on_probabilities": LossProperties(
            gradient_variance=_binary_cross_entropy_variance(_log_variance, _log_complement_variance),
            value_roundoff=_entropy_value_roundoff(np.abs),
            gradient_roundoff=_gradient_roundoff_on_probabilities,
        ),
        "absolute_error": _linear(lambda f, y: np.abs(f) + np.abs(y)),
        "huber": _huber,
        "multiclass_hinge": _linear(_hinge_sizes),
        "cross_entropy_on_log_probabilities": _linear(lambda f, y: np.abs(y * f)),
        "kl_divergence_on_logits": LossProperties(
            gradient_variance=_cross_entropy_variance(log_softmax_vjp_variance),
            value_roundoff=_kl_value_roundoff(_largest_of_row),
            gradient_roundoff=_gradient_roundoff_on_logits(
                _CROSS_ENTROPY.on["logits"], log_softmax_magnification
            ),
        ),
        "kl_divergence_on_probabilities": LossProperties(
            gradient_variance=_cross_entropy_variance(_log_variance),
            value_roundoff=_kl_value_roundoff(_largest_of_row),
            gradient_roundoff=_gradient_roundoff_on_probabilities,
        ),
        "kl_divergence_on_log_probabilities": replace(
            _linear(lambda f, y: np.abs(y * f)), value_roundoff=_kl_value_roundoff(_largest_of_row)
        ),
    }
)
"""By the name of the loss's terms; of a loss with options, a function of these."""


def loss_properties(terms: Terms) -> LossProperties:
    """Return the numerical properties of a loss's terms."""
    row = LOSS_PROPERTIES[terms.name]
    return row if isinstance(row, LossProperties) else row(**terms.options)
