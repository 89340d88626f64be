"""The table of losses: one row each. A row's terms carry no factor and no reduction; `risk.py` adds them.

To add one, write its row and name it in LOSSES.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.activation import LogForm
from reference_impl.activations import activation
from reference_impl.array import Array
from reference_impl.field import Field
from reference_impl.loss import Loss, Terms

_SIGMOID = activation("sigmoid")
_SOFTMAX = activation("softmax")


def _weighted(weights: Array, values: Array) -> Array:
    """weights · values with 0 · ±∞ = 0, as 0 · log 0 is meant in an entropy; NaN stays NaN."""
    if np.isfinite(values).all():
        return np.asarray(weights * values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where((weights == 0) & ~np.isnan(values), 0.0, weights * values))


def _quotient(weights: Array, values: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return np.asarray(np.where((weights == 0) & ~np.isnan(values), 0.0, weights / values))


def _log(x: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.log(x))


def _log_of_complement(x: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.log1p(-x))


_PLAIN_LOG = LogForm(
    forward=_log,
    pull_back=lambda f, upstream: _quotient(upstream, f),
    pull_back_spread=lambda f, upstream, variance: _quotient(upstream, f * f) ** 2 * variance,
    magnified=np.zeros_like,
    formula=lambda field, f: field.log(f),
)
_PLAIN_LOG_COMPLEMENT = LogForm(
    forward=_log_of_complement,
    pull_back=lambda f, upstream: -_quotient(upstream, 1.0 - f),
    pull_back_spread=lambda f, upstream, variance: _quotient(upstream, (1.0 - f) ** 2) ** 2 * variance,
    magnified=np.zeros_like,
    formula=lambda field, f: field.log1p(-f),
)


def _entropy(
    log: LogForm,
    log_complement: LogForm | None = None,
    *,
    in_torch: Callable[[Any, Any, Any], Any],
    in_graph: Callable[[Any, Any, Array], Any],
    gradient_in_balls: Callable[[Any, Any, Array], Any],
) -> Terms:
    """−y log p, and −(1 − y) log(1 − p) beside it where `log_complement` is given."""

    def value(x: Array, y: Array) -> Array:
        terms = _weighted(-y, log.forward(x))
        if log_complement is not None:
            terms = terms + _weighted(y - 1.0, log_complement.forward(x))
        return terms

    def gradient(x: Array, y: Array) -> Array:
        slope = log.pull_back(x, -y)
        if log_complement is not None:
            slope = slope + log_complement.pull_back(x, y - 1.0)
        return slope

    def gradient_spread(x: Array, y: Array, variance: Array) -> Array:
        deviation = np.sqrt(log.pull_back_spread(x, -y, variance))
        if log_complement is not None:
            deviation = deviation + np.sqrt(log_complement.pull_back_spread(x, y - 1.0, variance))
        return np.square(deviation)

    def formula(field: Field, x: Array, y: Array) -> Array:
        def weighted(weights: Array, form: LogForm) -> Array:
            with np.errstate(all="ignore"):  # a term of weight 0 may be undefined
                terms = weights * form.formula(field, x)
            return np.asarray(np.where(weights == 0, 0 * x, terms))

        terms = weighted(-y, log)
        return terms if log_complement is None else terms + weighted(y - 1, log_complement)

    def value_roundoff(x: Array, y: Array, terms: Array) -> Array:
        # log of a sum of exponentials of numbers of size |x|: each is rounded before the exponential
        size = np.abs(x) if log_complement is not None else _row_size(x)
        return np.asarray(np.abs(terms) + (np.abs(y) + 1.0) * (1.0 + size))

    def gradient_roundoff(x: Array, y: Array) -> Array:
        if log is _PLAIN_LOG:
            return np.asarray(np.abs(_quotient(y, x)) + np.abs(_quotient(1.0 - y, 1.0 - x)))
        # p − y: p errs relatively, by its exponent's rounding and its sum's; the difference by that of y
        probability = np.abs(gradient(x, y) + y)
        return np.asarray(np.abs(y) + probability * (2.0 + log.magnified(x)))

    return Terms(
        value,
        gradient,
        gradient_spread,
        formula,
        value_roundoff,
        gradient_roundoff,
        in_torch,
        in_graph,
        gradient_in_balls,
    )


def _row_size(x: Array) -> Array:
    return np.asarray(np.abs(x).max(axis=-1, keepdims=True))


def _present_in_balls(balls: Any, a: Any, y: Array) -> Any:
    """Enclose −y σ(−a), the gradient of −y log σ(a)."""
    return balls.times(balls.exact(-y), balls.value(_SIGMOID, balls.negative(a)))


_MSE = Loss(
    name="mse",
    default_factor=0.5,
    reduces_outputs=True,
    class_targets=False,
    on={
        "values": Terms(
            value=lambda f, y: np.square(f - y),
            gradient=lambda f, y: 2.0 * (f - y),
            gradient_spread=lambda f, y, variance: 4.0 * variance,
            formula=lambda field, f, y: (f - y) * (f - y),
            value_roundoff=lambda f, y, terms: 3.0 * terms,
            gradient_roundoff=lambda f, y: 4.0 * np.abs(f - y),
            in_torch=lambda torch, f, y: torch.nn.functional.mse_loss(f, y, reduction="none"),
            in_graph=lambda graph, f, y: graph.squared_error(f, y),
            gradient_in_balls=lambda balls, f, y: balls.times(
                balls.exact(np.full_like(y, 2.0)), balls.minus(f, balls.exact(y))
            ),
        )
    },
    of_preactivation={},
)

assert _SOFTMAX.log is not None  # rows of this very project; the type checker cannot know
assert _SIGMOID.log is not None

_CROSS_ENTROPY_OF_LOGITS = _entropy(
    _SOFTMAX.log,
    in_torch=lambda torch, f, y: torch.nn.functional.cross_entropy(f, y, reduction="none"),
    in_graph=lambda graph, f, y: graph.cross_entropy_on_logits(f, y),
    gradient_in_balls=lambda balls, f, y: balls.cross_entropy_delta(f, y),
)
_BINARY_CROSS_ENTROPY_OF_LOGITS = _entropy(
    _SIGMOID.log,
    _SIGMOID.log_complement,
    in_torch=lambda torch, f, y: torch.nn.functional.binary_cross_entropy_with_logits(f, y, reduction="none"),
    in_graph=lambda graph, f, y: graph.binary_cross_entropy_on_logits(f, y),
    gradient_in_balls=lambda balls, f, y: balls.plus(
        _present_in_balls(balls, f, y),
        balls.times(balls.complement(balls.exact(y)), balls.value(_SIGMOID, f)),
    ),
)

_CROSS_ENTROPY = Loss(
    name="cross_entropy",
    default_factor=1.0,
    reduces_outputs=False,
    class_targets=True,
    on={
        "logits": _CROSS_ENTROPY_OF_LOGITS,
        "probabilities": _entropy(
            _PLAIN_LOG,
            in_torch=lambda torch, f, y: -torch.xlogy(y, f),
            in_graph=lambda graph, f, y: graph.cross_entropy_on_probabilities(f, y),
            gradient_in_balls=lambda balls, f, y: balls.quotient(-y, f),
        ),
    },
    of_preactivation={
        "softmax": _CROSS_ENTROPY_OF_LOGITS,
        "sigmoid": _entropy(
            _SIGMOID.log,
            in_torch=lambda torch, a, y: -y * torch.nn.functional.logsigmoid(a),
            in_graph=lambda graph, a, y: graph.Sum()(graph.Softplus()(-a) * y),
            gradient_in_balls=lambda balls, a, y: _present_in_balls(balls, a, y),
        ),
    },
)

_BINARY_CROSS_ENTROPY = Loss(
    name="binary_cross_entropy",
    default_factor=1.0,
    reduces_outputs=True,
    class_targets=False,
    on={
        "logits": _BINARY_CROSS_ENTROPY_OF_LOGITS,
        "probabilities": _entropy(
            _PLAIN_LOG,
            _PLAIN_LOG_COMPLEMENT,
            in_torch=lambda torch, f, y: -torch.xlogy(y, f) - torch.special.xlog1py(1 - y, -f),
            in_graph=lambda graph, f, y: graph.binary_cross_entropy_on_probabilities(f, y),
            gradient_in_balls=lambda balls, f, y: balls.plus(
                balls.quotient(-y, f), balls.quotient(1.0 - y, balls.complement(f))
            ),
        ),
    },
    of_preactivation={"sigmoid": _BINARY_CROSS_ENTROPY_OF_LOGITS},
)

LOSSES: Mapping[str, Loss] = MappingProxyType(
    {row.name: row for row in (_MSE, _CROSS_ENTROPY, _BINARY_CROSS_ENTROPY)}
)
