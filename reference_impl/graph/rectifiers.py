"""Activations that let positive values through: z = g(a), with a kink at 0 or a bend around it.

At a kink the slope is that of the left side, as it is in torch.
"""

import math

import numpy as np

from reference_impl.graph.arrays import Array
from reference_impl.graph.elementwise import Elementwise, magnitude, where_positive
from reference_impl.graph.errors import OperandError
from reference_impl.graph.squashing import sigmoid


class Relu(Elementwise):
    """max(a, 0)."""

    def forward(self, operand: Array) -> Array:
        return where_positive(operand, operand, 0.0)

    def slope(self, operand: Array) -> Array:
        return where_positive(self.value, 1.0, 0.0)


class LeakyRelu(Elementwise):
    """a where it is positive, negative_slope * a elsewhere."""

    def __init__(self, negative_slope: float = 0.01, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.negative_slope = negative_slope

    def forward(self, operand: Array) -> Array:
        return where_positive(operand, operand, self.negative_slope * operand)

    def slope(self, operand: Array) -> Array:
        return where_positive(operand, 1.0, self.negative_slope)


class Elu(Elementwise):
    """a where it is positive, alpha * (e**a - 1) elsewhere."""

    def __init__(self, alpha: float = 1.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.alpha = alpha

    def forward(self, operand: Array) -> Array:
        return where_positive(operand, operand, self.alpha * np.expm1(where_positive(operand, 0.0, operand)))

    def slope(self, operand: Array) -> Array:
        return where_positive(operand, 1.0, self.alpha * np.exp(where_positive(operand, 0.0, operand)))


class Softplus(Elementwise):
    """z = log(1 + e**a), as max(a, 0) + log(1 + e**-|a|), with slope 1 - e**-z.

    Both are accurate to a few units in the last place everywhere, however small the result.
    """

    def forward(self, operand: Array) -> Array:
        return where_positive(operand, operand, 0.0) + np.log1p(np.exp(-magnitude(operand)))

    def slope(self, operand: Array) -> Array:
        return -np.expm1(-self.value)


class Silu(Elementwise):
    """z = a s, where s is the sigmoid of a; slope s + z (1 - s)."""

    def forward(self, operand: Array) -> Array:
        return operand * sigmoid(operand)

    def slope(self, operand: Array) -> Array:
        gate = sigmoid(operand)
        return gate + self.value * (1.0 - gate)


class Gelu(Elementwise):
    """a times the standard normal distribution function at a, without approximation.

    Raises: OperandError for complex operands, for which the error function here is not made.
    """

    def forward(self, operand: Array) -> Array:
        return operand * _normal_distribution(operand)

    def slope(self, operand: Array) -> Array:
        density = np.exp(-0.5 * operand * operand) / math.sqrt(2.0 * math.pi)
        return _normal_distribution(operand) + operand * density


def _normal_distribution(operand: Array) -> Array:
    from reference_impl.error_function import erfc  # the one thing numpy lacks, and only Gelu needs

    if np.iscomplexobj(operand):
        raise OperandError("complex numbers were given and gelu is real: give real numbers")
    return np.asarray(0.5 * erfc(-operand / math.sqrt(2.0)))
