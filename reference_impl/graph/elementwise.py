"""Functions of one operand that act on each entry alone: all such a function needs is its slope."""

from abc import abstractmethod

import numpy as np
import numpy.typing as npt

from reference_impl.graph.arrays import Array, sum_to_shape
from reference_impl.graph.operation import Operation


class Elementwise(Operation):
    """z = g(a): derivatives are scaled by g'(a), on the way back and on the way forward alike."""

    @abstractmethod
    def slope(self, operand: Array) -> Array:
        """Compute g'(a), from the operand a or from `self.value`, which is z.

        Shapes: that of the value.
        """

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        (operand,) = self.operand_values
        return (sum_to_shape(output_grad * self.slope(operand), operand.shape),)

    def push_forward(self, operand_tangent: Array) -> Array:
        (operand,) = self.operand_values
        return operand_tangent * self.slope(operand)


def where_positive(operand: Array, positive: npt.ArrayLike, otherwise: npt.ArrayLike) -> Array:
    """Choose entry by entry, by the sign of the real part; NaN has none and stays NaN.

    By the real part alone, so that a function with branches stays analytic on each of them, as the complex
    step needs it. Source: Martins, Sturdza and Alonso, ACM TOMS 29 (2003), sec. 3.
    """
    real = operand.real
    return np.where(real > 0, positive, np.where(real <= 0, otherwise, np.nan))


def magnitude(operand: Array) -> Array:
    """Compute |a| so that it is analytic on either side of 0: not the modulus of a complex number."""
    return where_positive(operand, operand, -operand) + 0.0  # + 0.0 turns -0.0 into 0.0
