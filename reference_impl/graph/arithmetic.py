"""Sum, difference, product, quotient, opposite and power, entry by entry and with numpy's broadcasting."""

from numbers import Real
from typing import ClassVar

import numpy as np

from reference_impl.graph.arrays import Array, sum_to_shape
from reference_impl.graph.elementwise import Elementwise
from reference_impl.graph.errors import OperandError
from reference_impl.graph.operation import Operation


class Binary(Operation):
    """Combine two operands, whose gradients are summed back to the shapes they had before broadcasting."""

    arity: ClassVar[int] = 2

    def summed_back(self, left_grad: Array, right_grad: Array) -> tuple[Array, Array]:
        """Shapes: both gradients have the shape of the value, the results those of the operands."""
        left, right = self.operand_values
        return sum_to_shape(left_grad, left.shape), sum_to_shape(right_grad, right.shape)


class Add(Binary):
    """left + right: the gradient is handed to both sides."""

    def forward(self, left: Array, right: Array) -> Array:
        return left + right

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        return self.summed_back(output_grad, output_grad)

    def push_forward(self, left_tangent: Array, right_tangent: Array) -> Array:
        return left_tangent + right_tangent


class Subtract(Binary):
    """left - right."""

    def forward(self, left: Array, right: Array) -> Array:
        return left - right

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        return self.summed_back(output_grad, -output_grad)

    def push_forward(self, left_tangent: Array, right_tangent: Array) -> Array:
        return left_tangent - right_tangent


class Multiply(Binary):
    """left * right: each side's gradient is scaled by the other side."""

    def forward(self, left: Array, right: Array) -> Array:
        return left * right

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        left, right = self.operand_values
        return self.summed_back(output_grad * right, output_grad * left)

    def push_forward(self, left_tangent: Array, right_tangent: Array) -> Array:
        left, right = self.operand_values
        return np.asarray(left_tangent * right + left * right_tangent)


class Divide(Binary):
    """left / right, with dz = (d left - z d right) / right."""

    def forward(self, left: Array, right: Array) -> Array:
        return left / right

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        _, right = self.operand_values
        left_grad = output_grad / right
        return self.summed_back(left_grad, -left_grad * self.value)

    def push_forward(self, left_tangent: Array, right_tangent: Array) -> Array:
        _, right = self.operand_values
        return np.asarray((left_tangent - self.value * right_tangent) / right)


class Negate(Elementwise):
    """-operand."""

    def forward(self, operand: Array) -> Array:
        return -operand

    def slope(self, operand: Array) -> Array:
        return np.full_like(operand, -1.0)


class Power(Elementwise):
    """operand ** exponent, where the exponent is a number and not a node."""

    def __init__(self, exponent: float, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.exponent = _real(exponent)

    def forward(self, operand: Array) -> Array:
        return np.asarray(operand**self.exponent)

    def slope(self, operand: Array) -> Array:
        if self.exponent == 0:
            return np.zeros_like(operand)  # also at 0, where 0 * 0 ** -1 would not be a number
        return np.asarray(self.exponent * operand ** (self.exponent - 1))


def _real(exponent: object) -> float:
    if not isinstance(exponent, Real):
        raise OperandError(
            f"the exponent {exponent!s} is not a real number: for a variable one write exp(y * log(x))"
        )
    return float(exponent)
