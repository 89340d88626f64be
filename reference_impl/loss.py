"""What the project knows of one loss: the columns of the table in `losses.py`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reference_impl.array import Array
from reference_impl.field import Field


@dataclass(frozen=True, slots=True)
class Terms:
    """A loss as a function of what the network puts out: one term an output, before any reduction.

    value: (outputs f, targets y) -> terms, shape (N, outputs).
    gradient: (f, y) -> derivative of the row's sum by f.
    gradient_spread: (f, y, variance of f) -> variance of the gradient, to first order.
    formula: the terms over any field.
    in_torch: (torch, f, y) -> the terms by PyTorch's own loss, or their sum by row where it gives no other.
    in_graph: (reference_impl.graph, node of f, y) -> the node of the terms' sum over the batch.
    gradient_in_balls: (verifier's ball arithmetic, f, y) -> an enclosure of the gradient.
    value_roundoff: (f, y, terms) -> rounding of the terms' textbook formula in units of the unit roundoff.
    gradient_roundoff: (f, y) -> likewise of the gradient.
    """

    value: Callable[[Array, Array], Array]
    gradient: Callable[[Array, Array], Array]
    gradient_spread: Callable[[Array, Array, Array], Array]
    formula: Callable[[Field, Array, Array], Array]
    value_roundoff: Callable[[Array, Array, Array], Array]
    gradient_roundoff: Callable[[Array, Array], Array]
    in_torch: Callable[[Any, Any, Any], Any]
    in_graph: Callable[[Any, Any, Array], Any]
    gradient_in_balls: Callable[[Any, Any, Array], Any]


@dataclass(frozen=True, slots=True)
class Loss:
    """One loss.

    default_factor: what multiplies it unless the problem says otherwise.
    reduces_outputs: whether a problem may choose sum or mean over a row's outputs.
    class_targets: whether targets may be class indices.
    on: Terms by what the last layer puts out: `values` (a regression), `logits` or `probabilities`.
    of_preactivation: the Terms as functions of the last pre-activation, by the name of the last activation,
        where `probabilities` then needs no logarithm of a rounded probability.
    """

    name: str
    default_factor: float
    reduces_outputs: bool
    class_targets: bool
    on: Mapping[str, Terms]
    of_preactivation: Mapping[str, Terms]
