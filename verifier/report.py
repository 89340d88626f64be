"""Everything found about a submission, frozen, as data; and its document (`gradjury.report/1`)."""

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


class Audience(StrEnum):
    GRADER = "grader"
    STUDENT = "student"


@dataclass(frozen=True, slots=True)
class Entry:
    """One number of a gradient, its index in the submission's own layout.

    tolerance: the distance up to which it is correct. rel_error: over |expected|; None where that cannot be
    told from 0. subgradient: a kink makes several slopes right, all from slopes[0] to slopes[1]; `expected`
    is the nearest of them.
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
    """The whole arrays, in the submission's own layout.

    tolerance: the distance up to which each is correct, NaN for what is undecided.
    """

    expected: Array
    submitted: Array
    difference: Array
    tolerance: Array


@dataclass(frozen=True, slots=True)
class ParameterReport:
    """One parameter's findings.

    to_rounding: entries correct to rounding; the other correct ones are so only within rtol.
    subgradients: entries at which a kink makes several slopes right. zeros: entries handed in as 0.
    relative_norm_error: ‖submitted − expected‖ / (‖submitted‖ + ‖expected‖).
    max_rel_error: over the entries that can be told from 0; None where there is none.
    ratio: ‖submitted‖ / ‖expected‖. cosine: of the angle between the two. None where a quotient is 0/0.
    worst: at most 10, worst first.
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
        """How many entries were judged: 0 where none was submitted, or where the counts are withheld."""
        return self.correct + self.incorrect + self.undecided


@dataclass(frozen=True, slots=True)
class LossReport:
    """The problem's loss ± uncertainty, what the submitter reported, and what it is graded under."""

    value: float
    uncertainty: float
    graded_under: Mapping[str, Any]
    reported: float | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on a submission's gradients and everything behind it.

    seconds: what judging took; the only field that differs between two runs.
    network: its layers without their numbers; empty in reports of before, and in students'.
    graph: in place of layers, where the network is one.
    audience: whom it was written for. In a student's, what is withheld is NaN, 0 or empty: see `audience.py`.
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
        """Give the report's document, ready for JSON (see `documents/report_document.py`)."""
        from verifier.documents.report_document import document_of

        return document_of(self)

    def plot(self) -> "ReportPicture":
        """Draw heatmaps and scatters of the worst parameters, as a figure of matplotlib.

        Needs the whole arrays (`verify(…, entries="all")`) and the extra `plot`.
        Raises: PlotRefused, MissingMatplotlib, saying what mends it.
        """
        from verifier.plotting import plot

        return plot(self)

    def __repr__(self) -> str:
        from verifier.exporters.text import brief

        return f"<Report {brief(self)}>"

    def _repr_html_(self) -> str:
        """Show itself in a notebook."""
        from verifier.report_page.notebook import in_notebook

        return in_notebook(self)

    def __str__(self) -> str:
        from verifier.exporters.text import of_report

        return of_report(self)
