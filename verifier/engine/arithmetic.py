"""float64 arithmetic by the stable forms of the reference, and the interface of all other arithmetics.

`x` and `u` are whole arrays. `axes` count from the end, since an axis of perturbations may stand in front.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

import reference_impl.softmax as softmax_module
from reference_impl.activations import Activation
from reference_impl.array import Array, row_sums
from reference_impl.losses import Terms
from verifier.problem.graph import Shape


class Numbers:
    """Evaluate formulas in float64.

    finishes_sums: True if `finish_sum` changes numbers.
    """

    finishes_sums = False

    def constant(self, values: Array) -> Any:
        """Return constants as numbers of this arithmetic."""
        return values

    def constants(self, arrays: Iterable[tuple[str, Array]]) -> dict[str, Any]:
        """Return constants by name."""
        return {name: self.constant(array) for name, array in arrays}

    def shape(self, x: Any) -> Shape:
        """Return the shape of x."""
        return tuple(x.shape)

    def whole(self, x: Any) -> Any:
        """Return numbers that may be lazy, as arrays."""
        return x

    def finish_sum(self, x: Any) -> Any:
        """Return a finished sum; later operations treat it as one number."""
        return x

    def plus(self, x: Any, y: Any) -> Any:
        """Return x + y."""
        return x + y

    def minus(self, x: Any, y: Any) -> Any:
        """Return x − y."""
        return self.plus(x, self.negative(y))

    def negative(self, x: Any) -> Any:
        """Return −x."""
        return -x

    def times(self, x: Any, y: Any) -> Any:
        """Return x · y."""
        return x * y

    def divided(self, x: Any, y: Any) -> Any:
        """Return x / y."""
        return x / y

    def scaled(self, x: Any, factor: float, divisor: int = 1) -> Any:
        """Return x · factor / divisor, rounded as in typical implementations."""
        return x * (factor / divisor)

    def matmul(self, x: Any, y: Any) -> Any:
        """Return the matrix product x y, with numpy's broadcasting."""
        return x @ y

    def affine(self, x: Any, w: Any, b: Any = None) -> Any:
        """Return x W + b for matrices x and W, and a row b or None."""
        product = self.matmul(x, w)
        return product if b is None else self.plus(product, b)

    def affine_vjp(
        self, x: Any, w: Any, u: Any, *, of_x: bool = True, with_bias: bool = True
    ) -> tuple[Any, ...]:
        """Return the vector-Jacobian products of x W + b by x, W and b. Those of W may be lazy.

        of_x: False to return None for that by x. with_bias: False if there is no b.
        """
        by_x = self.matmul(u, self.move(np.transpose, w)) if of_x else None
        by_w = self.matmul(self.move(np.transpose, x), u)
        return (by_x, by_w, self.total(u, (-2,))) if with_bias else (by_x, by_w)

    def total(self, x: Any, axes: tuple[int, ...], keepdims: bool = False) -> Any:
        """Return the sum over some axes."""
        return np.asarray(x.sum(axis=axes, keepdims=keepdims))

    def move(self, function: Callable[..., Array], *x: Any) -> Any:
        """Apply a function that moves or copies entries, and changes none."""
        return np.asarray(function(*x))

    def gathered(self, u: Any, places: Array, rows: int) -> Any:
        """Return the sums of the rows of u for each place: (…, D) at `places` -> (rows, D)."""
        sums = np.zeros((rows, u.shape[-1]), dtype=u.dtype)
        np.add.at(sums, places, u)
        return sums

    def applied(self, function: Activation, x: Any) -> Any:
        """Return the values of a function."""
        return function.forward(x)

    def activation_vjp(self, function: Activation, x: Any, u: Any, kinks: Array | None) -> Any:
        """Return the vector-Jacobian product of a function at x.

        kinks: where every slope of the subdifferential counts, for arithmetics with several slopes.
        """
        return function.vjp(x, u)

    def log_softmax(self, x: Any) -> Any:
        """Return log softmax along the last axis."""
        return softmax_module.log_softmax(x)

    def log_softmax_vjp(self, x: Any, u: Any) -> Any:
        """Return the vector-Jacobian product of log softmax."""
        return softmax_module.log_softmax_vjp(x, u)

    def maximum(self, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
        """Return the maximum over some axes."""
        return np.asarray(x.max(axis=axes, keepdims=keepdims))

    def maximum_vjp(self, x: Any, u: Any, axes: tuple[int, ...], kinks: Array | None) -> Any:
        """Return the vector-Jacobian product of the maximum. u has kept the axes, with size 1."""
        return u * largest_shares(x, axes)

    def losses(self, terms: Terms, f: Any, y: Array) -> Any:
        """Return each row's loss, (…, N)."""
        return row_sums(terms.value(f, y))

    def loss_gradient(self, terms: Terms, f: Any, y: Array, kinks: Array | None = None) -> Any:
        """Return the gradient of each row's loss by the outputs. kinks: as in `activation_vjp`."""
        return terms.gradient(f, y)

    def example_losses(self, terms: Terms, f: Any, y: Array, factor: float) -> Any:
        """Return each row's loss times a factor, (…, N)."""
        return self.scaled(self.losses(terms, f, y), factor)

    def scaled_loss_slopes(
        self, terms: Terms, f: Any, y: Array, factor: float, kinks: Array | None = None
    ) -> Any:
        """Return the gradient of each row's loss by the outputs, times a factor."""
        return self.scaled(self.loss_gradient(terms, f, y, kinks), factor)


def largest_shares(x: Array, axes: tuple[int, ...]) -> Array:
    """Return the gradient of the maximum by each entry; several largest entries have equal shares."""
    largest = x == x.max(axis=axes, keepdims=True)
    return np.asarray(largest / largest.sum(axis=axes, keepdims=True))


def steepest_slope(function: Activation) -> float:
    """Return the largest magnitude of a slope beside the kinks of an activation."""
    return max(max(abs(kink.left), abs(kink.right)) for kink in function.kinks)


FLOATS = Numbers()
