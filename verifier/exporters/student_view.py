"""Build the student's view of a report, without expected values and without bugs that would confirm a guess.

The view always has the verdict. Where an assignment hides the verdict (`StudentVisibility.verdict`), callers
do not show the report at all.

A diagnosis tests numbers, and some of its tests are coarse: a number that was rounded in print is right in
the remaining digits, and a clipped number is at least the threshold. With a coarse test, a student finds one
digit of a single number in ten submissions; with verdicts, this takes a million. Therefore a coarse diagnosis
is shown only if it is based on many numbers, which cannot be guessed together. Bugs are named only if they
explain all errors; otherwise the names would reveal the quality of a guess. Errors without a named bug are
located by the parameters' verdicts alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import nan, prod
from types import MappingProxyType

from verifier.diagnosis.catalogue import BUGS, UNEXPLAINED_IN_GRAPH, find_bug, find_local_rule
from verifier.diagnosis.catalogue.bug import LOCAL_RULE
from verifier.problem.errors import ReportWarning
from verifier.report.assignment import DEFAULT, StudentVisibility
from verifier.report.model import (
    UNEXPLAINED_ID,
    Audience,
    Diagnosis,
    GraphOutline,
    LossReport,
    NodeOutline,
    ParameterReport,
)
from verifier.report.report import Report
from verifier.report.verdict import Verdict

ENOUGH = 8  # wrong numbers at once
MOST_PLACES = 5  # of a graph
_COARSE = "numbers"  # the equation of diagnoses that compare fewer digits than the verdict
_OVERFLOW, _ZERO_GRADIENT = "overflow", "zero-gradient"  # they follow from the submission alone


def visible_diagnoses(report: Report, visibility: StudentVisibility) -> Iterator[Diagnosis]:
    """Yield the visible part of each diagnosis, without duplicates."""
    earlier: list[Diagnosis] = []
    for row in _safe_rows(report):
        visible = _visible_part(row, visibility)
        if visible not in earlier and (visible.bug or visible.equation or visible.hint):
            earlier.append(visible)
            yield visible


def _safe_rows(report: Report) -> Iterator[Diagnosis]:
    rows = report.diagnosis
    if report.graph is not None:
        yield from _safe_graph_rows(report, report.graph.first_wrong)
        return
    overflowing = [row for row in rows if row.bug == _OVERFLOW]
    if overflowing:
        yield from overflowing
        return
    explained = all(row.bug != UNEXPLAINED_ID for row in rows)
    if explained and _has_enough_numbers(report.parameters, rows):
        yield from rows
    elif any(map(_is_wrong, report.parameters.values())):
        yield _unknown_bug(report.parameters)


def _safe_graph_rows(report: Report, first_wrong: Sequence[str]) -> Iterator[Diagnosis]:
    """Yield the diagnoses if they explain all first wrong nodes; otherwise the locations alone.

    The locations follow from the verdicts, so they do not depend on the size of an error.
    """
    rows = report.diagnosis
    if all(row.bug != UNEXPLAINED_ID for row in rows) and {row.node for row in rows} >= set(first_wrong):
        yield from rows
        return
    for name in first_wrong[:MOST_PLACES]:
        yield Diagnosis(
            bug=UNEXPLAINED_ID,
            layer=None,
            equation=LOCAL_RULE,
            parameters=(),
            factor=None,
            residual=None,
            also_consistent=(),
            title=UNEXPLAINED_IN_GRAPH.title,
            explanation="",
            right="",
            wrong="",
            hint=UNEXPLAINED_IN_GRAPH.hint.format(place=name),
            for_students=UNEXPLAINED_IN_GRAPH.explanation.format(place=name),
            node=name,
        )


def _has_enough_numbers(parameters: Mapping[str, ParameterReport], rows: Sequence[Diagnosis]) -> bool:
    """True unless a coarse diagnosis explains fewer than ENOUGH numbers that no other diagnosis explains.

    Zeros and numbers of other diagnoses do not count, as they can be added to a guess of one number.
    """
    if not any(row.equation == _COARSE and row.bug != _ZERO_GRADIENT for row in rows):
        return True
    others = {name for row in rows if row.equation != _COARSE for name in row.parameters}
    wrong = (row for name, row in parameters.items() if _is_wrong(row) and name not in others)
    return sum(prod(row.shape) - row.zeros for row in wrong) >= ENOUGH


def _unknown_bug(parameters: Mapping[str, ParameterReport]) -> Diagnosis:
    """Return the diagnosis of an unknown bug in the last incorrect layer."""
    wrong = [name for name, row in parameters.items() if _is_wrong(row)]
    layer = max(map(_layer, wrong))
    names = [name for name in wrong if _layer(name) == layer]
    last = max(map(_layer, parameters))
    equation = "bias_gradient" if names[0].endswith(".bias") else "weight_gradient"
    if len(names) > 1:
        equation = "output_delta" if layer == last else "hidden_delta"
    words, place = BUGS[UNEXPLAINED_ID].words, f"layer {layer}"
    return Diagnosis(
        bug=UNEXPLAINED_ID,
        layer=layer,
        equation=equation,
        parameters=(),
        factor=None,
        residual=None,
        also_consistent=(),
        title=words.title,
        explanation="",
        right=words.right,
        wrong=words.wrong,
        hint=words.hint.format(place=place),
        for_students=words.explanation.format(place=place),
    )


def _is_wrong(row: ParameterReport) -> bool:
    return row.verdict is Verdict.INCORRECT


def _layer(name: str) -> int:
    return int(name.split(".")[1])


def _visible_part(row: Diagnosis, visibility: StudentVisibility) -> Diagnosis:
    return Diagnosis(
        bug=row.bug if visibility.bug else "",
        layer=row.layer if visibility.layer else None,
        layers=row.layers if visibility.layer else (),
        node=row.node if visibility.layer else None,
        equation=row.equation if visibility.layer else "",
        parameters=(),
        factor=None,
        residual=None,
        also_consistent=(),
        title=row.title if visibility.bug else "",
        explanation=row.for_students
        if visibility.bug and visibility.layer
        else "",  # it contains the location
        right=row.right if visibility.bug else "",
        wrong=row.wrong if visibility.bug else "",
        hint=_hint(row, visibility),
    )


def _hint(row: Diagnosis, visibility: StudentVisibility) -> str:
    """Return the visible hint; if the layer is hidden, without the location."""
    if not visibility.hint or visibility.layer:
        return row.hint if visibility.hint else ""
    if row.node is not None:
        return find_local_rule(row.bug).general_hint
    bug = find_bug(row.bug)
    return "" if bug is None else bug.general_hint


# Warnings about the problem that contain none of its numbers; other codes are hidden.
_WARNINGS: Mapping[str, str] = MappingProxyType(
    {
        "kink": "the network is at a kink here: any slopes between both sides are right, if they give all "
        "entries together",
        "loss-not-finite": "the loss of this problem is not a finite number, so it has no gradient",
        "one-example": "the batch has one example: a mean and a sum over examples are the same here",
        "overflow": "numbers overflow float64 in the forward pass of this problem",
        "targets-not-summing-to-one": "there are rows of targets that do not sum to 1",
        "precision-inferred": "the precision was told from the submitted numbers; declare it to be sure",
    }
)


def to_student_view(report: Report, visibility: StudentVisibility = DEFAULT) -> Report:
    """Return the student's view of a report.

    It is a function of the verdicts, the diagnosis, the warnings, and the student's own gradients.
    """
    parameters = report.parameters.items() if visibility.parameters else ()
    return Report(
        verdict=report.verdict,
        loss=LossReport(value=nan, uncertainty=nan, graded_under={}),
        parameters={
            name: ParameterReport(name, row.shape, row.verdict, submitted_as=row.submitted_as)
            for name, row in parameters
        },
        warnings=tuple(_warnings(report)),
        evidence=(),
        versions={},
        seconds=0.0,
        name=report.name,
        precision=report.precision,  # as submitted
        diagnosis=tuple(visible_diagnoses(report, visibility)),
        audience=Audience.STUDENT,
        graph=_graph(report, visibility),
    )


def ensure_student_view(report: Report) -> Report:
    """Return a student's report unchanged, and the student's view of a grader's report."""
    return report if report.audience is Audience.STUDENT else to_student_view(report)


def _graph(report: Report, visibility: StudentVisibility) -> GraphOutline | None:
    """Return the graph with the student's gradients and the first wrong ones, which follow from the verdicts.

    Values of nodes are left out, since the loss is one of them.
    """
    outline = report.graph
    if outline is None or not visibility.parameters or not visibility.layer:
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


def _warnings(report: Report) -> Iterator[ReportWarning]:
    codes = {warning.code for warning in report.warnings}
    yield from (ReportWarning(code, detail) for code, detail in _WARNINGS.items() if code in codes)
