"""A submission as it went: where it came from, and its report, or why there is none."""

from dataclasses import dataclass

from verifier.documents.mistakes import Mistake
from verifier.exit_status import ExitStatus, of_verdict
from verifier.report import Report


@dataclass(frozen=True, slots=True)
class Sourced:
    """source: the file, `-` for standard input, empty for none. mistakes: of a malformed submission.

    broken: what failed in here, which is not the submission's fault.
    """

    source: str
    report: Report | None
    mistakes: tuple[Mistake, ...] = ()
    broken: str = ""

    @property
    def status(self) -> ExitStatus:
        if self.broken:
            return ExitStatus.INTERNAL
        return ExitStatus.MALFORMED if self.report is None else of_verdict(self.report.verdict)

    @property
    def path(self) -> str:
        """A name for people and platforms, never empty."""
        if self.source == "-":
            return "stdin"
        return self.source or (self.report.name if self.report else None) or "submission"

    @property
    def title(self) -> str:
        """The submission's own name, or its path's."""
        return (self.report.name if self.report else None) or self.path

    @property
    def complaints(self) -> tuple[str, ...]:
        """Why there is no report, a sentence each."""
        if self.broken:
            return (f"it could not be judged, which is not its fault: {self.broken}",)
        return tuple(mistake.sentence for mistake in self.mistakes)
