"""Export reports as plain text, as `gradjury check` prints them."""

from collections.abc import Sequence

from verifier.exporters.exporter import ExportOptions
from verifier.report.outcome import FileOutcome
from verifier.report.points import points_line
from verifier.report.text import report_text


def render(reports: Sequence[FileOutcome], choices: ExportOptions) -> str:
    """Return the texts of all reports. A submission without report has an error message on stderr instead."""
    return "\n\n".join(
        "\n\n  ".join(filter(None, (report_text(outcome.report), points_line(outcome, choices.points))))
        for outcome in reports
        if outcome.report is not None
    )
