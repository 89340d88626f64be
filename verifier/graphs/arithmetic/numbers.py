"""float64, by the stable forms of the reference: the arithmetic that the other ones are variants of.

`x` and `u` are whole arrays; `axes` count from the end, since an axis of moves may stand in front.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import reference_impl.softmax as softmax_module
from reference_impl.activations import Activation
from reference_impl.array import Array, row_sums
from reference_impl.losses import Terms
from verifier.graphs.shapes import Shape


class Numbers:
    """Computes."""

    def constant(self, values: Array) -> Any:
        """Give numbers that are what they are."""
        return values

    def shape(self, x: Any) -> Shape:
        return tuple(x.shape)

    def settled(self, x: Any) -> Any:
        """Give a sum that is finished: what follows sees one number."""
        return x

    def plus(self, x: Any, y: Any) -> Any:
        return x + y

    def minus(self, x: Any, y: Any) -> Any:
        return self.plus(x, self.negative(y))

    def negative(self, x: Any) -> Any:
        return -x

    def times(self, x: Any, y: Any) -> Any:
        return x * y

    def divided(self, x: Any, y: Any) -> Any:
        return x / y

    def scaled(self, x: Any, factor: float, divisor: int = 1) -> Any:
        """Give x · factor / divisor, rounded as whoever computes it rounds."""
        return x * (factor / divisor)

    def matmul(self, x: Any, y: Any) -> Any:
        return x @ y

    def total(self, x: Any, axes: tuple[int, ...], keepdims: bool = False) -> Any:
        return np.asarray(x.sum(axis=axes, keepdims=keepdims))

    def move(self, function: Callable[..., Array], *x: Any) -> Any:
        """Apply a function that moves entries, or copies them, and changes none."""
        return np.asarray(function(*x))

    def gathered(self, u: Any, places: Array, rows: int) -> Any:
        """Add rows of u up by the place that each is meant for: (…, D) at `places` -> (rows, D)."""
        found = np.zeros((rows, u.shape[-1]), dtype=u.dtype)
        np.add.at(found, places, u)
        return found

    def applied(self, function: Activation, x: Any) -> Any:
        return function.forward(x)

    def pulled(self, function: Activation, x: Any, u: Any, kinks: Array | None) -> Any:
        return function.pull_back(x, u)

    def log_softmax(self, x: Any) -> Any:
        return softmax_module.log_softmax(x)

    def log_softmax_pulled(self, x: Any, u: Any) -> Any:
        return softmax_module.log_softmax_pull_back(x, u)

    def maximum(self, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
        return np.asarray(x.max(axis=axes, keepdims=keepdims))

    def maximum_pulled(self, x: Any, u: Any, axes: tuple[int, ...], kinks: Array | None) -> Any:
        """Shapes: u has kept the axes, with size 1."""
        return u * largest_shares(x, axes)

    def losses(self, terms: Terms, f: Any, y: Array) -> Any:
        """Give each row's loss, (…, N)."""
        return row_sums(terms.value(f, y))

    def loss_slopes(self, terms: Terms, f: Any, y: Array) -> Any:
        return terms.gradient(f, y)


def largest_shares(x: Array, axes: tuple[int, ...]) -> Array:
    """Say which entries are the largest, several of them evenly."""
    largest = x == x.max(axis=axes, keepdims=True)
    return np.asarray(largest / largest.sum(axis=axes, keepdims=True))


FLOATS = Numbers()
