"""Types of the numerical properties of functions. Amounts of rounding are in units of the unit roundoff."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reference_impl.activations import Activation
from reference_impl.array import Array

Function = Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class IntervalProperties:
    """The properties needed to enclose g and g′ over an interval, for g that acts on each unit alone.

    value_error, derivative_error: (a, g(a) or g′(a) as computed) -> a bound of the error of one evaluation,
        if elementary functions err by at most 4 units in the last place; None if it is exact.
    turning_points, derivative_turning_points: where g and g′ change between rising and falling.
    can_underflow: True if exponentials are computed.
    steepness: a bound of |g′| and |g″|, for a function with infinitely many turning points; None otherwise.
    """

    value_error: Callable[[Array, Array], Array] | None
    derivative_error: Callable[[Array, Array], Array] | None
    turning_points: tuple[float, ...] = ()
    derivative_turning_points: tuple[float, ...] = ()
    can_underflow: bool = True
    steepness: float | None = None


@dataclass(frozen=True, slots=True)
class NumericalProperties:
    """The numerical properties of one activation or elementary function z = g(a).

    value_variance: (a, variance of a) -> variance of z, to first order.
    vjp_variance: (a, upstream, variance of upstream, variance of a) -> variance of the vector-Jacobian
        product, to first order.
    value_roundoff, vjp_roundoff: of a, and of a and upstream -> the rounding error of the textbook formula
        (1 − tanh² loses a whole unit where it is nearly 0).
    interval: None for softmax, which acts on whole rows.
    library_error, derivative_library_error: a -> the error that common libraries make on purpose, absolute;
        None if there is none.
    """

    value_variance: Callable[[Array, Array], Array]
    vjp_variance: Callable[[Array, Array, Array, Array], Array]
    value_roundoff: Function
    vjp_roundoff: Callable[[Array, Array], Array]
    interval: IntervalProperties | None = None
    library_error: Function | None = None
    derivative_library_error: Function | None = None


def elementwise_properties(
    function: Activation,
    *,
    second_derivative: Function,
    value_roundoff: Function,
    derivative_roundoff: Function,
    interval: IntervalProperties,
    library_error: Function | None = None,
    derivative_library_error: Function | None = None,
) -> NumericalProperties:
    """Return the properties of a function that acts on each unit alone, from g′, g″ and their rounding."""
    derivative = function.derivative
    assert derivative is not None  # else it acts on whole rows

    def vjp_variance(a: Array, upstream: Array, variance_of_upstream: Array, variance_of_a: Array) -> Array:
        through_upstream = derivative(a) ** 2 * variance_of_upstream
        return np.asarray(through_upstream + (upstream * second_derivative(a)) ** 2 * variance_of_a)

    return NumericalProperties(
        value_variance=lambda a, variance: np.asarray(derivative(a) ** 2 * variance),
        vjp_variance=vjp_variance,
        value_roundoff=value_roundoff,
        vjp_roundoff=lambda a, upstream: np.asarray(np.abs(upstream) * derivative_roundoff(a)),
        interval=interval,
        library_error=library_error,
        derivative_library_error=derivative_library_error,
    )


def identity_properties(function: Activation) -> NumericalProperties:
    return elementwise_properties(
        function,
        second_derivative=np.zeros_like,
        value_roundoff=np.zeros_like,
        derivative_roundoff=np.zeros_like,
        interval=IntervalProperties(value_error=None, derivative_error=None, can_underflow=False),
    )
