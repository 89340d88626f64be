"""Entries moved and not changed: another shape, a part, two parts as one, rows looked up in a table."""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from reference_impl.graph.arrays import Array
from reference_impl.graph.errors import OperandError
from reference_impl.graph.operation import Operation


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
    """The part that a basic index of numpy's names (numbers, slices): what is left out gets gradient 0."""

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
    """Two operands one behind the other along an axis; each gets back its own part of the gradient."""

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


class Embedding(Operation):
    """Rows of a table, by their numbers: a row that is looked up several times gets all its gradients added.

    Raises: OperandError for indices that are not whole numbers.
    """

    def __init__(self, indices: npt.ArrayLike, *, name: str | None = None) -> None:
        super().__init__(name=name)
        given = np.asarray(indices)
        self.indices = given.astype(np.intp)
        if (self.indices != given).any():
            raise OperandError("an index is not a whole number: rows are looked up by their number from 0")

    def forward(self, table: Array) -> Array:
        return np.asarray(table[self.indices])

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        (table,) = self.operand_values
        grad = np.zeros(table.shape, dtype=output_grad.dtype)
        np.add.at(grad, self.indices, output_grad)
        return (grad,)

    def push_forward(self, table_tangent: Array) -> Array:
        return np.asarray(table_tangent[self.indices])
