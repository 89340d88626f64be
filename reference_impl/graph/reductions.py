"""Sum and mean, over all entries or along some axes."""

import numpy as np

from reference_impl.graph.arrays import Array
from reference_impl.graph.operation import Operation

Axes = int | tuple[int, ...] | None
"""The axes to reduce; None means all of them."""


class Sum(Operation):
    """Add entries up: each of them receives the gradient of its sum."""

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
    """Average entries: a sum, shared among as many as are averaged."""

    def forward(self, operand: Array) -> Array:
        return np.asarray(operand.mean(axis=self.axis, keepdims=self.keepdims))

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        (operand,) = self.operand_values
        averaged = operand.size / max(self.value.size, 1)
        (grad,) = super().backward(output_grad)
        return (grad / averaged,)

    def push_forward(self, operand_tangent: Array) -> Array:
        return np.asarray(operand_tangent.mean(axis=self.axis, keepdims=self.keepdims))
