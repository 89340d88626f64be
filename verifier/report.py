"""The report on a submission, as frozen data. Its document has the schema `gradjury.report/1`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from reference_impl.array import Array
from verifier.caution import Caution
from verifier.consensus import Evidence
from verifier.diagnosis.diagnosis import Diagnosis
from verifier.graph_outline import GraphOutline
from verifier.layer_outline import LayerOutline
from verifier.verdict import Verdict

if TYPE_CHECKING:
    from verifier.report_picture import ReportPicture

SCHEMA = "gradjury.report/1"


class Audience(StrEnum):  # without docstring, which would become part of the OpenAPI document
    GRADER = "grader"
    STUDENT = "student"


@dataclass(frozen=True, slots=True)
class Entry:
    """One number of a gradient.

    index: in the layout of the submission.
    uncertainty: the proved or estimated error of `expected`.
    tolerance: the largest absolute error of a correct number.
    rel_error: relative to |expected|; None if the expected value may be 0.
    subgradient: at a kink, all numbers from slopes[0] to slopes[1] are correct; `expected` is the nearest.
    """

    index: tuple[int, ...]
    verdict: Verdict
    submitted: float
    expected: float
    uncertainty: float
    tolerance: float
    abs_error: float
    rel_error: float | None
    subgradient: bool = False
    slopes: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """The whole arrays of a parameter, in the layout of the submission.

    tolerance: the largest absolute error of a correct number; NaN for undecided entries.
    """

    expected: Array
    submitted: Array
    difference: Array
    tolerance: Array


@dataclass(frozen=True, slots=True)
class ParameterReport:
    """The result for one parameter.

    to_rounding: the count of entries that are correct within rounding error; other correct entries need rtol.
    subgradients: the count of entries at kinks, where several values are correct.
    zeros: the count of entries that were submitted as 0.
    max_rel_error: over entries whose expected value is surely not 0; None if there are none.
    relative_norm_error: ‖submitted − expected‖ / (‖submitted‖ + ‖expected‖).
    cosine: of the angle between submitted and expected. ratio: ‖submitted‖ / ‖expected‖.
    worst: at most 10 entries, worst first.
    A measure is None if its quotient is 0/0.
    """

    name: str
    shape: tuple[int, ...]
    verdict: Verdict
    correct: int = 0
    incorrect: int = 0
    undecided: int = 0
    uninformative: int = 0
    to_rounding: int = 0
    subgradients: int = 0
    zeros: int = 0
    max_abs_error: float | None = None
    max_rel_error: float | None = None
    relative_norm_error: float | None = None
    cosine: float | None = None
    ratio: float | None = None
    worst: tuple[Entry, ...] = ()
    entries: Entries | None = None

    @property
    def counted(self) -> int:
        """The number of checked entries; 0 if none was submitted, or if counts are hidden from students."""
        return self.correct + self.incorrect + self.undecided


@dataclass(frozen=True, slots=True)
class LossReport:
    """The loss of the problem ± uncertainty, the reported loss, and the fields of the document's `loss`."""

    value: float
    uncertainty: float
    graded_under: Mapping[str, Any]
    reported: float | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The result of checking a submission's gradients.

    Its text (`print(report)`) and its HTML in notebooks show the most important fields.

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
        The reader. In a student's report, hidden fields are NaN, 0 or empty (see `audience.py`).
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

    verdict: Verdict
    loss: LossReport
    parameters: Mapping[str, ParameterReport]
    warnings: tuple[Caution, ...]
    evidence: tuple[Evidence, ...]
    versions: Mapping[str, str]
    seconds: float
    name: str | None = None
    convention: Mapping[str, str] | None = None
    precision: str = "float64"
    tolerance: Mapping[str, Any] | None = None
    diagnosis: tuple[Diagnosis, ...] = ()
    audience: Audience = Audience.GRADER
    network: tuple[LayerOutline, ...] = ()
    graph: GraphOutline | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the report's document, ready for JSON (see `documents/report_document.py`)."""
        from verifier.documents.report_document import document_of

        return document_of(self)

    def plot(self) -> "ReportPicture":
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
        from verifier.plotting import plot

        return plot(self)

    def __repr__(self) -> str:
        from verifier.exporters.text import brief

        return f"<Report {brief(self)}>"

    def _repr_html_(self) -> str:
        """Return HTML for notebooks."""
        from verifier.report_page.notebook import in_notebook

        return in_notebook(self)

    def __str__(self) -> str:
        from verifier.exporters.text import of_report

        return of_report(self)
