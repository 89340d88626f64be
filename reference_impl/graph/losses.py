"""Batch losses, built from operations: each returns the node of the sum over the whole batch, unscaled.

Whoever wants the mean, or a half, multiplies by it: `0.5 * squared_error(outputs, targets)`.

Shapes: `targets` is a plain array of the shape of the node it is compared with, examples in rows.
"""

import numpy as np
import numpy.typing as npt

from reference_impl.graph.arrays import as_array
from reference_impl.graph.functions import WeightedLog, WeightedLog1p
from reference_impl.graph.operation import Operation
from reference_impl.graph.rectifiers import Softplus
from reference_impl.graph.reductions import Sum
from reference_impl.graph.squashing import LogSoftmax


def squared_error(outputs: Operation, targets: npt.ArrayLike) -> Operation:
    """Sum (output - target)**2."""
    return Sum()((outputs - targets) ** 2)


def cross_entropy_on_logits(logits: Operation, targets: npt.ArrayLike) -> Operation:
    """Sum -target * log softmax(logit), for targets that are one probability a class."""
    return -Sum()(LogSoftmax()(logits) * targets)


def cross_entropy_on_probabilities(probabilities: Operation, targets: npt.ArrayLike) -> Operation:
    """Sum -target * log(probability), where a target of 0 contributes 0."""
    return -Sum()(WeightedLog(targets)(probabilities))


def binary_cross_entropy_on_logits(logits: Operation, targets: npt.ArrayLike) -> Operation:
    """Sum (1 - y) softplus(f) + y softplus(-f): no term is ever the difference of two large ones."""
    if_absent, if_present = Softplus()(logits), Softplus()(-logits)
    return Sum()((1.0 - as_array(targets)) * if_absent + targets * if_present)


def binary_cross_entropy_on_probabilities(probabilities: Operation, targets: npt.ArrayLike) -> Operation:
    """Sum -y log(f) - (1 - y) log(1 - f), where a weight of 0 contributes 0."""
    present = as_array(targets)
    absent = np.asarray(1.0 - present)
    return -Sum()(WeightedLog(present)(probabilities) + WeightedLog1p(absent)(-probabilities))
