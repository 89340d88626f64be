"""Losses, penalties, and the risk R that is made of them and differentiated.

R = factor · (Σ or mean over examples) (Σ or mean over outputs) loss + Σ penalties.

The lecture's own risk is R = 1/N Σₙ ½ Σₖ (yₙₖ − f(xₙ)ₖ)². A loss is a row of `LOSSES`; its terms have no
factor and are not reduced, which is the work of `Risk`. To add a loss, write its row and name it there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from reference_impl.activations import sigmoid, softplus
from reference_impl.array import Array
from reference_impl.softmax import log_softmax, log_softmax_vjp


@dataclass(frozen=True, slots=True)
class Terms:
    """A loss as a function of the outputs f and the targets y, one term an output, before any reduction.

    Parameters
    ----------
    name : str
        One name for each function, unique among all losses.
    value : callable
        (f, y) -> the terms, shape (N, outputs).
    gradient : callable
        (f, y) -> the derivative of each row's sum with respect to f, shape (N, outputs).
    kink_distance : callable or None
        (f, y) -> numbers whose sign tells on which side of a kink each term is, infinite where a term has
        none; None for smooth terms. At a distance of 0 the gradient may jump.
    kink_reach : callable or None
        (half widths of f, y) -> how far the distance may be off.
    options : mapping
        Constants of the loss, such as ``{"delta": 1.0}`` of huber.
    """

    name: str
    value: Callable[[Array, Array], Array]
    gradient: Callable[[Array, Array], Array]
    kink_distance: Callable[[Array, Array], Array] | None = None
    kink_reach: Callable[[Array, Array], Array] | None = None
    options: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    def at_kink(self, f: Array, y: Array, half_width: Array) -> Array:
        """Return a mask of the terms that may be at a kink if f is off by its half width."""
        if self.kink_distance is None or self.kink_reach is None:
            return np.zeros(np.shape(f), dtype=bool)
        return np.asarray(~(np.abs(self.kink_distance(f, y)) > self.kink_reach(half_width, y)))


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss function.

    Parameters
    ----------
    name : str
        The name in `LOSSES`.
    default_factor : float
        The factor of the loss in the risk unless the problem has another.
    reduces_outputs : bool
        True if a problem may choose the sum or the mean over a row's outputs.
    class_targets : bool
        True if targets may be class indices.
    on : mapping of str to Terms
        The terms by what the last layer puts out: "values" (a regression, or scores), "logits",
        "probabilities" or "log_probabilities".
    of_preactivation : mapping of str to Terms
        The terms as functions of the last pre-activation, by the name of the last activation. They replace
        ``on["probabilities"]``, so that no logarithm of a rounded probability is taken.

    Examples
    --------
    >>> import numpy as np
    >>> terms = LOSSES["mse"].on["values"]
    >>> terms.value(np.array([[1.0, 3.0]]), np.array([[0.0, 1.0]]))
    array([[1., 4.]])
    >>> terms.gradient(np.array([[1.0, 3.0]]), np.array([[0.0, 1.0]]))
    array([[2., 4.]])
    """

    name: str
    default_factor: float
    reduces_outputs: bool
    class_targets: bool
    on: Mapping[str, Terms]
    of_preactivation: Mapping[str, Terms]


@dataclass(frozen=True, slots=True)
class Norm:
    """The function of one weight that a penalty sums, and its slope; for l1 the slope at the kink is 0."""

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]


NORMS: Mapping[str, Norm] = MappingProxyType(
    {
        "l2": Norm(value=np.square, slope=lambda w: 2.0 * w),
        "l1": Norm(value=np.abs, slope=np.sign),
    }
)


@dataclass(frozen=True, slots=True)
class Penalty:
    """A penalty on the weights: factor · strength · Σ norm(w).

    Parameters
    ----------
    norm : str
        A key of `NORMS`: "l2" (w²) or "l1" (|w|).
    strength, factor : float
        The two numbers that multiply the sum, such as λ and ½.
    batch : str
        "mean" to divide by the number of examples, "none" otherwise.
    biases : bool
        True to penalise biases as well.

    Examples
    --------
    >>> Penalty("l2", strength=0.1, factor=0.5, batch="mean").coefficient(examples=10)
    0.005
    """

    norm: str
    strength: float
    factor: float
    batch: str = "none"
    biases: bool = False

    def coefficient(self, examples: int) -> float:
        """Return the number that multiplies Σ norm(w) in the risk."""
        return self.factor * self.strength / (examples if self.batch == "mean" else 1)


@dataclass(frozen=True, slots=True)
class ClassWeighting:
    """Weights of classes, and smoothed labels, that have been multiplied into a risk and its targets.

    Parameters
    ----------
    weights : tuple of float
        One for each class.
    smoothing : float
        The share of the targets that all classes have equally.
    factor, batch
        Those of the risk before.

    Examples
    --------
    >>> ClassWeighting((1.0, 2.0), smoothing=0.1, factor=1.0, batch="mean").weights
    (1.0, 2.0)
    """

    weights: tuple[float, ...]
    smoothing: float
    factor: float
    batch: str


@dataclass(frozen=True, slots=True)
class Risk:
    """The scalar function of the network's outputs and weights that is differentiated.

    Parameters
    ----------
    loss : Loss
    factor : float
        The factor of the loss.
    batch, outputs : str
        The reductions over examples and over outputs, "mean" or "sum".
    on : str
        A key of ``loss.on``.
    penalties : tuple of Penalty
    weighting : ClassWeighting or None
        If the targets are rows of class weights, which need not sum to 1: how they were made.

    Examples
    --------
    >>> Risk(LOSSES["mse"], factor=0.5).example_scale(examples=4)
    0.25
    """

    loss: Loss
    factor: float
    batch: str = "mean"
    outputs: str = "sum"
    on: str = "values"
    penalties: tuple[Penalty, ...] = ()
    weighting: ClassWeighting | None = None

    def output_scale(self, outputs: int) -> float:
        """Return the factor of one output's term within its example's loss."""
        return self.factor / (outputs if self.outputs == "mean" else 1)

    def example_scale(self, examples: int) -> float:
        """Return the factor of one example's loss within the risk."""
        return 1.0 / examples if self.batch == "mean" else 1.0


def quotient(weights: Array, values: Array) -> Array:
    """Return weights / values with 0 / values = 0 for any number in `values`; NaN stays NaN."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return np.asarray(np.where((weights == 0) & ~np.isnan(values), 0.0, weights / values))


def _product(weights: Array, values: Array) -> Array:
    """Return weights · values with 0 · ±∞ = 0, the convention 0 · log 0 = 0 of entropies; NaN stays NaN."""
    if np.isfinite(values).all():
        return np.asarray(weights * values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where((weights == 0) & ~np.isnan(values), 0.0, weights * values))


@dataclass(frozen=True, slots=True)
class _Logarithm:
    """log p as one function of x: x -> log p, and (x, upstream) -> upstream · ∂ log p / ∂x."""

    forward: Callable[[Array], Array]
    vjp: Callable[[Array, Array], Array]


def _log(p: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.log(p))


def _log_of_complement(p: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.log1p(-p))


_LOG = _Logarithm(_log, lambda p, upstream: quotient(upstream, p))
_LOG_COMPLEMENT = _Logarithm(_log_of_complement, lambda p, upstream: -quotient(upstream, 1.0 - p))
_LOG_SOFTMAX = _Logarithm(log_softmax, log_softmax_vjp)
_LOG_SIGMOID = _Logarithm(lambda a: -softplus(-a), lambda a, upstream: upstream * sigmoid(-a))
_LOG_SIGMOID_COMPLEMENT = _Logarithm(lambda a: -softplus(a), lambda a, upstream: -upstream * sigmoid(a))


def _cross_entropy(name: str, log: _Logarithm) -> Terms:
    """Return the terms −y log p."""
    return Terms(
        name,
        value=lambda x, y: _product(-y, log.forward(x)),
        gradient=lambda x, y: log.vjp(x, -y),
    )


def _binary_cross_entropy(name: str, log: _Logarithm, log_complement: _Logarithm) -> Terms:
    """Return the terms −y log p − (1 − y) log(1 − p)."""
    return Terms(
        name,
        value=lambda x, y: _product(-y, log.forward(x)) + _product(y - 1.0, log_complement.forward(x)),
        gradient=lambda x, y: log.vjp(x, -y) + log_complement.vjp(x, y - 1.0),
    )


_SQUARED_ERROR = Terms(
    "squared_error", value=lambda f, y: np.square(f - y), gradient=lambda f, y: 2.0 * (f - y)
)
_CROSS_ENTROPY_ON_LOGITS = _cross_entropy("cross_entropy_on_logits", _LOG_SOFTMAX)
_BINARY_CROSS_ENTROPY_ON_LOGITS = _binary_cross_entropy(
    "binary_cross_entropy_on_logits", _LOG_SIGMOID, _LOG_SIGMOID_COMPLEMENT
)

_ABSOLUTE_ERROR = Terms(
    "absolute_error",
    value=lambda f, y: np.abs(f - y),
    gradient=lambda f, y: np.sign(f - y),
    kink_distance=lambda f, y: f - y,
    kink_reach=lambda half_width, y: half_width,
)


def _huber_terms(delta: float) -> Terms:
    """Return the terms ½ d² for a distance d = |f − y| up to delta, and delta (d − ½ delta) beyond."""

    def value(f: Array, y: Array) -> Array:
        distance = np.abs(f - y)
        near = np.minimum(distance, delta)
        return np.asarray(0.5 * np.square(near) + delta * (distance - near))

    return Terms(
        "huber",
        value=value,
        gradient=lambda f, y: np.minimum(np.maximum(f - y, -delta), delta),
        options=MappingProxyType({"delta": delta}),
    )


def _margins(f: Array, y: Array) -> Array:
    """Return 1 + f_j − f_right, which is negative where class j is told from the right one by 1."""
    return np.asarray(1.0 + f - (y * f).sum(axis=-1, keepdims=True))


def _hinge_gradient(f: Array, y: Array) -> Array:
    margins = _margins(f, y)
    violated = (1.0 - y) * np.where(np.isnan(margins), np.nan, np.where(margins > 0, 1.0, 0.0))
    return np.asarray(violated - y * violated.sum(axis=-1, keepdims=True))


# Weston & Watkins 1999; y is 1 for the right class and 0 for the others
_HINGE_TERMS = Terms(
    "multiclass_hinge",
    value=lambda f, y: (1.0 - y) * np.maximum(_margins(f, y), 0.0),
    gradient=_hinge_gradient,
    kink_distance=lambda f, y: np.where(y != 0, np.inf, _margins(f, y)),
    kink_reach=lambda half_width, y: half_width + (y * half_width).sum(axis=-1, keepdims=True),
)


def _entropy(y: Array) -> Array:
    """Return y log y, 0 for y = 0."""
    return np.asarray(y * np.log(np.where(y == 0, 1.0, y)))


def _kl_divergence(of: Terms) -> Terms:
    """Return the terms y (log y − log p) from those of −y log p, whose gradient is the same."""
    return Terms(
        of.name.replace("cross_entropy", "kl_divergence"),
        value=lambda x, y: _entropy(y) + of.value(x, y),
        gradient=of.gradient,
    )


_CROSS_ENTROPY_ON_LOG_PROBABILITIES = Terms(
    "cross_entropy_on_log_probabilities",
    value=lambda f, y: _product(-y, f),
    gradient=lambda f, y: np.asarray(-y + 0.0 * f),
)

_MSE = Loss(
    name="mse",
    default_factor=0.5,
    reduces_outputs=True,
    class_targets=False,
    on={"values": _SQUARED_ERROR},
    of_preactivation={},
)
_CROSS_ENTROPY = Loss(
    name="cross_entropy",
    default_factor=1.0,
    reduces_outputs=False,
    class_targets=True,
    on={
        "logits": _CROSS_ENTROPY_ON_LOGITS,
        "probabilities": _cross_entropy("cross_entropy_on_probabilities", _LOG),
    },
    of_preactivation={
        "softmax": _CROSS_ENTROPY_ON_LOGITS,
        "sigmoid": _cross_entropy("cross_entropy_on_sigmoid_logits", _LOG_SIGMOID),
    },
)
_BINARY_CROSS_ENTROPY = Loss(
    name="binary_cross_entropy",
    default_factor=1.0,
    reduces_outputs=True,
    class_targets=False,
    on={
        "logits": _BINARY_CROSS_ENTROPY_ON_LOGITS,
        "probabilities": _binary_cross_entropy(
            "binary_cross_entropy_on_probabilities", _LOG, _LOG_COMPLEMENT
        ),
    },
    of_preactivation={"sigmoid": _BINARY_CROSS_ENTROPY_ON_LOGITS},
)

_MAE = Loss(
    name="mae",
    default_factor=1.0,
    reduces_outputs=True,
    class_targets=False,
    on={"values": _ABSOLUTE_ERROR},
    of_preactivation={},
)


def huber(delta: float = 1.0) -> Loss:
    """Return the Huber loss of a delta, from which on it is linear."""
    return Loss(
        name="huber",
        default_factor=1.0,
        reduces_outputs=True,
        class_targets=False,
        on={"values": _huber_terms(delta)},
        of_preactivation={},
    )


_HINGE = Loss(
    name="hinge",
    default_factor=1.0,
    reduces_outputs=True,
    class_targets=True,
    on={"values": _HINGE_TERMS},
    of_preactivation={},
)
_KL_DIVERGENCE_ON_LOGITS = _kl_divergence(_CROSS_ENTROPY_ON_LOGITS)
_KL_DIVERGENCE = Loss(
    name="kl_divergence",
    default_factor=1.0,
    reduces_outputs=True,
    class_targets=False,
    on={
        "logits": _KL_DIVERGENCE_ON_LOGITS,
        "probabilities": _kl_divergence(_CROSS_ENTROPY.on["probabilities"]),
        "log_probabilities": _kl_divergence(_CROSS_ENTROPY_ON_LOG_PROBABILITIES),
    },
    of_preactivation={"softmax": _KL_DIVERGENCE_ON_LOGITS},
)
_NLL = Loss(
    name="nll",
    default_factor=1.0,
    reduces_outputs=False,
    class_targets=True,
    on={"log_probabilities": _CROSS_ENTROPY_ON_LOG_PROBABILITIES},
    of_preactivation={},
)

LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        loss.name: loss
        for loss in (
            _MSE,
            _CROSS_ENTROPY,
            _BINARY_CROSS_ENTROPY,
            _MAE,
            huber(),
            _HINGE,
            _KL_DIVERGENCE,
            _NLL,
        )
    }
)
