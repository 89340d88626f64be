"""Activations that squash: z = g(a), each with the slope that the lecture writes in terms of z itself."""

import numpy as np

from reference_impl.graph.arrays import Array
from reference_impl.graph.elementwise import Elementwise, magnitude, where_positive
from reference_impl.graph.operation import Operation


def sigmoid(operand: Array) -> Array:
    """Compute 1 / (1 + e**-a), without ever raising e to a positive power."""
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


class Softmax(Operation):
    """e**a over its sum along the last axis: the Jacobian diag(z) - z zᵀ is symmetric, so one way is both."""

    def forward(self, operand: Array) -> Array:
        odds = np.exp(_below_largest(operand))
        return np.asarray(odds / odds.sum(axis=-1, keepdims=True))

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        return (self.push_forward(output_grad),)

    def push_forward(self, operand_tangent: Array) -> Array:
        average = (self.value * operand_tangent).sum(axis=-1, keepdims=True)
        return np.asarray(self.value * (operand_tangent - average))


class LogSoftmax(Operation):
    """z = a - log sum e**a along the last axis; e**z are the probabilities p, and dz = da - p·da."""

    def forward(self, operand: Array) -> Array:
        below = _below_largest(operand)
        return np.asarray(below - np.log(np.exp(below).sum(axis=-1, keepdims=True)))

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        return (output_grad - np.exp(self.value) * output_grad.sum(axis=-1, keepdims=True),)

    def push_forward(self, operand_tangent: Array) -> Array:
        average = (np.exp(self.value) * operand_tangent).sum(axis=-1, keepdims=True)
        return np.asarray(operand_tangent - average)


def _below_largest(operand: Array) -> Array:
    """Shift each row so that its largest entry is 0, which changes no ratio and lets nothing overflow."""
    return np.asarray(operand - operand.real.max(axis=-1, keepdims=True))
