"""A submission: a problem and the submitted gradients, in internal form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.problem import Problem
from verifier.problem.errors import ReportWarning
from verifier.problem.graph import GraphProblem
from verifier.problem.precision import Precision

WEIGHT_LAYOUTS = ("in_out", "out_in")
EXAMPLE_AXES = ("rows", "columns")


@dataclass(frozen=True, slots=True)
class Convention:
    """The conventions of a submission.

    weights: `in_out` or `out_in`. examples: `rows` or `columns`. bias_shapes: by name, as submitted.
    """

    weights: str = "in_out"
    examples: str = "rows"
    bias_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def examples_to_internal(array: Array, convention: Convention) -> Array:
    """Return inputs, row targets or masks in the shape (N, …)."""
    return array.T if convention.examples == "columns" and array.ndim == 2 else array


def to_submitted_layout(name: str, array: Array, convention: Convention) -> Array:
    """Return an array of a parameter's internal shape in the shape of the submission."""
    if name.endswith(".weight"):
        return array.T if convention.weights == "out_in" else array
    return np.reshape(array, convention.bias_shapes.get(name, array.shape))


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A tolerance of rtol · scale + atol, where the scale of an entry is the sum of |contributions| to it."""

    rtol: float
    atol: float = 0.0
    preset: str | None = None


TOLERANCES: Mapping[str, Tolerance] = MappingProxyType(
    {
        row.preset: row
        for row in (
            Tolerance(rtol=1e-6, preset="standard"),
            Tolerance(rtol=0.0, preset="strict"),
            Tolerance(rtol=1e-3, preset="lenient"),
        )
        if row.preset is not None
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Submission:
    """A problem and the gradients submitted for it. `load` returns one.

    Attributes
    ----------
    name : str or None
        The name of the submission.
    problem : Problem
        The network, its parameters, the batch and the loss.
    gradients : mapping of str to array
        By parameter (`layers.0.weight`), in internal shape: weights (in, out), biases (out,). Parameters
        without a submitted gradient are absent.
    precision : Precision
        The precision in which the gradients were computed.
    reported_loss : float or None
        The submitted value of the loss.
    tolerance : Tolerance
        The tolerance beyond rounding errors.
    convention : Convention
        The layouts of the document.
    graded_under : mapping
        All fields of the document's `loss`, with expanded presets and defaults.
    warnings : tuple of ReportWarning
        Warnings from reading the document.
    submitted_names : mapping of str to str
        The document's names of parameters that have another name in `gradients`.
    """

    name: str | None
    problem: Problem
    gradients: Mapping[str, Array]
    precision: Precision
    reported_loss: float | None
    tolerance: Tolerance
    convention: Convention
    graded_under: Mapping[str, Any]
    warnings: tuple[ReportWarning, ...] = ()
    submitted_names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class GraphSubmission:
    """A graph and the gradients submitted for it. `load` returns one for a document with nodes.

    Attributes
    ----------
    name : str or None
        The name of the submission.
    problem : GraphProblem
        The graph, its inputs and parameters.
    gradients : mapping of str to array
        By name (`W`, `inputs.x`, `nodes.h`). Gradients that were not submitted are absent.
    precision : Precision
        The precision in which the gradients were computed.
    reported_loss : float or None
        The submitted value of the output.
    tolerance : Tolerance
        The tolerance beyond rounding errors.
    network : mapping
        The `network` of the document.
    graded_under : mapping
        A description of the graph for the report.
    warnings : tuple of ReportWarning
        Warnings from reading the document.
    submitted_names : mapping of str to str
        The document's names of gradients that have another name in `gradients`.
    """

    name: str | None
    problem: GraphProblem
    gradients: Mapping[str, Array]
    precision: Precision
    reported_loss: float | None
    tolerance: Tolerance
    network: Mapping[str, Any]
    graded_under: Mapping[str, Any]
    warnings: tuple[ReportWarning, ...] = ()
    submitted_names: Mapping[str, str] = field(default_factory=dict)
