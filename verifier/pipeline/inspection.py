"""Inspect a problem: which bugs its gradients would reveal."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reference_impl.problem import Problem
from verifier.diagnosis.graph_inspection import inspect_graph
from verifier.diagnosis.layer_inspection import inspect_problem
from verifier.documents.reading import AnySubmission, question_of
from verifier.problem.submission import GraphSubmission, Submission
from verifier.report.inspection import Inspection


def inspect(problem: Problem | AnySubmission | Mapping[str, Any]) -> Inspection:
    """Find the bugs that a check of this problem would detect, miss or confuse.

    Every bug of the catalogue (for a graph: every wrong local rule) is put into the gradients of the problem,
    and the result is compared with the correct gradients.

    Parameters
    ----------
    problem : Problem, Submission or mapping
        A problem, a submission as returned by `load`, or a document. Gradients are not needed and their
        values are ignored. For a graph their names are used: they and all parameters are compared.
        Precision and tolerance of the submission are used.

    Returns
    -------
    Inspection
        Detected, missed and indistinguishable bugs, and suggestions for a better problem.

    Raises
    ------
    MalformedSubmission
        If the document is invalid; lists every mistake.

    Examples
    --------
    >>> from gradjury import inspect, load
    >>> print(inspect(load("problem.json")))
    """
    if isinstance(problem, Problem):
        return inspect_problem(problem)
    claim = problem if isinstance(problem, Submission | GraphSubmission) else question_of(problem)
    if isinstance(claim, Submission):
        inspection = inspect_problem(claim.problem, claim.precision, claim.tolerance)
    else:
        inspection = inspect_graph(claim.problem, claim.precision, claim.tolerance)
    return replace(inspection, name=claim.name)
