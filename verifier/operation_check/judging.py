"""Judge one use of an operation: compare its value and its gradients with those of the oracles."""

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
    """Result of judging one use.

    findings: all errors.
    comparisons: by argument name and FORWARD, of all arrays with the right shape.
    consensus: None if nothing could be compared.
    total: sum of the value times the upstream gradient.
    """

    case: Case
    tried: Tried
    findings: tuple[Finding, ...]
    comparisons: Mapping[str, Comparison] = field(default_factory=dict)
    consensus: Consensus | None = None
    total: float = float("nan")

    @property
    def is_decided(self) -> bool:
        """True if no compared entry is undecided."""
        return not any(comparison.undecided.any() for comparison in self.comparisons.values())


@np.errstate(all="ignore")  # non-finite values are judged
def judge(operation: WrittenOperation, reference: Reference, case: Case, *, quick: bool = False) -> Judged:
    """Use the operation once and judge the result.

    quick: use one oracle and no diagnosis.
    Raises: MisfitError or GivenRaised if the reference does not accept the arguments.
    """
    fit = None if reference.row is None else reference.fit(case.shapes)
    result = tried(operation, case.arguments, case.upstream, reference.data)
    if result.value is None or result.upstream is None:
        return Judged(case, result, result.findings)
    expected_shape = fit.shape if fit is not None else None
    if fit is None and not case.empty:
        expected_shape = shape_of_given(operation, reference, case.arguments)
    if expected_shape is not None and result.value.shape != expected_shape:
        return Judged(case, result, (_wrong_forward_shape(result.value, reference, expected_shape),))
    if case.empty:
        return Judged(
            case, result, (*result.findings, *_findings_on_empty(operation, reference, case, result))
        )
    try:
        if fit is not None:
            reference_answers = of_row(
                operation, reference, fit, case.arguments, result, QUICK if quick else EVERY
            )
        else:
            reference_answers = of_functions(operation, reference, case.arguments, result, quick)
        return _compare_with_answers(operation, reference, result, case, reference_answers, quick)
    except OperationRaised as raised:  # raised in a repeated call with the same arguments
        return Judged(case, result, (*result.findings, raised.finding()))


def _compare_with_answers(
    operation: WrittenOperation,
    reference: Reference,
    result: Tried,
    case: Case,
    reference_answers: Asked,
    quick: bool,
) -> Judged:
    names = operation.arguments[: len(case.arguments)]
    assert result.value is not None
    shapes = {name: tuple(allowance.shape) for name, allowance in reference_answers.allowance.items()}
    if shapes.get(FORWARD, result.value.shape) != result.value.shape:
        return Judged(case, result, (_wrong_forward_shape(result.value, reference, shapes[FORWARD]),))
    consensus = consult(reference_answers.answers, shapes, judge=JUDGE)
    comparisons: dict[str, Comparison] = {}
    findings = list(result.findings)
    if FORWARD in shapes:
        comparisons[FORWARD] = _compare(result.value, FORWARD, consensus, reference_answers)
        if comparisons[FORWARD].incorrect.any():
            findings.insert(0, _wrong_forward_value(comparisons[FORWARD], reference))
        elif not quick:  # a correct forward is another source of the gradient
            answers_of_forward = of_forward(operation, case.arguments, result, reference.data)
            reference_answers = replace(
                reference_answers, answers={**reference_answers.answers, **answers_of_forward}
            )
            consensus = consult(reference_answers.answers, shapes, judge=JUDGE)
    for name, gradient, argument in zip(names, result.gradients, case.arguments, strict=True):
        if gradient is None:
            continue
        if gradient.shape == argument.shape:
            comparisons[name] = _compare(gradient, name, consensus, reference_answers)
        else:
            expected_gradient = consensus.reference[name].value
            findings.append(
                of_wrong_shape(name, gradient, expected_gradient, result.value.shape, operation.name)
            )
    comparisons |= _at_kinks(operation, reference, case, result, reference_answers, comparisons)
    wrong = {
        name: comparison
        for name, comparison in comparisons.items()
        if name in names and comparison.incorrect.any()
    }
    if quick:
        findings += [seen("gradient-value", name) for name in wrong]
    elif wrong:
        expected = {name: consensus.reference[name].value for name in names if name in shapes}
        findings += of_values(operation, reference, case, result, reference_answers, wrong, expected)
    total = float(reference_answers.values[reference_answers.problem.output].reshape(()))
    return Judged(case, result, tuple(findings), comparisons, consensus, total)


def _compare(submitted: Array, name: str, consensus: Consensus, reference_answers: Asked) -> Comparison:
    return compare(
        submitted,
        consensus.reference[name],
        reference_answers.allowance[name],
        reference_answers.scale[name],
        consensus.disputed[name],
        TOLERANCES["standard"],
    )


def _at_kinks(
    operation: WrittenOperation,
    reference: Reference,
    case: Case,
    result: Tried,
    reference_answers: Asked,
    comparisons: Mapping[str, Comparison],
) -> dict[str, Comparison]:
    """Return the comparisons of gradients, with the entries at kinks and ties judged jointly."""
    rows = {name: row for name, row in comparisons.items() if name != FORWARD}
    if not any(row.subgradient.any() for row in rows.values()):
        return rows
    if reference_answers.of_row:
        return dict(judge_jointly(reference_answers.problem, {}, rows).comparisons)
    places = {name: place for place, name in enumerate(operation.arguments[: len(case.arguments)])}
    at_kinks = {places[name]: row.subgradient & row.correct for name, row in rows.items()}
    gradients = {places[name]: row.submitted for name, row in rows.items()}
    assert result.upstream is not None
    function = function_of(operation, reference)
    broken = broken_ties(function, case.arguments, result.upstream, at_kinks, gradients)
    for name, place in places.items():
        entries = [entry for broken_place, entry in broken if broken_place == place]
        if entries:
            rows[name] = _with_incorrect(rows[name], entries)
    return rows


def _with_incorrect(row: Comparison, entries: list[int]) -> Comparison:
    """Return the comparison with these entries marked as incorrect."""
    wrong = np.isin(np.arange(row.submitted.size), entries).reshape(row.submitted.shape)
    return replace(
        row,
        correct=row.correct & ~wrong,
        incorrect=row.incorrect | wrong,
        to_rounding=row.to_rounding & ~wrong,
    )


def _wrong_forward_shape(value: Array, reference: Reference, expected: tuple[int, ...]) -> Finding:
    return seen("forward-shape", FORWARD, found=value.shape, like=reference.name, expected=expected)


def _wrong_forward_value(comparison: Comparison, reference: Reference) -> Finding:
    index = tuple(int(position) for position in np.argwhere(comparison.incorrect)[0])
    return seen(
        "forward-value",
        FORWARD,
        found=f"{comparison.submitted[index]:.10g}",
        expected=f"{comparison.expected[index]:.10g}",
        index=list(index),
        like=reference.name,
    )


def _findings_on_empty(
    operation: WrittenOperation, reference: Reference, case: Case, result: Tried
) -> list[Finding]:
    """Return the findings for empty arguments: wrong shapes, or a wrong value."""
    findings = [
        seen("gradient-shape", name, found=gradient.shape, expected=argument.shape)
        for name, gradient, argument in zip(
            operation.arguments, result.gradients, case.arguments, strict=False
        )
        if gradient is not None and gradient.shape != argument.shape
    ]
    if reference.row is not None and result.value is not None and result.upstream is not None:
        fit = reference.fit(case.shapes)
        problem = problem_of(reference.row, fit, operation, case.arguments, result.upstream, reference.data)
        right = reference.row.value(FLOATS, problem.nodes[0], list(case.arguments))
        if not np.array_equal(result.value, right, equal_nan=True):
            words = {"found": "other numbers", "index": "an empty array", "like": reference.name}
            findings.append(seen("forward-value", FORWARD, expected=str(right), **words))
    return findings
