"""Operations that move, select or reduce entries, such as transpose, slice, take, where and sums."""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from reference_impl.graph.arrays import Array
from reference_impl.graph.errors import OperandError
from reference_impl.graph.operations import Binary, Operation

Axes = int | tuple[int, ...] | None
"""The axes to reduce; None means all of them."""


class Transpose(Operation):
    """The operand with its axes in the order `axes`, or reversed if `axes` is None."""

    def __init__(self, axes: tuple[int, ...] | None = None, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.axes = axes

    def forward(self, operand: Array) -> Array:
        return np.transpose(operand, self.axes)

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        if self.axes is None:
            return (np.transpose(output_grad),)
        dimensions = len(self.axes)
        return (np.transpose(output_grad, np.argsort([axis % dimensions for axis in self.axes])),)

    def push_forward(self, operand_tangent: Array) -> Array:
        return np.transpose(operand_tangent, self.axes)


class Reshape(Operation):
    """The same entries in the same order, in another shape."""

    def __init__(self, shape: tuple[int, ...], *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.shape = shape

    def forward(self, operand: Array) -> Array:
        return operand.reshape(self.shape)

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        (operand,) = self.operand_values
        return (output_grad.reshape(operand.shape),)

    def push_forward(self, operand_tangent: Array) -> Array:
        return operand_tangent.reshape(self.shape)


class Slice(Operation):
    """operand[index] for a basic index of numpy (numbers and slices); other entries get gradient 0."""

    def __init__(self, index: Any, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.index = index

    def forward(self, operand: Array) -> Array:
        return np.asarray(operand[self.index])

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        (operand,) = self.operand_values
        grad = np.zeros(operand.shape, dtype=output_grad.dtype)
        grad[self.index] = output_grad
        return (grad,)

    def push_forward(self, operand_tangent: Array) -> Array:
        return np.asarray(operand_tangent[self.index])


class Concatenate(Operation):
    """Two operands joined along an axis."""

    arity: ClassVar[int] = 2

    def __init__(self, axis: int = 0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.axis = axis

    def forward(self, left: Array, right: Array) -> Array:
        return np.concatenate([left, right], axis=self.axis)

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        left, _ = self.operand_values
        first, second = np.split(output_grad, [left.shape[self.axis]], axis=self.axis)
        return first, second

    def push_forward(self, left_tangent: Array, right_tangent: Array) -> Array:
        return np.concatenate([left_tangent, right_tangent], axis=self.axis)


def _whole_numbers(indices: npt.ArrayLike, remedy: str) -> npt.NDArray[np.intp]:
    """Return indices as integers. Raises OperandError, with a remedy, if one is not a whole number."""
    numbers = np.asarray(indices)
    integers = numbers.astype(np.intp)
    if (integers != numbers).any():
        raise OperandError(f"an index is not a whole number: {remedy}")
    return integers


class Embedding(Operation):
    """Rows of a table, selected by their indices; the gradients of a row that is selected twice add up.

    Raises OperandError if an index is not a whole number.
    """

    def __init__(self, indices: npt.ArrayLike, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.indices = _whole_numbers(indices, "rows are looked up by their number from 0")

    def forward(self, table: Array) -> Array:
        return np.asarray(table[self.indices])

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        (table,) = self.operand_values
        grad = np.zeros(table.shape, dtype=output_grad.dtype)
        np.add.at(grad, self.indices, output_grad)
        return (grad,)

    def push_forward(self, table_tangent: Array) -> Array:
        return np.asarray(table_tangent[self.indices])


class Take(Operation):
    """Entries by their numbers in row-major order; the gradients of an entry that is taken twice add up.

    Raises OperandError if an index is not a whole number.
    """

    def __init__(self, indices: npt.ArrayLike, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.indices = _whole_numbers(indices, "entries are taken by their number from 0")

    def forward(self, operand: Array) -> Array:
        return np.asarray(operand.reshape(-1)[self.indices])

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        (operand,) = self.operand_values
        grad = np.zeros(operand.size, dtype=output_grad.dtype)
        np.add.at(grad, self.indices, output_grad)
        return (grad.reshape(operand.shape),)

    def push_forward(self, operand_tangent: Array) -> Array:
        return np.asarray(operand_tangent.reshape(-1)[self.indices])


class Where(Binary):
    """left where the condition is true, right elsewhere, with broadcasting."""

    def __init__(self, condition: npt.ArrayLike, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.condition = np.asarray(condition).astype(bool)

    def forward(self, left: Array, right: Array) -> Array:
        return np.where(self.condition, left, right)

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        zero = np.zeros_like(output_grad)
        return self.summed_back(
            np.where(self.condition, output_grad, zero), np.where(self.condition, zero, output_grad)
        )

    def push_forward(self, left_tangent: Array, right_tangent: Array) -> Array:
        return np.where(self.condition, left_tangent, right_tangent)


class Sum(Operation):
    """The sum of entries along some axes, or of all entries; each entry gets the gradient of its sum."""

    def __init__(self, axis: Axes = None, *, keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name=name)
        self.axis = axis
        self.keepdims = keepdims

    def forward(self, operand: Array) -> Array:
        return np.asarray(operand.sum(axis=self.axis, keepdims=self.keepdims))

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        (operand,) = self.operand_values
        if self.axis is not None and not self.keepdims:
            axes = (self.axis,) if isinstance(self.axis, int) else self.axis
            output_grad = np.expand_dims(output_grad, tuple(axis % operand.ndim for axis in axes))
        return (np.broadcast_to(output_grad, operand.shape),)

    def push_forward(self, operand_tangent: Array) -> Array:
        return np.asarray(operand_tangent.sum(axis=self.axis, keepdims=self.keepdims))


class Mean(Sum):
    """The mean of entries; each gets the gradient of its mean, divided by the number of averaged entries."""

    def forward(self, operand: Array) -> Array:
        return np.asarray(operand.mean(axis=self.axis, keepdims=self.keepdims))

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        (operand,) = self.operand_values
        averaged = operand.size / max(self.value.size, 1)
        (grad,) = super().backward(output_grad)
        return (grad / averaged,)

    def push_forward(self, operand_tangent: Array) -> Array:
        return np.asarray(operand_tangent.mean(axis=self.axis, keepdims=self.keepdims))


class Max(Sum):
    """The largest entry, which alone gets the gradient; several largest entries share it evenly."""

    def forward(self, operand: Array) -> Array:
        return np.asarray(np.take_along_axis(*self._largest(operand), axis=-1)[..., 0]).reshape(
            np.sum(operand.real, axis=self.axis, keepdims=self.keepdims).shape
        )

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        (operand,) = self.operand_values
        (grad,) = super().backward(output_grad)
        return (grad * self._shares(operand),)

    def push_forward(self, operand_tangent: Array) -> Array:
        (operand,) = self.operand_values
        return super().push_forward(np.asarray(self._shares(operand) * operand_tangent))

    def _shares(self, operand: Array) -> Array:
        largest = operand.real == operand.real.max(axis=self.axis, keepdims=True)
        return np.asarray(largest / largest.sum(axis=self.axis, keepdims=True))

    def _largest(self, operand: Array) -> tuple[Array, Array]:
        """Return the operand with the reduced axes as one, the last, and the index of the largest in it."""
        axes = range(operand.ndim) if self.axis is None else np.atleast_1d(self.axis) % operand.ndim
        kept = [axis for axis in range(operand.ndim) if axis not in axes]
        rows = operand.transpose(*kept, *axes).reshape(*(operand.shape[axis] for axis in kept), -1)
        return rows, rows.real.argmax(axis=-1)[..., np.newaxis]
