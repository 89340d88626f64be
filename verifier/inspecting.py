"""inspect(): a problem in, out comes what it could reveal."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reference_impl.problem import Problem
from verifier.claim import Claim, question_of
from verifier.diagnosis.inspection import Inspection
from verifier.diagnosis.power import inspect_problem
from verifier.graphs.submission import GraphSubmission
from verifier.submission import Submission


def inspect(problem: Problem | Claim | Mapping[str, Any]) -> Inspection:
    """Make every bug of the catalogue, on a graph every wrong local rule, and say which would be caught.

    problem: as `load` gave it, or the contract's document. Its gradients, if it has any, play no part but for
    their names: of a graph, those are what is handed in, and all parameters. Its precision and tolerance play
    theirs. Raises: MalformedSubmission listing every mistake of the document.
    """
    if isinstance(problem, Problem):
        return inspect_problem(problem)
    claim = problem if isinstance(problem, Submission | GraphSubmission) else question_of(problem)
    if isinstance(claim, Submission):
        inspection = inspect_problem(claim.problem, claim.precision, claim.tolerance)
    else:
        from verifier.graphs.diagnosis.power import inspect_graph  # which layers need not

        inspection = inspect_graph(claim.problem, claim.precision, claim.tolerance)
    return replace(inspection, name=claim.name)
