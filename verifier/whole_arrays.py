"""Which reports keep their whole arrays while a document of many is put together."""

from dataclasses import replace

from verifier.report import Report
from verifier.sourced import Sourced
from verifier.verdict import Verdict

MOST_NUMBERS = 4_000_000  # of submissions; each is kept in four arrays, so 128 MB of memory


def without_arrays(report: Report) -> Report:
    """Give the report with its worst entries alone."""
    rows = {name: replace(row, entries=None) for name, row in report.parameters.items()}
    return replace(report, parameters=rows)


class KeptReports:
    """Reports in order; where their arrays are too many, right ones lose theirs first, then the last come."""

    def __init__(self, most: int = MOST_NUMBERS) -> None:
        self.reports: list[Sourced] = []
        self._room = most
        self._right: list[int] = []  # places of right ones that have their arrays

    def add(self, own: Sourced) -> None:
        """Keep a report, as much of it as there is room for."""
        numbers = _numbers(own)
        right = own.report is not None and own.report.verdict is Verdict.CORRECT
        while numbers > self._room and self._right and not right:
            place = self._right.pop()
            self._room += _numbers(self.reports[place])
            self.reports[place] = _stripped(self.reports[place])
        if numbers > self._room:
            own = _stripped(own)
        elif numbers:
            self._room -= numbers
            if right:
                self._right.append(len(self.reports))
        self.reports.append(own)


def _numbers(own: Sourced) -> int:
    rows = own.report.parameters.values() if own.report else ()
    return sum(row.entries.submitted.size for row in rows if row.entries is not None)


def _stripped(own: Sourced) -> Sourced:
    return own if own.report is None else replace(own, report=without_arrays(own.report))
