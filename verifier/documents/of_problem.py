"""Build a submission from a problem object, without a document."""

from collections.abc import Mapping

from reference_impl.array import Array
from reference_impl.problem import Problem
from verifier.convention import Convention
from verifier.documents.loss_reading import expanded
from verifier.precision import PRECISIONS, Precision
from verifier.submission import Submission
from verifier.tolerance import TOLERANCES, Tolerance


def submission_of(
    problem: Problem,
    gradients: Mapping[str, Array],
    *,
    name: str | None = None,
    precision: Precision = PRECISIONS["float64"],
    tolerance: Tolerance = TOLERANCES["standard"],
    convention: Convention | None = None,
) -> Submission:
    """Return a submission of gradients to a problem.

    gradients: by the name of the parameter, in internal shape.
    """
    return Submission(
        name=name,
        problem=problem,
        gradients=gradients,
        precision=precision,
        reported_loss=None,
        tolerance=tolerance,
        convention=convention or Convention(),
        graded_under=expanded(problem.risk),
    )
