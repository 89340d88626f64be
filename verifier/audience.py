"""What a student may see of a report: built from nothing, field by field, so that what is new stays hidden.

A figure with many digits tells the hidden gradient: the expected values at once, a norm of the error after as
many submissions as there are entries. Verdicts and sentences do not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import nan
from types import MappingProxyType

from verifier.caution import Caution
from verifier.diagnosis.bugs import BUGS
from verifier.diagnosis.diagnosis import Diagnosis
from verifier.report import Audience, LossReport, ParameterReport, Report

# What may be said of the problem itself, in words that hold none of its numbers; other codes are withheld.
_WARNINGS: Mapping[str, str] = MappingProxyType(
    {
        "kink": "the network is at a kink here: every slope of the subdifferential is right",
        "loss-not-finite": "the loss of this problem is not a finite number, so it has no gradient",
        "one-example": "the batch has one example: a mean and a sum over examples are the same here",
        "overflow": "numbers overflow float64 in the forward pass of this problem",
        "precision-inferred": "the precision was told from the submitted numbers; declare it to be sure",
    }
)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an assignment lets students see of their reports.

    verdict: of the whole; who may not see that sees no report at all. parameters: each one's name, shape and
    verdict. layer: where a mistake enters, and in which equation. bug: its id, title, explanation (which may
    name a factor) and formulas. hint: a question that helps.
    """

    verdict: bool = True
    parameters: bool = True
    layer: bool = True
    bug: bool = False
    hint: bool = True


DEFAULT = Allowed()


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
        diagnosis=tuple(_diagnosis(report, allowed)),
        audience=Audience.STUDENT,
    )


def as_students_see(report: Report) -> Report:
    """Give a student's report as it is, and of a grader's what students may see."""
    return report if report.audience is Audience.STUDENT else for_student(report)


def _warnings(report: Report) -> Iterator[Caution]:
    codes = {caution.code for caution in report.warnings}
    yield from (Caution(code, detail) for code, detail in _WARNINGS.items() if code in codes)


def _diagnosis(report: Report, allowed: Allowed) -> Iterator[Diagnosis]:
    given: list[Diagnosis] = []
    for row in report.diagnosis:
        seen = Diagnosis(
            bug=row.bug if allowed.bug else "",
            layer=row.layer if allowed.layer else None,
            equation=row.equation if allowed.layer else "",
            parameters=(),
            factor=None,
            residual=None,
            also_consistent=(),
            title=row.title if allowed.bug else "",
            explanation=row.explanation if allowed.bug and allowed.layer else "",  # it names the place
            right=row.right if allowed.bug else "",
            wrong=row.wrong if allowed.bug else "",
            hint=_hint(row, allowed),
        )
        if seen not in given and (seen.bug or seen.equation or seen.hint):
            given.append(seen)
            yield seen


def _hint(row: Diagnosis, allowed: Allowed) -> str:
    """Give the hint, without the place that it names where that is withheld."""
    if not allowed.hint or allowed.layer:
        return row.hint if allowed.hint else ""
    return BUGS[row.bug].words.hint.format(place="the layer") if row.bug in BUGS else ""
