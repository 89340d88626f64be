"""Is this gradient right? Oracles, their agreement, the comparison, the verdict, the report.

Names are loaded when they are first used: pytest loads this package at its start, with or without gradients.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verifier.diagnosis.inspection import Inspection
    from verifier.documents.files import load
    from verifier.documents.mistakes import MalformedSubmission, Mistake
    from verifier.expected import Expectations
    from verifier.inspecting import inspect
    from verifier.operation_check.checking import check_operation
    from verifier.pipeline import verify
    from verifier.report import Report
    from verifier.submission import Submission
    from verifier.verdict import Verdict

_HOMES = {
    "Expectations": "verifier.expected",
    "Inspection": "verifier.diagnosis.inspection",
    "MalformedSubmission": "verifier.documents.mistakes",
    "Mistake": "verifier.documents.mistakes",
    "Report": "verifier.report",
    "Submission": "verifier.submission",
    "Verdict": "verifier.verdict",
    "check_operation": "verifier.operation_check.checking",
    "inspect": "verifier.inspecting",
    "load": "verifier.documents.files",
    "verify": "verifier.pipeline",
}

__all__ = [
    "Expectations",
    "Inspection",
    "MalformedSubmission",
    "Mistake",
    "Report",
    "Submission",
    "Verdict",
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
