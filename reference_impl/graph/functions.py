"""Functions of one operand: elementary functions and the activations.

At a kink the slope is that of PyTorch: the left one for rectifiers, 0 for the absolute value.
"""

import math

import numpy as np
import numpy.typing as npt

from reference_impl.error_function import erf, erfc
from reference_impl.graph.arrays import Array, as_array
from reference_impl.graph.errors import OperandError
from reference_impl.graph.operations import Elementwise, Operation


def where_positive(operand: Array, positive: npt.ArrayLike, otherwise: npt.ArrayLike) -> Array:
    """Return `positive` where the operand's real part is positive, `otherwise` elsewhere, NaN at NaN.

    The real part alone decides, so that a function with branches stays analytic on each of them, as the
    complex step requires. Source: Martins, Sturdza and Alonso, ACM TOMS 29 (2003), sec. 3.
    """
    real = operand.real
    return np.where(real > 0, positive, np.where(real <= 0, otherwise, np.nan))


def magnitude(operand: Array) -> Array:
    """Return |a| as an analytic function on either side of 0, unlike the modulus of a complex number."""
    return where_positive(operand, operand, -operand) + 0.0  # + 0.0 turns -0.0 into 0.0


class Exp(Elementwise):
    """e ** operand."""

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
    """log(1 + operand), accurate also for a small operand."""

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


class Expm1(Elementwise):
    """e ** operand - 1, accurate also for a small operand."""

    def forward(self, operand: Array) -> Array:
        return np.expm1(operand)

    def slope(self, operand: Array) -> Array:
        return np.exp(operand)


class Sin(Elementwise):
    """The sine."""

    def forward(self, operand: Array) -> Array:
        return np.sin(operand)

    def slope(self, operand: Array) -> Array:
        return np.cos(operand)


class Cos(Elementwise):
    """The cosine."""

    def forward(self, operand: Array) -> Array:
        return np.cos(operand)

    def slope(self, operand: Array) -> Array:
        return -np.sin(operand)


class Arctan(Elementwise):
    """The inverse of the tangent, between -pi/2 and pi/2."""

    def forward(self, operand: Array) -> Array:
        return np.arctan(operand)

    def slope(self, operand: Array) -> Array:
        return np.asarray(1.0 / (1.0 + operand * operand))


class Erf(Elementwise):
    """The error function, 2/√π times the integral of e**-t² from 0.

    Raises OperandError for complex operands.
    """

    def forward(self, operand: Array) -> Array:
        _refuse_complex(operand, "erf")
        return erf(operand)

    def slope(self, operand: Array) -> Array:
        return np.asarray(2.0 / math.sqrt(math.pi) * np.exp(-operand * operand))


class Sign(Elementwise):
    """1 for positive numbers, -1 for negative ones and 0 at 0; its slope is 0."""

    def forward(self, operand: Array) -> Array:
        return where_positive(operand, 1.0, np.where(operand == 0, 0.0, -1.0))

    def slope(self, operand: Array) -> Array:
        return operand * 0.0


class Clip(Elementwise):
    """The operand between two bounds, with slope 1 there and 0 outside."""

    def __init__(self, low: float = -math.inf, high: float = math.inf, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.low, self.high = low, high

    def forward(self, operand: Array) -> Array:
        real = operand.real
        return np.where(real < self.low, self.low, np.where(real > self.high, self.high, operand))

    def slope(self, operand: Array) -> Array:
        real = operand.real
        return np.where(np.isnan(real), np.nan, np.where((real >= self.low) & (real <= self.high), 1.0, 0.0))


class WeightedLog(Elementwise):
    """weights * log(operand), and 0 where the weight is 0, as entropies define 0 log 0 = 0.

    The slope is weights / operand by the same convention. NaN in the operand stays NaN.
    """

    def __init__(self, weights: npt.ArrayLike, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.weights = as_array(weights)

    def forward(self, operand: Array) -> Array:
        return np.asarray(self.weights * np.log(self._where_weighted(operand, 1.0)))

    def slope(self, operand: Array) -> Array:
        return np.asarray(self.weights / self._where_weighted(operand, 1.0))

    def _where_weighted(self, operand: Array, otherwise: float) -> Array:
        return np.where((self.weights == 0) & ~np.isnan(operand), otherwise, operand)


class WeightedLog1p(WeightedLog):
    """weights * log(1 + operand), and 0 where the weight is 0."""

    def forward(self, operand: Array) -> Array:
        return np.asarray(self.weights * np.log1p(self._where_weighted(operand, 0.0)))

    def slope(self, operand: Array) -> Array:
        return np.asarray(self.weights / (1.0 + self._where_weighted(operand, 0.0)))


def sigmoid(operand: Array) -> Array:
    """Return 1 / (1 + e**-a), without overflow."""
    decay = np.exp(-magnitude(operand))
    return where_positive(operand, 1.0, decay) / (1.0 + decay)


class Sigmoid(Elementwise):
    """1 / (1 + e**-a), with slope z (1 - z)."""

    def forward(self, operand: Array) -> Array:
        return sigmoid(operand)

    def slope(self, operand: Array) -> Array:
        return self.value * (1.0 - self.value)


class Tanh(Elementwise):
    """The hyperbolic tangent, with slope 1 - z**2."""

    def forward(self, operand: Array) -> Array:
        return np.tanh(operand)

    def slope(self, operand: Array) -> Array:
        return 1.0 - self.value * self.value


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

    Both are accurate to a few units in the last place for every operand.
    """

    def forward(self, operand: Array) -> Array:
        return where_positive(operand, operand, 0.0) + np.log1p(np.exp(-magnitude(operand)))

    def slope(self, operand: Array) -> Array:
        return -np.expm1(-self.value)


class Selu(Elementwise):
    """scale * a where a is positive, scale * alpha * (e**a - 1) elsewhere, with the paper's two numbers.

    Source: Klambauer et al., arXiv:1706.02515.
    """

    alpha, scale = 1.6732632423543772, 1.0507009873554805

    def forward(self, operand: Array) -> Array:
        below = self.alpha * np.expm1(where_positive(operand, 0.0, operand))
        return self.scale * where_positive(operand, operand, below)

    def slope(self, operand: Array) -> Array:
        below = self.alpha * np.exp(where_positive(operand, 0.0, operand))
        return self.scale * where_positive(operand, 1.0, below)


class Hardtanh(Elementwise):
    """a between -1 and 1, with slope 1 there, and 0 outside and at both ends."""

    def forward(self, operand: Array) -> Array:
        return where_positive(operand - 1.0, 1.0, where_positive(operand + 1.0, operand, -1.0))

    def slope(self, operand: Array) -> Array:
        return where_positive(1.0 - operand, where_positive(operand + 1.0, 1.0, 0.0), 0.0)


class Hardswish(Elementwise):
    """a (a + 3) / 6 from -3 to 3, a above and 0 below; the slope in between is (2a + 3) / 6."""

    def forward(self, operand: Array) -> Array:
        between = operand * (operand + 3.0) / 6.0
        return where_positive(operand - 3.0, operand, where_positive(operand + 3.0, between, 0.0))

    def slope(self, operand: Array) -> Array:
        between = (2.0 * operand + 3.0) / 6.0
        return where_positive(3.0 - operand, where_positive(operand + 3.0, between, 0.0), 1.0)


class Softsign(Elementwise):
    """a / (1 + |a|), with slope 1 / (1 + |a|)**2."""

    def forward(self, operand: Array) -> Array:
        return np.asarray(operand / (1.0 + magnitude(operand)))

    def slope(self, operand: Array) -> Array:
        return np.asarray(1.0 / (1.0 + magnitude(operand)) ** 2)


class LogSigmoid(Elementwise):
    """log(1 / (1 + e**-a)) = -log(1 + e**-a), with slope 1 - sigmoid(a) = sigmoid(-a)."""

    def forward(self, operand: Array) -> Array:
        return where_positive(operand, 0.0, operand) - np.log1p(np.exp(-magnitude(operand)))

    def slope(self, operand: Array) -> Array:
        return sigmoid(-operand)


class Mish(Elementwise):
    """a t with t = tanh(log(1 + e**a)), whose slope is t + a (1 - t**2) sigmoid(a)."""

    def forward(self, operand: Array) -> Array:
        return operand * self._tanh_of_softplus(operand)

    def slope(self, operand: Array) -> Array:
        t = self._tanh_of_softplus(operand)
        return t + operand * (1.0 - t * t) * sigmoid(operand)

    def _tanh_of_softplus(self, operand: Array) -> Array:
        softplus = where_positive(operand, operand, 0.0) + np.log1p(np.exp(-magnitude(operand)))
        return np.asarray(np.tanh(softplus))


class GeluTanh(Elementwise):
    """a (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (a + 0.044715 a**3).

    Its slope is (1 + t) / 2 + a (1 - t**2) u' / 2, where t is the tanh. Source: arXiv:1606.08415, section 2.
    """

    def forward(self, operand: Array) -> Array:
        return 0.5 * operand * (1.0 + np.tanh(self._inner(operand)))

    def slope(self, operand: Array) -> Array:
        t = np.tanh(self._inner(operand))
        inner_slope = math.sqrt(2.0 / math.pi) * (1.0 + 3.0 * 0.044715 * operand * operand)
        return 0.5 * (1.0 + t) + 0.5 * operand * (1.0 - t * t) * inner_slope

    def _inner(self, operand: Array) -> Array:
        return np.asarray(math.sqrt(2.0 / math.pi) * (operand + 0.044715 * operand**3))


class Silu(Elementwise):
    """z = a s, where s is the sigmoid of a, with slope s + z (1 - s)."""

    def forward(self, operand: Array) -> Array:
        return operand * sigmoid(operand)

    def slope(self, operand: Array) -> Array:
        gate = sigmoid(operand)
        return gate + self.value * (1.0 - gate)


class Gelu(Elementwise):
    """a times the distribution function of the standard normal distribution at a, not an approximation.

    Raises OperandError for complex operands, which the error function does not support.
    """

    def forward(self, operand: Array) -> Array:
        return operand * _normal_distribution(operand)

    def slope(self, operand: Array) -> Array:
        density = np.exp(-0.5 * operand * operand) / math.sqrt(2.0 * math.pi)
        return _normal_distribution(operand) + operand * density


def _refuse_complex(operand: Array, function: str) -> None:
    if np.iscomplexobj(operand):
        raise OperandError(f"complex numbers were given and {function} is real: give real numbers")


def _normal_distribution(operand: Array) -> Array:
    _refuse_complex(operand, "gelu")
    return np.asarray(0.5 * erfc(-operand / math.sqrt(2.0)))


class Softmax(Operation):
    """e**a over its sum along the last axis.

    The Jacobian diag(z) - z zᵀ is symmetric, so backward and push_forward are the same.
    """

    def forward(self, operand: Array) -> Array:
        odds = np.exp(_below_largest(operand))
        return np.asarray(odds / odds.sum(axis=-1, keepdims=True))

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        return (self.push_forward(output_grad),)

    def push_forward(self, operand_tangent: Array) -> Array:
        average = (self.value * operand_tangent).sum(axis=-1, keepdims=True)
        return np.asarray(self.value * (operand_tangent - average))


class LogSoftmax(Operation):
    """z = a - log sum e**a along the last axis; with the probabilities p = e**z, dz = da - p·da."""

    def forward(self, operand: Array) -> Array:
        below = _below_largest(operand)
        return np.asarray(below - np.log(np.exp(below).sum(axis=-1, keepdims=True)))

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        return (output_grad - np.exp(self.value) * output_grad.sum(axis=-1, keepdims=True),)

    def push_forward(self, operand_tangent: Array) -> Array:
        average = (np.exp(self.value) * operand_tangent).sum(axis=-1, keepdims=True)
        return np.asarray(operand_tangent - average)


def _below_largest(operand: Array) -> Array:
    """Return each row minus its largest entry, which keeps all ratios and prevents overflow."""
    return np.asarray(operand - operand.real.max(axis=-1, keepdims=True))
