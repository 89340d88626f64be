"""Is this gradient right? Oracles, their agreement, the comparison, the verdict, the report.

Names are loaded when they are first used: pytest loads this package at its start, with or without gradients.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verifier.documents.files import load
    from verifier.documents.typed import build_document
    from verifier.judging.cache import ProblemCache
    from verifier.pipeline.inspection import inspect
    from verifier.pipeline.layers import verify
    from verifier.problem.errors import DocumentError, MalformedSubmission
    from verifier.problem.submission import Submission
    from verifier.report.inspection import Inspection
    from verifier.report.report import GradientError, Report
    from verifier.report.verdict import Verdict
    from verifier.testing.operation_check.check import check_operation
    from verifier.testing.operation_check.functions import check_gradient

_HOMES = {
    "ProblemCache": "verifier.judging.cache",
    "Inspection": "verifier.report.inspection",
    "MalformedSubmission": "verifier.problem.errors",
    "DocumentError": "verifier.problem.errors",
    "GradientError": "verifier.report.report",
    "Report": "verifier.report.report",
    "Submission": "verifier.problem.submission",
    "Verdict": "verifier.report.verdict",
    "build_document": "verifier.documents.typed",
    "check_gradient": "verifier.testing.operation_check.functions",
    "check_operation": "verifier.testing.operation_check.check",
    "inspect": "verifier.pipeline.inspection",
    "load": "verifier.documents.files",
    "verify": "verifier.pipeline.layers",
}

__all__ = [
    "DocumentError",
    "GradientError",
    "Inspection",
    "MalformedSubmission",
    "ProblemCache",
    "Report",
    "Submission",
    "Verdict",
    "build_document",
    "check_gradient",
    "check_operation",
    "inspect",
    "load",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
