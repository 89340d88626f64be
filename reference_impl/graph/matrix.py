"""Product and transpose of matrices."""

from typing import ClassVar

import numpy as np

from reference_impl.graph.arrays import Array, sum_to_shape
from reference_impl.graph.operation import Operation


class MatMul(Operation):
    """left @ right as numpy has it: vectors on either side, and leading axes that broadcast."""

    arity: ClassVar[int] = 2

    def forward(self, left: Array, right: Array) -> Array:
        return np.asarray(left @ right)

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        left, right = self.operand_values
        rows = left[np.newaxis, :] if left.ndim == 1 else left
        columns = right[:, np.newaxis] if right.ndim == 1 else right
        grad = output_grad[..., np.newaxis] if right.ndim == 1 else output_grad
        grad = np.expand_dims(grad, -2) if left.ndim == 1 else grad
        left_grad = sum_to_shape(grad @ columns.swapaxes(-1, -2), rows.shape)
        right_grad = sum_to_shape(rows.swapaxes(-1, -2) @ grad, columns.shape)
        return left_grad.reshape(left.shape), right_grad.reshape(right.shape)

    def push_forward(self, left_tangent: Array, right_tangent: Array) -> Array:
        left, right = self.operand_values
        return np.asarray(left_tangent @ right + left @ right_tangent)


class Transpose(Operation):
    """The axes in the order `axes`, or reversed where none is given."""

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
