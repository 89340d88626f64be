"""Write reports one by one, or as one document at the end, depending on the format."""

from collections.abc import Mapping
from pathlib import Path
from typing import IO

from verifier.exit_status import ExitStatus
from verifier.exporters.exporter import ExportChoices, Exporter
from verifier.sourced import Sourced
from verifier.whole_arrays import KeptReports


class ReportWriter:
    """Writer of reports in one format.

    quiet: leave out correct submissions; write nothing at all if every submission is correct.
    """

    def __init__(
        self, stream: IO[str], exporter: Exporter, choices: ExportChoices, total: int, quiet: bool
    ) -> None:
        self._stream = stream
        self._exporter = exporter
        self._choices = choices
        self._total = total
        self._quiet = quiet
        self._written = 0
        self._statuses: list[ExitStatus] = []
        self._kept = KeptReports()

    def add(self, outcome: Sourced) -> None:
        """Write a submission's report, or keep it for the final document."""
        self._statuses.append(outcome.status)
        if self._exporter.between is None or self._exporter.beside:
            self._kept.add(outcome)
        is_skipped = outcome.report is None or (self._quiet and outcome.status is ExitStatus.CORRECT)
        if self._exporter.between is not None and not is_skipped:
            self._write(self._exporter.render((outcome,), self._choices))

    def close(self, environment: Mapping[str, str]) -> list[str]:
        """Write the final document, the summary of several submissions, and the additional files.

        environment: variables that name the additional files, such as GITHUB_STEP_SUMMARY.
        Return an error message for each additional file that could not be written. Such an error changes no
        verdict.
        """
        is_silent = self._quiet and all(status is ExitStatus.CORRECT for status in self._statuses)
        if self._exporter.between is None and not is_silent:
            self._write(self._exporter.render(self._kept.reports, self._choices))
        if self._exporter.closing is not None and self._total > 1 and not is_silent:
            self._write(self._exporter.closing(self._statuses))
        self._stream.flush()
        failures = []
        for variable, render in self._exporter.beside.items():
            if path := environment.get(variable):
                text = render(self._kept.reports, self._choices) + "\n"
                try:
                    with Path(path).open("a", encoding="utf-8") as stream:
                        stream.write(text)
                except OSError as error:
                    failures.append(
                        f"{variable}: expected a file that can be written, got {path!r} ({error})"
                    )
        return failures

    def _write(self, text: str) -> None:
        self._stream.write((self._exporter.between or "" if self._written else "") + text + "\n")
        self._stream.flush()
        self._written += 1
