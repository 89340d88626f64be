"""One file that a platform reads after grading."""

from dataclasses import dataclass

from verifier.exporters import EXPORTERS, ExportChoices
from verifier.sourced import Sourced


@dataclass(frozen=True, slots=True)
class Result:
    """file: its name. format: a row of EXPORTERS. beside: which of the files beside it, if not itself."""

    file: str
    format: str
    beside: str = ""

    def rendered(self, own: Sourced, choices: ExportChoices) -> str:
        exporter = EXPORTERS[self.format]
        render = exporter.beside[self.beside] if self.beside else exporter.render
        return render((own,), choices) + "\n"
