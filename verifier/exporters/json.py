"""Export reports of the schema `gradjury.report/1` as JSON, one per line, with the `source` of a file."""

from collections.abc import Sequence

from verifier.documents.json import write
from verifier.exporters.exporter import ExportChoices
from verifier.report.outcome import Sourced


def render(reports: Sequence[Sourced], choices: ExportChoices) -> str:
    """Return each report's document on one line; submissions without report are left out."""
    return "\n".join(
        write(({"source": outcome.source} if outcome.source else {}) | outcome.report.to_dict())
        for outcome in reports
        if outcome.report is not None
    )
