"""The outcome of processing one submission: a report or an error."""

from dataclasses import dataclass

from verifier.documents.mistakes import Mistake
from verifier.exit_status import ExitStatus, of_verdict
from verifier.report import Report


@dataclass(frozen=True, slots=True)
class Sourced:
    """The outcome of one submission.

    source: the file, `-` for standard input, or empty. mistakes: the errors of a malformed submission.
    broken: the description of an internal error, which the submission did not cause.
    """

    source: str
    report: Report | None
    mistakes: tuple[Mistake, ...] = ()
    broken: str = ""

    @property
    def status(self) -> ExitStatus:
        """The exit status of this submission alone."""
        if self.broken:
            return ExitStatus.INTERNAL
        return ExitStatus.MALFORMED if self.report is None else of_verdict(self.report.verdict)

    @property
    def path(self) -> str:
        """A name for display and for platforms, never empty."""
        if self.source == "-":
            return "stdin"
        return self.source or (self.report.name if self.report else None) or "submission"

    @property
    def title(self) -> str:
        """The submission's name, or its path."""
        return (self.report.name if self.report else None) or self.path

    @property
    def complaints(self) -> tuple[str, ...]:
        """The reasons why there is no report, one sentence each."""
        if self.broken:
            return (f"it could not be judged, which is not its fault: {self.broken}",)
        return tuple(mistake.sentence for mistake in self.mistakes)
