"""What students may see of a diagnosis: no number of it, and no name that would confirm a guess.

A diagnosis is itself a test of numbers, and some of its tests are coarse: what was rounded in print is right
to the digits that are left, and what was clipped is no smaller than the threshold. Of a single number that is
a digit for every ten submissions, where a verdict asks for a million. So a coarse diagnosis is told only
where it rests on many numbers at once, which nobody guesses together. And bugs are named only where they
explain everything that is wrong: elsewhere the names beside a guess would tell how good it was. What is not
named is placed by the parameters' verdicts alone.
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
_COARSE = "numbers"  # the equation of those that compare fewer digits than the verdict
_BROKEN, _ZERO = "overflow", "zero-gradient"  # told by what was handed in, whatever is right


def diagnosis_for_students(report: Report, allowed: Allowed) -> Iterator[Diagnosis]:
    """Give each row with what is allowed of it, and none twice."""
    given: list[Diagnosis] = []
    for row in _tellable(report):
        seen = _allowed(row, allowed)
        if seen not in given and (seen.bug or seen.equation or seen.hint):
            given.append(seen)
            yield seen


def _tellable(report: Report) -> Iterator[Diagnosis]:
    rows = report.diagnosis
    if report.graph is not None:
        yield from _tellable_of_graph(report, report.graph.first_wrong)
        return
    broken = [row for row in rows if row.bug == _BROKEN]
    if broken:
        yield from broken
        return
    explained = all(row.bug != UNEXPLAINED_ID for row in rows)
    if explained and _rests_on_enough(report.parameters, rows):
        yield from rows
    elif any(map(_is_wrong, report.parameters.values())):
        yield _unnamed(report.parameters)


def _tellable_of_graph(report: Report, first_wrong: Sequence[str]) -> Iterator[Diagnosis]:
    """Give rows where they explain whatever is first wrong; else places alone, which follow from verdicts.

    A number that is wrong by so little that it has no row is placed like one that is far off.
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


def _rests_on_enough(parameters: Mapping[str, ParameterReport], rows: Sequence[Diagnosis]) -> bool:
    """Say whether a coarse row, if there is one, explains many numbers that no other row accounts for.

    Zeros, and what other rows account for, are no guesses: anybody can put them beside one.
    """
    if not any(row.equation == _COARSE and row.bug != _ZERO for row in rows):
        return True
    others = {name for row in rows if row.equation != _COARSE for name in row.parameters}
    wrong = (row for name, row in parameters.items() if _is_wrong(row) and name not in others)
    return sum(prod(row.shape) - row.zeros for row in wrong) >= ENOUGH


def _unnamed(parameters: Mapping[str, ParameterReport]) -> Diagnosis:
    """Give the row of an unknown mistake, in the last layer that is wrong."""
    wrong = [name for name, row in parameters.items() if _is_wrong(row)]
    layer = max(map(_layer, wrong))
    own = [name for name in wrong if _layer(name) == layer]
    last = max(map(_layer, parameters))
    equation = "bias_gradient" if own[0].endswith(".bias") else "weight_gradient"
    if len(own) > 1:
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


def _allowed(row: Diagnosis, allowed: Allowed) -> Diagnosis:
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
        explanation=row.for_students if allowed.bug and allowed.layer else "",  # it names the place
        right=row.right if allowed.bug else "",
        wrong=row.wrong if allowed.bug else "",
        hint=_hint(row, allowed),
    )


def _hint(row: Diagnosis, allowed: Allowed) -> str:
    """Give the hint, without the place that it names where that is withheld."""
    if not allowed.hint or allowed.layer:
        return row.hint if allowed.hint else ""
    if row.node is not None:
        return hint_without_place(row.bug)
    from verifier.diagnosis.bugs import BUGS

    return BUGS[row.bug].words.hint.format(place="the layer") if row.bug in BUGS else ""
