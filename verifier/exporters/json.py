"""Export reports of the schema `gradjury.report/1` as JSON, one per line, with the `source` of a file."""

from collections.abc import Sequence

from verifier.documents.json import to_json
from verifier.exporters.exporter import ExportOptions
from verifier.report.outcome import FileOutcome


def render(reports: Sequence[FileOutcome], choices: ExportOptions) -> str:
    """Return each report's document on one line; submissions without report are left out."""
    return "\n".join(
        to_json(({"source": outcome.source} if outcome.source else {}) | outcome.report.to_dict())
        for outcome in reports
        if outcome.report is not None
    )
