"""The choices that differ between courses, converted at the edge into one internal form and back.

Internal form: weights (in, out), biases (out,), examples as rows. Every choice is explicit and echoed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from reference_impl.array import Array

WEIGHT_LAYOUTS = ("in_out", "out_in")
EXAMPLE_AXES = ("rows", "columns")


@dataclass(frozen=True, slots=True)
class Convention:
    """weights: `in_out` or `out_in`. examples: `rows` or `columns`. bias_shapes: by name, as submitted."""

    weights: str = "in_out"
    examples: str = "rows"
    bias_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))


def internal_weight(array: Array, convention: Convention) -> Array:
    """Take a weight (or its gradient) from the submission's layout to (in, out)."""
    return array.T if convention.weights == "out_in" else array


def internal_examples(array: Array, convention: Convention) -> Array:
    """Take inputs, row targets or masks from the submission's axis to (N, …)."""
    return array.T if convention.examples == "columns" and array.ndim == 2 else array


def as_submitted(name: str, array: Array, convention: Convention) -> Array:
    """Take an array in a parameter's internal shape back to the shape that the submission gave it."""
    if name.endswith(".weight"):
        return array.T if convention.weights == "out_in" else array
    return np.reshape(array, convention.bias_shapes.get(name, array.shape))
