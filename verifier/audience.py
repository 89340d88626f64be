"""Build the student's view of a report field by field, so that new fields of reports stay hidden.

Numbers with many digits reveal the hidden gradient: expected values directly, and a norm of the error after
as many submissions as there are entries. docs/leaks.md counts the information in verdicts and names.
"""

from collections.abc import Iterator, Mapping
from math import nan
from types import MappingProxyType

from verifier.allowed import DEFAULT, Allowed
from verifier.caution import Caution
from verifier.graph_outline import GraphOutline, NodeOutline
from verifier.report import Audience, LossReport, ParameterReport, Report
from verifier.student_diagnosis import diagnosis_for_students

# Warnings about the problem that contain none of its numbers; other codes are hidden.
_WARNINGS: Mapping[str, str] = MappingProxyType(
    {
        "kink": "the network is at a kink here: any slopes between both sides are right, if they give all "
        "entries together",
        "loss-not-finite": "the loss of this problem is not a finite number, so it has no gradient",
        "one-example": "the batch has one example: a mean and a sum over examples are the same here",
        "overflow": "numbers overflow float64 in the forward pass of this problem",
        "precision-inferred": "the precision was told from the submitted numbers; declare it to be sure",
    }
)


def for_student(report: Report, allowed: Allowed = DEFAULT) -> Report:
    """Return the student's view of a report.

    It is a function of the verdicts, the diagnosis, the warnings, and the student's own gradients.
    """
    parameters = report.parameters.items() if allowed.parameters else ()
    return Report(
        verdict=report.verdict,
        loss=LossReport(value=nan, uncertainty=nan, graded_under={}),
        parameters={name: ParameterReport(name, row.shape, row.verdict) for name, row in parameters},
        warnings=tuple(_warnings(report)),
        evidence=(),
        versions={},
        seconds=0.0,
        name=report.name,
        precision=report.precision,  # as submitted
        diagnosis=tuple(diagnosis_for_students(report, allowed)),
        audience=Audience.STUDENT,
        graph=_graph(report, allowed),
    )


def as_students_see(report: Report) -> Report:
    """Return a student's report unchanged, and the student's view of a grader's report."""
    return report if report.audience is Audience.STUDENT else for_student(report)


def _graph(report: Report, allowed: Allowed) -> GraphOutline | None:
    """Return the graph with the student's gradients and the first wrong ones, which follow from the verdicts.

    Values of nodes are left out, since the loss is one of them.
    """
    outline = report.graph
    if outline is None or not allowed.parameters or not allowed.layer:
        return None
    nodes = (
        NodeOutline(
            name=node.name,
            operation=node.operation,
            shape=node.shape,
            operands=node.operands,
            options=node.options,
            gradient=node.gradient,
            continues=node.continues,
        )
        for node in outline.nodes
    )
    return GraphOutline(tuple(nodes), outline.output, outline.first_wrong, outline.count)


def _warnings(report: Report) -> Iterator[Caution]:
    codes = {caution.code for caution in report.warnings}
    yield from (Caution(code, detail) for code, detail in _WARNINGS.items() if code in codes)
