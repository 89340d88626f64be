"""Sum, mean and largest entry, over all entries or along some axes."""

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


class Max(Sum):
    """The largest entry: it alone gets the gradient; several largest ones share it evenly."""

    def forward(self, operand: Array) -> Array:
        return np.asarray(np.take_along_axis(*self._chosen(operand), axis=-1)[..., 0]).reshape(
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

    def _chosen(self, operand: Array) -> tuple[Array, Array]:
        """Lay the reduced axes out as one, the last, and say where in it the largest real part stands."""
        axes = range(operand.ndim) if self.axis is None else np.atleast_1d(self.axis) % operand.ndim
        kept = [axis for axis in range(operand.ndim) if axis not in axes]
        rows = operand.transpose(*kept, *axes).reshape(*(operand.shape[axis] for axis in kept), -1)
        return rows, rows.real.argmax(axis=-1)[..., np.newaxis]
