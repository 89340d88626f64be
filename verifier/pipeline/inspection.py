"""Inspect a problem: which bugs its gradients would reveal."""

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from typing import Any

from reference_impl.problem import Problem
from verifier.diagnosis.graph_inspection import inspect_graph
from verifier.diagnosis.layer_inspection import inspect_problem
from verifier.documents.reading import AnySubmission, question_of
from verifier.documents.sources import document_of
from verifier.judging.traps import problem_traps
from verifier.problem.submission import GraphSubmission, Submission
from verifier.report.inspection import Inspection


def inspect(problem: Problem | AnySubmission | Mapping[str, Any] | str | PathLike[str]) -> Inspection:
    """Find the bugs that a check of this problem would detect, miss or confuse.

    Every bug of the catalogue (for a graph: every wrong local rule) is put into the gradients of the problem,
    and the result is compared with the correct gradients.

    Parameters
    ----------
    problem : Problem, Submission, mapping or path
        A problem, a submission as returned by `load`, a document, or the path of its file. Gradients are not
        needed and their values are ignored. For a graph their names are used: they and all parameters are
        compared. Precision and tolerance of the submission are used.

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
    >>> from gradjury import inspect
    >>> print(inspect("problem.json"))
    """
    if isinstance(problem, Problem):
        return inspect_problem(problem)
    document = document_of(problem, {})
    if isinstance(document, Mapping) and "problem" in document and "network" not in document:
        document = document["problem"]  # of an assignment
    claim = document if isinstance(document, Submission | GraphSubmission) else question_of(document)
    if isinstance(claim, Submission):
        inspection = inspect_problem(claim.problem, claim.precision, claim.tolerance)
        known = {warning.code for warning in inspection.warnings}
        traps = [trap for trap in problem_traps(claim.problem) if trap.code not in known]
        inspection = replace(
            inspection,
            warnings=(*traps, *inspection.warnings),
            advice=(*(trap.detail for trap in traps), *inspection.advice),
        )
    else:
        inspection = inspect_graph(claim.problem, claim.precision, claim.tolerance)
    return replace(inspection, name=claim.name)
