"""Export a self-contained HTML page."""

from collections.abc import Sequence

from verifier.exporters.exporter import ExportOptions
from verifier.report.outcome import FileOutcome


def render(reports: Sequence[FileOutcome], choices: ExportOptions) -> str:
    """Return one page of all submissions, with figures for reports with whole arrays."""
    from verifier.exporters.page import render as page  # loads Jinja, which graders in bundles do not have

    return page(reports, choices)
