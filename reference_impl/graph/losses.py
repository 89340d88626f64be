"""Losses of a batch, built from operations; each returns the node of the sum over the whole batch.

There is no factor and no mean: write `0.5 * squared_error(outputs, targets)`. `targets` is an array of the
shape of the outputs, examples in rows.
"""

import numpy as np
import numpy.typing as npt

from reference_impl.graph.arrays import as_array
from reference_impl.graph.functions import (
    Absolute,
    Clip,
    LogSoftmax,
    Relu,
    Softplus,
    WeightedLog,
    WeightedLog1p,
)
from reference_impl.graph.operations import Operation
from reference_impl.graph.shaping import Sum


def squared_error(outputs: Operation, targets: npt.ArrayLike) -> Operation:
    """Return Σ (output - target)**2."""
    return Sum()((outputs - targets) ** 2)


def cross_entropy_on_logits(logits: Operation, targets: npt.ArrayLike) -> Operation:
    """Return -Σ target * log softmax(logit), for targets that are one probability a class."""
    return -Sum()(LogSoftmax()(logits) * targets)


def cross_entropy_on_probabilities(probabilities: Operation, targets: npt.ArrayLike) -> Operation:
    """Return -Σ target * log(probability), where a target of 0 contributes 0."""
    return -Sum()(WeightedLog(targets)(probabilities))


def cross_entropy_on_sigmoid_logits(logits: Operation, targets: npt.ArrayLike) -> Operation:
    """Return -Σ target * log sigmoid(logit)."""
    return Sum()(Softplus()(-logits) * targets)


def binary_cross_entropy_on_logits(logits: Operation, targets: npt.ArrayLike) -> Operation:
    """Return Σ (1 - y) softplus(f) + y softplus(-f), which never subtracts two large numbers."""
    if_absent, if_present = Softplus()(logits), Softplus()(-logits)
    return Sum()((1.0 - as_array(targets)) * if_absent + targets * if_present)


def binary_cross_entropy_on_probabilities(probabilities: Operation, targets: npt.ArrayLike) -> Operation:
    """Return Σ -y log(f) - (1 - y) log(1 - f), where a weight of 0 contributes 0."""
    present = as_array(targets)
    absent = np.asarray(1.0 - present)
    return -Sum()(WeightedLog(present)(probabilities) + WeightedLog1p(absent)(-probabilities))


def absolute_error(outputs: Operation, targets: npt.ArrayLike) -> Operation:
    """Return Σ |output - target|."""
    return Sum()(Absolute()(outputs - targets))


def huber(outputs: Operation, targets: npt.ArrayLike, delta: float = 1.0) -> Operation:
    """Return Σ ½ d² for distances d = |output - target| up to delta, and delta (d - ½ delta) beyond."""
    distance = Absolute()(outputs - targets)
    near = Clip(high=delta)(distance)
    return Sum()(0.5 * near**2 + delta * (distance - near))


def multiclass_hinge(scores: Operation, targets: npt.ArrayLike) -> Operation:
    """Return Σ max(0, 1 + score - score of the right class) over the other classes; targets are one-hot."""
    right = Sum(-1, keepdims=True)(scores * targets)
    return Sum()(Relu()(1.0 + scores - right) * (1.0 - as_array(targets)))


def cross_entropy_on_log_probabilities(logarithms: Operation, targets: npt.ArrayLike) -> Operation:
    """Return -Σ target * logarithm."""
    return -Sum()(logarithms * targets)


def entropy(targets: npt.ArrayLike) -> float:
    """Return -Σ target * log target, where a target of 0 contributes 0."""
    y = as_array(targets)
    return float(-(y * np.log(np.where(y == 0, 1.0, y))).sum())


def kl_divergence_on_logits(logits: Operation, targets: npt.ArrayLike) -> Operation:
    """Return Σ target * (log target - log softmax(logit))."""
    return cross_entropy_on_logits(logits, targets) - entropy(targets)


def kl_divergence_on_probabilities(probabilities: Operation, targets: npt.ArrayLike) -> Operation:
    """Return Σ target * (log target - log(probability))."""
    return cross_entropy_on_probabilities(probabilities, targets) - entropy(targets)


def kl_divergence_on_log_probabilities(logarithms: Operation, targets: npt.ArrayLike) -> Operation:
    """Return Σ target * (log target - logarithm)."""
    return cross_entropy_on_log_probabilities(logarithms, targets) - entropy(targets)
