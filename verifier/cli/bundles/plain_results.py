"""Prepare the results for submissions that cannot be judged.

They are written with the bundle, so that returning one of them cannot fail.
"""

from collections.abc import Mapping
from types import MappingProxyType

from verifier.cli.bundles.bundle import Bundle
from verifier.documents.files import SUFFIXES
from verifier.exporters import ExportOptions
from verifier.problem.errors import DocumentError
from verifier.report.outcome import FileOutcome
from verifier.report.points import Points

FAILED = "failed"


def plain_results(bundle: Bundle, points: Points, largest: int) -> Mapping[str, str]:
    """Return the content of every result file by path. The folders are the reasons used by `grade.py`.

    largest: bound on the size of a submission, in bytes.
    """
    one = _expected_file(bundle)
    remedy = "hand in your gradients as that file, and nothing else that could be them"
    reasons = {
        "none": FileOutcome("submission", None, (DocumentError("(file)", one, "none", remedy),)),
        "several": FileOutcome("submission", None, (DocumentError("(file)", one, "several", remedy),)),
        "large": FileOutcome(
            "submission",
            None,
            (DocumentError("(file)", f"at most {largest} bytes", "more", "hand in gradients alone"),),
        ),
        FAILED: FileOutcome("submission", None, broken="tell your instructor"),
    }
    choices = ExportOptions(points, "gitlab")
    return MappingProxyType(
        {
            f"{reason}/{result.file}": result.rendered(outcome, choices)
            for reason, outcome in reasons.items()
            for result in bundle.result_files
        }
    )


def _expected_file(bundle: Bundle) -> str:
    if not bundle.names:
        return f"exactly one file that ends in {', '.join(SUFFIXES)}"
    names = ", ".join(name + suffix for name in bundle.names for suffix in SUFFIXES)
    return f"exactly one of the files {names}"
