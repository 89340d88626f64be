"""Exponential, logarithm, square root and absolute value."""

import numpy as np
import numpy.typing as npt

from reference_impl.graph.arrays import Array, as_array
from reference_impl.graph.elementwise import Elementwise, magnitude, where_positive


class Exp(Elementwise):
    """e ** operand: its own slope."""

    def forward(self, operand: Array) -> Array:
        return np.exp(operand)

    def slope(self, operand: Array) -> Array:
        return self.value


class Log(Elementwise):
    """The natural logarithm: -inf at 0, NaN below."""

    def forward(self, operand: Array) -> Array:
        return np.log(operand)

    def slope(self, operand: Array) -> Array:
        return 1.0 / operand


class Log1p(Elementwise):
    """log(1 + operand), accurate where the operand is small."""

    def forward(self, operand: Array) -> Array:
        return np.log1p(operand)

    def slope(self, operand: Array) -> Array:
        return 1.0 / (1.0 + operand)


class Sqrt(Elementwise):
    """The square root z, with slope 1 / 2z."""

    def forward(self, operand: Array) -> Array:
        return np.sqrt(operand)

    def slope(self, operand: Array) -> Array:
        return 0.5 / self.value


class Absolute(Elementwise):
    """|operand|, with slope 0 at 0."""

    def forward(self, operand: Array) -> Array:
        return magnitude(operand)

    def slope(self, operand: Array) -> Array:
        return where_positive(operand, 1.0, np.where(operand == 0, 0.0, -1.0))


class WeightedLog(Elementwise):
    """weights * log(operand), and 0 wherever the weight is 0, whatever the operand: 0 log 0 = 0.

    The convention of entropies; the slope, weights / operand, follows it. Only NaN shows even there.
    """

    def __init__(self, weights: npt.ArrayLike, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.weights = as_array(weights)

    def forward(self, operand: Array) -> Array:
        return np.asarray(self.weights * np.log(self._replaced(operand, 1.0)))

    def slope(self, operand: Array) -> Array:
        return np.asarray(self.weights / self._replaced(operand, 1.0))

    def _replaced(self, operand: Array, harmless: float) -> Array:
        return np.where((self.weights == 0) & ~np.isnan(operand), harmless, operand)


class WeightedLog1p(WeightedLog):
    """weights * log(1 + operand), likewise 0 wherever the weight is 0."""

    def forward(self, operand: Array) -> Array:
        return np.asarray(self.weights * np.log1p(self._replaced(operand, 0.0)))

    def slope(self, operand: Array) -> Array:
        return np.asarray(self.weights / (1.0 + self._replaced(operand, 0.0)))
