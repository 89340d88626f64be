"""What a student may see of a report: built from nothing, field by field, so that what is new stays hidden.

A figure with many digits tells the hidden gradient: the expected values at once, a norm of the error after as
many submissions as there are entries. What a verdict or a name tells is counted in docs/leaks.md.
"""

from collections.abc import Iterator, Mapping
from math import nan
from types import MappingProxyType

from verifier.allowed import DEFAULT, Allowed
from verifier.caution import Caution
from verifier.graph_outline import GraphOutline, NodeOutline
from verifier.report import Audience, LossReport, ParameterReport, Report
from verifier.student_diagnosis import diagnosis_for_students

# What may be said of the problem itself, in words that hold none of its numbers; other codes are withheld.
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
    """Give what a student may see. Two references that give the same verdicts and diagnosis give the same."""
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
    """Give a student's report as it is, and of a grader's what students may see."""
    return report if report.audience is Audience.STUDENT else for_student(report)


def _graph(report: Report, allowed: Allowed) -> GraphOutline | None:
    """Give the graph as the problem has it, with the student's own gradients; where it is first wrong follows
    from the verdicts. Values stay out, since the loss is one of them.
    """
    own = report.graph
    if own is None or not allowed.parameters or not allowed.layer:
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
        for node in own.nodes
    )
    return GraphOutline(tuple(nodes), own.output, own.first_wrong, own.count)


def _warnings(report: Report) -> Iterator[Caution]:
    codes = {caution.code for caution in report.warnings}
    yield from (Caution(code, detail) for code, detail in _WARNINGS.items() if code in codes)
