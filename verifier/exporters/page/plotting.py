"""Implement `report.plot()`: check its requirements and choose the parameters."""

from typing import TYPE_CHECKING

from verifier.report.model import Audience
from verifier.report.report import Report
from verifier.report.verdict import Verdict

if TYPE_CHECKING:
    from verifier.exporters.page.picture import ReportPicture

MOST_ROWS = 12
_ORDER = (Verdict.INCORRECT, Verdict.UNDECIDED, Verdict.CORRECT)


class PlotRefused(ValueError):  # noqa: N818 -- as ImportRefused
    """The report cannot be drawn; the message contains the remedy."""


class MissingMatplotlib(ImportError):  # noqa: N818 -- as MissingLibrary
    """matplotlib is not installed."""


def plot(report: Report) -> "ReportPicture":
    """Return a figure of the worst parameters of a report. Raises: PlotRefused, MissingMatplotlib."""
    if report.audience is Audience.STUDENT:
        raise PlotRefused("a student's report holds no numbers to draw; plot the grader's")
    drawable = [
        (row, row.entries)
        for row in report.parameters.values()
        if row.entries is not None and row.entries.submitted.size
    ]
    if not drawable:
        raise PlotRefused(
            "expected whole arrays, but this report keeps the worst numbers alone; "
            "verify(…, entries='all') keeps them all"
        )
    try:
        from verifier.exporters.page.picture import draw_report  # loads matplotlib
    except ImportError as error:
        raise MissingMatplotlib(
            f"plot() draws with matplotlib, which could not be loaded ({error}); "
            "install it: pip install 'gradjury[plot]'"
        ) from error
    drawable.sort(key=lambda pair: _ORDER.index(pair[0].verdict))
    return draw_report(report, drawable[:MOST_ROWS])
