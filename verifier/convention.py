"""Convert between the conventions of a submission and the internal form.

Internal form: weights (in, out), biases (out,), examples as rows. The report contains all conventions.
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
    """The conventions of a submission.

    weights: `in_out` or `out_in`. examples: `rows` or `columns`. bias_shapes: by name, as submitted.
    """

    weights: str = "in_out"
    examples: str = "rows"
    bias_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))


def internal_weight(array: Array, convention: Convention) -> Array:
    """Return a weight (or its gradient) in the layout (in, out)."""
    return array.T if convention.weights == "out_in" else array


def internal_examples(array: Array, convention: Convention) -> Array:
    """Return inputs, row targets or masks in the shape (N, …)."""
    return array.T if convention.examples == "columns" and array.ndim == 2 else array


def as_submitted(name: str, array: Array, convention: Convention) -> Array:
    """Return an array of a parameter's internal shape in the shape of the submission."""
    if name.endswith(".weight"):
        return array.T if convention.weights == "out_in" else array
    return np.reshape(array, convention.bias_shapes.get(name, array.shape))
