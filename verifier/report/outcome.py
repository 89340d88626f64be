"""The outcome of checking a file, and of inspecting a problem."""

from dataclasses import dataclass, replace

from verifier.problem.errors import DocumentError
from verifier.report.inspection import Inspection
from verifier.report.report import Report
from verifier.report.verdict import ExitStatus, Verdict, exit_status_of


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """The outcome of one submission.

    source: the file, `-` for standard input, or empty. errors: the errors of a malformed submission.
    broken: the description of an internal error, which the submission did not cause.
    label: the part of the path that tells it from the others that are checked with it; may be empty.
    """

    source: str
    report: Report | None
    errors: tuple[DocumentError, ...] = ()
    broken: str = ""
    label: str = ""

    @property
    def status(self) -> ExitStatus:
        """The exit status of this submission alone."""
        if self.broken:
            return ExitStatus.INTERNAL
        return ExitStatus.MALFORMED if self.report is None else exit_status_of(self.report.verdict)

    @property
    def path(self) -> str:
        """A name for display and for platforms, never empty."""
        if self.source == "-":
            return "stdin"
        return self.source or (None if self.report is None else self.report.name) or "submission"

    @property
    def title(self) -> str:
        """The submission's name, or its path."""
        return (None if self.report is None else self.report.name) or self.label or self.path

    @property
    def complaints(self) -> tuple[str, ...]:
        """The reasons why there is no report, one sentence each."""
        if self.broken:
            return (f"it could not be judged, which is not its fault: {self.broken}",)
        return tuple(document_error.sentence for document_error in self.errors)


MOST_NUMBERS = 4_000_000  # submitted numbers; each needs four arrays, 128 MB in total


def drop_arrays(report: Report) -> Report:
    """Return the report without whole arrays; the worst entries stay."""
    rows = {name: replace(row, entries=None) for name, row in report.parameters.items()}
    return replace(report, parameters=rows)


class ReportBuffer:
    """Outcomes in order, whose arrays have at most `most` numbers.

    If there are too many, correct reports lose their arrays first, then the latest ones.
    """

    def __init__(self, most: int = MOST_NUMBERS) -> None:
        self.reports: list[FileOutcome] = []
        self._room = most
        self._correct_with_arrays: list[int] = []  # indices of correct reports with arrays

    def add(self, outcome: FileOutcome) -> None:
        """Append an outcome, without its arrays if there is no room for them."""
        numbers = _count_numbers(outcome)
        is_correct = outcome.report is not None and outcome.report.verdict is Verdict.CORRECT
        while numbers > self._room and self._correct_with_arrays and not is_correct:
            index = self._correct_with_arrays.pop()
            self._room += _count_numbers(self.reports[index])
            self.reports[index] = _without_arrays(self.reports[index])
        if numbers > self._room:
            outcome = _without_arrays(outcome)
        elif numbers:
            self._room -= numbers
            if is_correct:
                self._correct_with_arrays.append(len(self.reports))
        self.reports.append(outcome)


def _count_numbers(outcome: FileOutcome) -> int:
    rows = () if outcome.report is None else outcome.report.parameters.values()
    return sum(row.entries.submitted.size for row in rows if row.entries is not None)


def _without_arrays(outcome: FileOutcome) -> FileOutcome:
    return outcome if outcome.report is None else replace(outcome, report=drop_arrays(outcome.report))


@dataclass(frozen=True, slots=True)
class InspectionOutcome:
    """An inspection, or the reasons why there is none.

    complaints: the reasons, one sentence each.
    """

    path: str
    inspection: Inspection | None
    complaints: tuple[str, ...] = ()
