"""What the project knows of one activation z = g(a): the columns of the table in `activations.py`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.field import Field


@dataclass(frozen=True, slots=True)
class Kink:
    """A point where g has no derivative; every slope between `left` and `right` is a subgradient there."""

    at: float
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Smoothness:
    """What an enclosure of g and g′ over an interval needs, where g acts on each unit alone.

    turning_points, derivative_turning_points: where g, and g′, change between rising and falling.
    accuracy, derivative_accuracy: (a, what `forward` or `derivative` gave) -> by how much that may err, as an
        absolute amount in units of the unit roundoff, when elementary functions err by 4 units in the last
        place; None where it is exact.
    elementary: whether exponentials are involved, which underflow.
    """

    accuracy: Callable[[Array, Array], Array] | None
    derivative_accuracy: Callable[[Array, Array], Array] | None
    turning_points: tuple[float, ...] = ()
    derivative_turning_points: tuple[float, ...] = ()
    elementary: bool = True


@dataclass(frozen=True, slots=True)
class LogForm:
    """log g(a) as one function of a, so that a tiny probability keeps its digits and never becomes log 0.

    pull_back_spread: (a, upstream, variance of a) -> variance of the pull-back, to first order.
    magnified: by how many units of the unit roundoff the probability g(a) errs relatively, since its exponent
        is rounded.
    """

    forward: Callable[[Array], Array]
    pull_back: Callable[[Array, Array], Array]
    pull_back_spread: Callable[[Array, Array, Array], Array]
    magnified: Callable[[Array], Array]
    formula: Callable[[Field, Array], Array]


@dataclass(frozen=True, slots=True)
class Activation:
    """One activation. All functions act on whole arrays of pre-activations a, shape (…, units).

    forward: z = g(a).
    pull_back: (a, ∂R/∂z) -> ∂R/∂a.
    derivative: g′(a) where g acts on each unit alone, else None (softmax acts on a whole row).
    spread: (a, variance of a) -> variance of z, to first order.
    pull_back_spread: (a, upstream, variance of upstream, variance of a) -> variance of the pull-back.
    roundoff, pull_back_roundoff: what the textbook formula may lose by its own rounding, as an absolute
        amount in units of the unit roundoff (1 − tanh² loses a whole unit where it is nearly 0).
    smoothness: for enclosures; None for softmax, which acts on a whole row.
    kinks: where g′ jumps.
    library_error, derivative_library_error: by how much libraries in wide use err on purpose, absolutely;
        None where they do not.
    is_identity: whether z is a itself, so that nothing is lost on the way.
    formula: g written over any field (see `field.py`).
    in_torch: the same function as PyTorch has it, called with the module and a tensor.
    in_graph: the same as an operation, called with `reference_impl.graph` and a node.
    log, log_complement: log g(a) and log(1 − g(a)) where g puts out probabilities.
    """

    name: str
    forward: Callable[[Array], Array]
    pull_back: Callable[[Array, Array], Array]
    derivative: Callable[[Array], Array] | None
    spread: Callable[[Array, Array], Array]
    pull_back_spread: Callable[[Array, Array, Array, Array], Array]
    roundoff: Callable[[Array], Array]
    pull_back_roundoff: Callable[[Array, Array], Array]
    formula: Callable[[Field, Array], Array]
    in_torch: Callable[[Any, Any], Any]
    in_graph: Callable[[Any, Any], Any]
    smoothness: Smoothness | None = None
    library_error: Callable[[Array], Array] | None = None
    derivative_library_error: Callable[[Array], Array] | None = None
    kinks: tuple[Kink, ...] = ()
    options: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    log: LogForm | None = None
    log_complement: LogForm | None = None
    is_identity: bool = False


def elementwise(
    name: str,
    *,
    forward: Callable[[Array], Array],
    derivative: Callable[[Array], Array],
    second_derivative: Callable[[Array], Array],
    roundoff: Callable[[Array], Array],
    derivative_roundoff: Callable[[Array], Array],
    formula: Callable[[Field, Array], Array],
    in_torch: Callable[[Any, Any], Any],
    in_graph: Callable[[Any, Any], Any],
    smoothness: Smoothness,
    library_error: Callable[[Array], Array] | None = None,
    derivative_library_error: Callable[[Array], Array] | None = None,
    kinks: tuple[Kink, ...] = (),
    options: Mapping[str, float] | None = None,
    log: LogForm | None = None,
    log_complement: LogForm | None = None,
    is_identity: bool = False,
) -> Activation:
    """Make the row of an activation that acts on each unit alone; all else follows from g′ and g″."""

    def pull_back_spread(a: Array, upstream: Array, of_upstream: Array, of_a: Array) -> Array:
        return np.asarray(derivative(a) ** 2 * of_upstream + (upstream * second_derivative(a)) ** 2 * of_a)

    return Activation(
        name=name,
        forward=forward,
        pull_back=lambda a, upstream: np.asarray(upstream * derivative(a)),
        derivative=derivative,
        spread=lambda a, variance: np.asarray(derivative(a) ** 2 * variance),
        pull_back_spread=pull_back_spread,
        roundoff=roundoff,
        pull_back_roundoff=lambda a, upstream: np.asarray(np.abs(upstream) * derivative_roundoff(a)),
        formula=formula,
        in_torch=in_torch,
        in_graph=in_graph,
        smoothness=smoothness,
        library_error=library_error,
        derivative_library_error=derivative_library_error,
        kinks=kinks,
        options=MappingProxyType(dict(options or {})),
        log=log,
        log_complement=log_complement,
        is_identity=is_identity,
    )
