"""Limit the memory for whole arrays while many reports are collected."""

from dataclasses import replace

from verifier.report import Report
from verifier.sourced import Sourced
from verifier.verdict import Verdict

MOST_NUMBERS = 4_000_000  # submitted numbers; each needs four arrays, 128 MB in total


def without_arrays(report: Report) -> Report:
    """Return the report without whole arrays; the worst entries stay."""
    rows = {name: replace(row, entries=None) for name, row in report.parameters.items()}
    return replace(report, parameters=rows)


class KeptReports:
    """Outcomes in order, whose arrays have at most `most` numbers.

    If there are too many, correct reports lose their arrays first, then the latest ones.
    """

    def __init__(self, most: int = MOST_NUMBERS) -> None:
        self.reports: list[Sourced] = []
        self._room = most
        self._correct_with_arrays: list[int] = []  # indices of correct reports with arrays

    def add(self, outcome: Sourced) -> None:
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


def _count_numbers(outcome: Sourced) -> int:
    rows = outcome.report.parameters.values() if outcome.report else ()
    return sum(row.entries.submitted.size for row in rows if row.entries is not None)


def _without_arrays(outcome: Sourced) -> Sourced:
    return outcome if outcome.report is None else replace(outcome, report=without_arrays(outcome.report))
