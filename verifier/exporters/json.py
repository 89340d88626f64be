"""A report as one line of JSON, `gradjury.report/1`."""

from verifier.documents.json_text import write
from verifier.report import Report


def export(report: Report) -> str:
    """Give the report's document on one line."""
    return write(report.to_dict())
