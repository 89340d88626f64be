"""inspect(): a problem in, out comes what it could reveal."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reference_impl.problem import Problem
from verifier.claim import Claim
from verifier.diagnosis.inspection import Inspection
from verifier.diagnosis.power import inspect_problem
from verifier.documents.reading import read_question
from verifier.submission import Submission


def inspect(problem: Problem | Claim | Mapping[str, Any]) -> Inspection:
    """Make every bug of the catalogue on a problem, and say which would be caught.

    problem: as `load` gave it, or the contract's document; its gradients, if it has any, play no part, its
    precision and tolerance do. Raises: MalformedSubmission listing every mistake of the document.
    """
    if isinstance(problem, Problem):
        return inspect_problem(problem)
    submission = problem if isinstance(problem, Submission) else read_question(problem)
    inspection = inspect_problem(submission.problem, submission.precision, submission.tolerance)
    return replace(inspection, name=submission.name)
