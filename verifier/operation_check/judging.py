"""One use of an operation judged: its value and every gradient, held against what the oracles agree on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from reference_impl.array import Array
from verifier.comparison import Comparison, compare
from verifier.consensus import Consensus, consult
from verifier.graphs.arithmetic.numbers import FLOATS
from verifier.graphs.subgradients import judge_jointly
from verifier.operation_check.answers import EVERY, FORWARD, QUICK, Asked, of_row
from verifier.operation_check.cases import Case
from verifier.operation_check.finding import Finding, seen
from verifier.operation_check.function_answers import (
    function_of,
    of_forward,
    of_functions,
    shape_of_given,
)
from verifier.operation_check.naming import of_values, of_wrong_shape
from verifier.operation_check.references import Reference, problem_of
from verifier.operation_check.ties import broken_ties
from verifier.operation_check.trying import OperationRaised, Tried, tried
from verifier.operation_check.written import WrittenOperation
from verifier.oracle_names import JUDGE
from verifier.tolerance import TOLERANCES


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """findings: all that is wrong. comparisons: by argument, and FORWARD; of what had the right shape.

    consensus: None where nothing could be compared. total: the value weighed by the gradient of the output.
    """

    case: Case
    tried: Tried
    findings: tuple[Finding, ...]
    comparisons: Mapping[str, Comparison] = field(default_factory=dict)
    consensus: Consensus | None = None
    total: float = float("nan")

    @property
    def is_decided(self) -> bool:
        """True if no entry that was compared is undecided."""
        return not any(row.undecided.any() for row in self.comparisons.values())


@np.errstate(all="ignore")  # what is not finite is judged as such
def judge(operation: WrittenOperation, reference: Reference, case: Case, *, quick: bool = False) -> Judged:
    """Use the operation once, and judge it. quick: by one oracle and without a diagnosis.

    Raises: MisfitError, GivenRaised where the reference does not take these arguments.
    """
    fit = None if reference.row is None else reference.fit(case.shapes)
    found = tried(operation, case.arguments, case.upstream, reference.data)
    if found.value is None or found.upstream is None:
        return Judged(case, found, found.findings)
    right = fit.shape if fit is not None else None
    if fit is None and not case.empty:
        right = shape_of_given(operation, reference, case.arguments)
    if right is not None and found.value.shape != right:
        return Judged(case, found, (_wrong_forward_shape(found.value, reference, right),))
    if case.empty:
        return Judged(case, found, (*found.findings, *_of_nothing(operation, reference, case, found)))
    try:
        if fit is not None:
            asked = of_row(operation, reference, fit, case.arguments, found, QUICK if quick else EVERY)
        else:
            asked = of_functions(operation, reference, case.arguments, found, quick)
        return _held_against(operation, reference, found, case, asked, quick)
    except OperationRaised as raised:  # when it was called again with the same
        return Judged(case, found, (*found.findings, raised.finding()))


def _held_against(
    operation: WrittenOperation, reference: Reference, found: Tried, case: Case, asked: Asked, quick: bool
) -> Judged:
    names = operation.arguments[: len(case.arguments)]
    assert found.value is not None
    shapes = {name: tuple(own.shape) for name, own in asked.allowance.items()}
    if shapes.get(FORWARD, found.value.shape) != found.value.shape:
        return Judged(case, found, (_wrong_forward_shape(found.value, reference, shapes[FORWARD]),))
    consensus = consult(asked.answers, shapes, judge=JUDGE)
    comparisons: dict[str, Comparison] = {}
    findings = list(found.findings)
    if FORWARD in shapes:
        comparisons[FORWARD] = _compared(found.value, FORWARD, consensus, asked)
        if comparisons[FORWARD].incorrect.any():
            findings.insert(0, _wrong_value(comparisons[FORWARD], reference))
        elif not quick:  # a right forward is one more way to its gradient
            own = of_forward(operation, case.arguments, found, reference.data)
            asked = replace(asked, answers={**asked.answers, **own})
            consensus = consult(asked.answers, shapes, judge=JUDGE)
    for name, gradient, argument in zip(names, found.gradients, case.arguments, strict=True):
        if gradient is None:
            continue
        if gradient.shape == argument.shape:
            comparisons[name] = _compared(gradient, name, consensus, asked)
        else:
            right = consensus.reference[name].value
            findings.append(of_wrong_shape(name, gradient, right, found.value.shape, operation.name))
    comparisons |= _at_kinks(operation, reference, case, found, asked, comparisons)
    wrong = {name: own for name, own in comparisons.items() if name in names and own.incorrect.any()}
    if quick:
        findings += [seen("gradient-value", name) for name in wrong]
    elif wrong:
        expected = {name: consensus.reference[name].value for name in names if name in shapes}
        findings += of_values(operation, reference, case, found, asked, wrong, expected)
    total = float(asked.values[asked.problem.output].reshape(()))
    return Judged(case, found, tuple(findings), comparisons, consensus, total)


def _compared(submitted: Array, name: str, consensus: Consensus, asked: Asked) -> Comparison:
    return compare(
        submitted,
        consensus.reference[name],
        asked.allowance[name],
        asked.scale[name],
        consensus.disputed[name],
        TOLERANCES["standard"],
    )


def _at_kinks(
    operation: WrittenOperation,
    reference: Reference,
    case: Case,
    found: Tried,
    asked: Asked,
    comparisons: Mapping[str, Comparison],
) -> dict[str, Comparison]:
    """Return the comparisons of gradients, those at kinks and ties judged together."""
    rows = {name: row for name, row in comparisons.items() if name != FORWARD}
    if not any(row.subgradient.any() for row in rows.values()):
        return rows
    if asked.of_row:
        return dict(judge_jointly(asked.problem, {}, rows).comparisons)
    places = {name: place for place, name in enumerate(operation.arguments[: len(case.arguments)])}
    at_kinks = {places[name]: row.subgradient & row.correct for name, row in rows.items()}
    gradients = {places[name]: row.submitted for name, row in rows.items()}
    assert found.upstream is not None
    function = function_of(operation, reference)
    broken = broken_ties(function, case.arguments, found.upstream, at_kinks, gradients)
    for name, place in places.items():
        entries = [entry for own, entry in broken if own == place]
        if entries:
            rows[name] = _made_incorrect(rows[name], entries)
    return rows


def _made_incorrect(row: Comparison, entries: list[int]) -> Comparison:
    out = np.isin(np.arange(row.submitted.size), entries).reshape(row.submitted.shape)
    return replace(
        row, correct=row.correct & ~out, incorrect=row.incorrect | out, to_rounding=row.to_rounding & ~out
    )


def _wrong_forward_shape(value: Array, reference: Reference, expected: tuple[int, ...]) -> Finding:
    return seen("forward-shape", FORWARD, found=value.shape, like=reference.name, expected=expected)


def _wrong_value(comparison: Comparison, reference: Reference) -> Finding:
    index = tuple(int(own) for own in np.argwhere(comparison.incorrect)[0])
    return seen(
        "forward-value",
        FORWARD,
        found=f"{comparison.submitted[index]:.10g}",
        expected=f"{comparison.expected[index]:.10g}",
        index=list(index),
        like=reference.name,
    )


def _of_nothing(operation: WrittenOperation, reference: Reference, case: Case, found: Tried) -> list[Finding]:
    """Look at shapes, and at the value, where arrays without entries are given."""
    findings = [
        seen("gradient-shape", name, found=gradient.shape, expected=argument.shape)
        for name, gradient, argument in zip(
            operation.arguments, found.gradients, case.arguments, strict=False
        )
        if gradient is not None and gradient.shape != argument.shape
    ]
    if reference.row is not None and found.value is not None and found.upstream is not None:
        fit = reference.fit(case.shapes)
        problem = problem_of(reference.row, fit, operation, case.arguments, found.upstream, reference.data)
        right = reference.row.value(FLOATS, problem.nodes[0], list(case.arguments))
        if not np.array_equal(found.value, right, equal_nan=True):
            own = {"found": "other numbers", "index": "an empty array", "like": reference.name}
            findings.append(seen("forward-value", FORWARD, expected=str(right), **own))
    return findings
