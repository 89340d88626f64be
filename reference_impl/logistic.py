"""The logistic function and its kin, written so that they keep their digits where they saturate."""

import numpy as np

from reference_impl.array import Array
from reference_impl.field import Field, magnitude


def decay_of(a: Array) -> Array:
    return np.asarray(np.exp(-np.abs(a)))


def sigmoid_of(a: Array) -> Array:
    decay = decay_of(a)
    return np.asarray(np.where(a >= 0, 1.0, decay) / (1.0 + decay))


def sigmoid_slope(a: Array) -> Array:
    decay = decay_of(a)
    return np.asarray(decay / (1.0 + decay) ** 2)


def exponent_rounding(a: Array) -> Array:
    """|a| (1 − σ(a)): by how much e^(−a) magnifies the rounding of a, relative to σ(a)."""
    return np.asarray(np.abs(a) * sigmoid_of(-a))


def softplus_of(a: Array) -> Array:
    return np.asarray(np.maximum(a, 0.0) + np.log1p(decay_of(a)))


def sigmoid_formula(field: Field, a: Array) -> Array:
    decay = field.exp(-magnitude(field, a))
    return np.asarray(field.where_positive(a, 0 * a + 1, decay) / (1 + decay))


def softplus_formula(field: Field, a: Array) -> Array:
    return np.asarray(field.where_positive(a, a, 0 * a) + field.log1p(field.exp(-magnitude(field, a))))
