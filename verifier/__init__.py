"""Is this gradient right? Oracles, their agreement, the comparison, the verdict, the report."""

from verifier.diagnosis.inspection import Inspection
from verifier.documents.files import load
from verifier.documents.mistakes import MalformedSubmission, Mistake
from verifier.inspecting import inspect
from verifier.pipeline import verify
from verifier.report import Report
from verifier.submission import Submission
from verifier.verdict import Verdict

__all__ = [
    "Inspection",
    "MalformedSubmission",
    "Mistake",
    "Report",
    "Submission",
    "Verdict",
    "inspect",
    "load",
    "verify",
]
