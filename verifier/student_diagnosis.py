"""Build the student's view of a diagnosis, without numbers and without bugs that would confirm a guess.

A diagnosis tests numbers, and some of its tests are coarse: a number that was rounded in print is right in
the remaining digits, and a clipped number is at least the threshold. With a coarse test, a student finds one
digit of a single number in ten submissions; with verdicts, this takes a million. Therefore a coarse diagnosis
is shown only if it is based on many numbers, which cannot be guessed together. Bugs are named only if they
explain all errors; otherwise the names would reveal the quality of a guess. Errors without a named bug are
located by the parameters' verdicts alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import prod

from verifier.allowed import Allowed
from verifier.diagnosis.diagnosis import Diagnosis
from verifier.diagnosis.finding import UNEXPLAINED_ID
from verifier.graphs.diagnosis.words import (
    LOCAL_RULE,
    UNEXPLAINED_HINT,
    UNEXPLAINED_TITLE,
    UNEXPLAINED_WORDS,
    hint_without_place,
)
from verifier.report import ParameterReport, Report
from verifier.verdict import Verdict

ENOUGH = 8  # wrong numbers at once
MOST_PLACES = 5  # of a graph
_COARSE = "numbers"  # the equation of diagnoses that compare fewer digits than the verdict
_OVERFLOW, _ZERO_GRADIENT = "overflow", "zero-gradient"  # they follow from the submission alone


def diagnosis_for_students(report: Report, allowed: Allowed) -> Iterator[Diagnosis]:
    """Yield the visible part of each diagnosis, without duplicates."""
    earlier: list[Diagnosis] = []
    for row in _safe_rows(report):
        visible = _visible_part(row, allowed)
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
            title=UNEXPLAINED_TITLE,
            explanation="",
            right="",
            wrong="",
            hint=UNEXPLAINED_HINT.format(place=name),
            for_students=UNEXPLAINED_WORDS.format(place=name),
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
    from verifier.diagnosis.bugs import BUGS

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


def _visible_part(row: Diagnosis, allowed: Allowed) -> Diagnosis:
    return Diagnosis(
        bug=row.bug if allowed.bug else "",
        layer=row.layer if allowed.layer else None,
        node=row.node if allowed.layer else None,
        equation=row.equation if allowed.layer else "",
        parameters=(),
        factor=None,
        residual=None,
        also_consistent=(),
        title=row.title if allowed.bug else "",
        explanation=row.for_students if allowed.bug and allowed.layer else "",  # it contains the location
        right=row.right if allowed.bug else "",
        wrong=row.wrong if allowed.bug else "",
        hint=_hint(row, allowed),
    )


def _hint(row: Diagnosis, allowed: Allowed) -> str:
    """Return the visible hint; if the layer is hidden, without the location."""
    if not allowed.hint or allowed.layer:
        return row.hint if allowed.hint else ""
    if row.node is not None:
        return hint_without_place(row.bug)
    from verifier.diagnosis.bugs import BUGS

    return BUGS[row.bug].words.hint.format(place="the layer") if row.bug in BUGS else ""
