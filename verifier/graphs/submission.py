"""Submissions whose problem is a graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reference_impl.array import Array
from verifier.caution import Caution
from verifier.graphs.problem import GraphProblem
from verifier.precision import Precision
from verifier.tolerance import Tolerance


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
    cautions : tuple of Caution
        Warnings from reading the document.
    """

    name: str | None
    problem: GraphProblem
    gradients: Mapping[str, Array]
    precision: Precision
    reported_loss: float | None
    tolerance: Tolerance
    network: Mapping[str, Any]
    graded_under: Mapping[str, Any]
    cautions: tuple[Caution, ...] = ()
