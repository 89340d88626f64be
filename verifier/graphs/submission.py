"""A submission whose problem is a graph."""

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
    """gradients: by the names of gradients (`W`, `inputs.x`, `nodes.h`); an absent one was not submitted.

    network: as the document has it. graded_under: what the report says of it.
    cautions: what reading the document already found worth knowing.
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
