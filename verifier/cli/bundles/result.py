"""Result file that a platform reads after grading."""

from dataclasses import dataclass

from verifier.exporters import EXPORTERS, ExportOptions
from verifier.report.outcome import FileOutcome


@dataclass(frozen=True, slots=True)
class ResultFile:
    """Result file.

    file: name of the file.
    format: name of the exporter.
    beside: name of an additional file of the exporter; empty for its main output.
    """

    file: str
    format: str
    beside: str = ""

    def rendered(self, outcome: FileOutcome, choices: ExportOptions) -> str:
        """Return the content of the file."""
        exporter = EXPORTERS[self.format]
        render = exporter.beside[self.beside] if self.beside else exporter.render
        return render((outcome,), choices) + "\n"
