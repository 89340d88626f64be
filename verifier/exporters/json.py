"""Reports as JSON, one a line: `gradjury.report/1`, with the `source` where it came from a file."""

from collections.abc import Sequence

from verifier.documents.json_text import write
from verifier.exporters.exporter import ExportChoices
from verifier.sourced import Sourced


def render(reports: Sequence[Sourced], choices: ExportChoices) -> str:
    """Give each report's document on a line of its own; what could not be judged has none."""
    return "\n".join(
        write(({"source": own.source} if own.source else {}) | own.report.to_dict())
        for own in reports
        if own.report is not None
    )
