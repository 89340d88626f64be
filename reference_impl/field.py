"""What a formula may ask of the numbers it is written in.

The same textbook formula of an activation or a loss runs over numpy reals and complex numbers, and over
high-precision numbers: whoever evaluates it hands in the field. Arrays are numpy arrays (of objects where
the numbers are not machine numbers), so `+ - * /`, `sum` and indexing need no entry here.
"""

from typing import Protocol

from reference_impl.array import Array


class Field(Protocol):
    """Elementary functions over one kind of number, entry by entry."""

    def exp(self, x: Array) -> Array: ...
    def expm1(self, x: Array) -> Array: ...
    def log(self, x: Array) -> Array: ...
    def log1p(self, x: Array) -> Array: ...
    def tanh(self, x: Array) -> Array: ...
    def erfc(self, x: Array) -> Array: ...

    def where_positive(self, x: Array, then: Array, otherwise: Array) -> Array:
        """Take `then` where the (real part of the) number is positive; both are evaluated."""
        ...

    def row_maximum(self, x: Array) -> Array:
        """Give the largest real part of each row, as a constant of shape (N, 1)."""
        ...


def magnitude(field: Field, x: Array) -> Array:
    """|x| as an analytic function on either side of 0 (a complex modulus would not be)."""
    return field.where_positive(x, x, -x)
