"""The report on a submission, and the forms in which people see it."""

from importlib import import_module
from pathlib import Path
from typing import Any, Self

from verifier.report.document import report_to_document
from verifier.report.model import ReportData
from verifier.report.text import one_line_summary, report_text
from verifier.report.verdict import Verdict


class GradientError(AssertionError):
    """A report is not correct. Its text is that of the report, which is in `report`."""

    def __init__(self, report: "Report") -> None:
        self.report = report
        super().__init__(str(report))


class Report(ReportData):
    """The result of checking a submission's gradients.

    Its text (`print(report)`) and its HTML in notebooks show the most important fields. It is true only if
    its verdict is `correct`, so `assert verify(document)` fails for every other verdict.

    Attributes
    ----------
    verdict : Verdict
        The verdict on the whole submission.
    loss : LossReport
        The loss of the problem, and the verdict on the reported loss.
    parameters : mapping of str to ParameterReport
        The result for each parameter, by name.
    warnings : tuple of Caution
        Remarks on the problem and the submission, each with a stable code.
    evidence : tuple of Evidence
        The agreement of each oracle with the reference.
    versions : mapping of str to str
        The versions of Python and the packages involved.
    seconds : float
        The duration of the check, the only field that differs between two runs.
    name : str or None
        The name of the submission.
    convention : mapping or None
        The layouts of the submission.
    precision : str
        The precision in which the gradients were computed.
    tolerance : mapping or None
        The tolerance of the check.
    diagnosis : tuple of Diagnosis
        The most likely bugs, if the submission is incorrect.
    audience : Audience
        The reader. In a student's report, hidden fields are NaN, 0 or empty (see `student_view.py`).
    network : tuple of LayerOutline
        The layers without their numbers; empty for students and in older reports.
    graph : GraphOutline or None
        The outline of a graph, instead of `network`.

    Examples
    --------
    >>> report = verify(load("homework.json"))
    >>> report.verdict
    <Verdict.INCORRECT: 'incorrect'>
    >>> report.parameters["layers.0.weight"].worst[0].index
    (0, 2)
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        """True only if the verdict is `correct`."""
        return self.verdict is Verdict.CORRECT

    def raise_if_incorrect(self) -> Self:
        """Return the report if its verdict is `correct`.

        Raises
        ------
        GradientError
            If the verdict is another one, `undecided` included. Its text is that of the report.

        Examples
        --------
        >>> verify(document).raise_if_incorrect()
        """
        if not self:
            raise GradientError(self)
        return self

    def save(self, path: str | Path, *, format: str | None = None) -> None:
        """Write the report to a file.

        Parameters
        ----------
        path : str or Path
            The file. Its suffix determines the format: .txt, .json, .md, .html, .csv, .xml (JUnit), .sarif,
            or a picture as .png, .svg or .pdf.
        format : str, optional
            A format of `gradjury catalogue`, whatever the suffix is.

        Raises
        ------
        ValueError
            If the suffix or the format is unknown, or the file cannot be written.

        Examples
        --------
        >>> verify(document, entries="all").save("report.html")
        """
        import_module("verifier.exporters.saving").save(self, path, format)  # a plug-in, by name

    def to_dict(self) -> dict[str, Any]:
        """Return the report's document (`gradjury.report/1`), ready for JSON."""
        return report_to_document(self)

    def plot(self) -> Any:
        """Return a matplotlib figure with heatmaps and scatter plots of the worst parameters.

        Returns
        -------
        ReportPicture
            A matplotlib figure that is not connected to a window.

        Raises
        ------
        PlotRefused
            If the report has no whole arrays (`verify(…, entries="all")` keeps them).
        MissingMatplotlib
            If matplotlib is not installed (the extra `plot`).
        """
        # a plug-in, by name: it loads matplotlib
        return import_module("verifier.exporters.page.plotting").plot(self)

    def __repr__(self) -> str:
        return f"<Report {one_line_summary(self)}>"

    def _repr_html_(self) -> str:
        """Return HTML for notebooks."""
        html: str = import_module("verifier.exporters.page.notebook").notebook_html(
            self
        )  # a plug-in, by name
        return html

    def __str__(self) -> str:
        return report_text(self)
