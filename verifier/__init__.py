"""Is this gradient right? Oracles, their agreement, the comparison, the verdict, the report."""

from verifier.documents.files import load
from verifier.documents.mistakes import MalformedSubmission, Mistake
from verifier.pipeline import verify
from verifier.report import Report
from verifier.submission import Submission
from verifier.verdict import Verdict

__all__ = ["MalformedSubmission", "Mistake", "Report", "Submission", "Verdict", "load", "verify"]
