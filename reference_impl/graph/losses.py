"""Losses of a batch, built from operations; each returns the node of the sum over the whole batch.

There is no factor and no mean: write `0.5 * squared_error(outputs, targets)`. `targets` is an array of the
shape of the outputs, examples in rows.
"""

import numpy as np
import numpy.typing as npt

from reference_impl.graph.arrays import as_array
from reference_impl.graph.functions import LogSoftmax, Softplus, WeightedLog, WeightedLog1p
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
