"""Judge one use of an operation: compare its value and its gradients with those of the oracles."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from reference_impl.array import Array
from verifier.engine.arithmetic import FLOATS
from verifier.engine.graph_rounding import rounding
from verifier.judging.comparison import Comparison, compare
from verifier.judging.consensus import Consensus, combine_answers
from verifier.judging.subgradients import judge_jointly
from verifier.oracles import ARBITER
from verifier.problem.graph import GraphProblem
from verifier.problem.precision import PRECISIONS
from verifier.problem.submission import TOLERANCES
from verifier.testing.operation_check.answers import (
    ALL_ORACLES,
    FORWARD,
    QUICK,
    ReferenceAnswers,
    answers_of_functions,
    answers_of_row,
    function_of,
    of_forward,
    shape_of_reference,
    with_measured_noise,
)
from verifier.testing.operation_check.differentiated import derivative_along
from verifier.testing.operation_check.explain import explain_shape, explain_values
from verifier.testing.operation_check.inputs import Case
from verifier.testing.operation_check.noise import typical_size
from verifier.testing.operation_check.operation import OperationRaised, UseResult, run_once
from verifier.testing.operation_check.references import Reference, use_node
from verifier.testing.operation_check.result import OperationFinding, make_finding
from verifier.testing.operation_check.ties import inconsistent_ties
from verifier.testing.operation_check.traced import traced_graph
from verifier.testing.operation_check.written import UserOperation

_DIRECTIONS = 4  # in which the entries outside a sample are judged together
_RESOLUTION = 2.0**-10  # of the largest entry: an error of a slope up to it decides
_ZERO_RESOLUTION = 2.0**-13  # the same, of the terms that cancel where the whole gradient is 0


@dataclass(frozen=True, slots=True, eq=False)
class JudgedUse:
    """Result of judging one use.

    findings: all errors.
    comparisons: by argument name and FORWARD, of all arrays with the right shape.
    consensus: None if nothing could be compared.
    sampled: by argument, flat indices of the entries that were differentiated; empty if all were.
    total: sum of the value times the upstream gradient.
    """

    case: Case
    tried: UseResult
    findings: tuple[OperationFinding, ...]
    comparisons: Mapping[str, Comparison] = field(default_factory=dict)
    consensus: Consensus | None = None
    total: float = float("nan")
    sampled: Mapping[str, Array] = field(default_factory=dict)

    @property
    def is_decided(self) -> bool:
        """True if no compared entry is undecided."""
        return not any(self.undecided(name).any() for name in self.comparisons)

    def undecided(self, name: str) -> Array:
        """Return the undecided entries among those that were differentiated, as a flat mask."""
        flat = self.comparisons[name].undecided.ravel()
        return flat[self.sampled[name]] if name in self.sampled else flat


@np.errstate(all="ignore")  # non-finite values are judged
def judge_use(
    operation: UserOperation, reference: Reference, case: Case, *, quick: bool = False
) -> JudgedUse:
    """Use the operation once and judge the result.

    quick: use one oracle and no diagnosis.
    Raises: MisfitError or GivenRaised if the reference does not accept the arguments.
    """
    fit = None if reference.row is None else reference.fit(case.shapes)
    result = run_once(operation, case.arguments, case.upstream, reference.data)
    if result.value is None or result.upstream is None:
        return JudgedUse(case, result, result.findings)
    expected_shape = fit.shape if fit is not None else None
    if fit is None and not case.empty:
        expected_shape = shape_of_reference(operation, reference, case.arguments)
    if expected_shape is not None and result.value.shape != expected_shape:
        return JudgedUse(case, result, (_wrong_forward_shape(result.value, reference, expected_shape),))
    if case.empty:
        return JudgedUse(
            case, result, (*result.findings, *_findings_on_empty(operation, reference, case, result))
        )
    try:
        if fit is not None:
            reference_answers = answers_of_row(
                operation, reference, fit, case.arguments, result, QUICK if quick else ALL_ORACLES
            )
        else:
            reference_answers = answers_of_functions(operation, reference, case.arguments, result, quick)
        reference_answers = with_measured_noise(
            reference_answers, operation, case.arguments, result, reference.data
        )
        return _compare_with_answers(operation, reference, result, case, reference_answers, quick)
    except OperationRaised as raised:  # raised in a repeated call with the same arguments
        return JudgedUse(case, result, (*result.findings, raised.finding()))


def _compare_with_answers(
    operation: UserOperation,
    reference: Reference,
    result: UseResult,
    case: Case,
    reference_answers: ReferenceAnswers,
    quick: bool,
) -> JudgedUse:
    names = operation.arguments[: len(case.arguments)]
    assert result.value is not None
    shapes = {name: tuple(allowance.shape) for name, allowance in reference_answers.allowance.items()}
    if shapes.get(FORWARD, result.value.shape) != result.value.shape:
        return JudgedUse(case, result, (_wrong_forward_shape(result.value, reference, shapes[FORWARD]),))
    consensus = combine_answers(reference_answers.answers, shapes, judge=ARBITER)
    comparisons: dict[str, Comparison] = {}
    findings = list(result.findings)
    if FORWARD in shapes:
        comparisons[FORWARD] = _compare(result.value, FORWARD, consensus, reference_answers)
        if comparisons[FORWARD].incorrect.any():
            findings.insert(0, _wrong_forward_value(comparisons[FORWARD], reference))
        elif not quick:  # a correct forward is another source of the gradient
            forward_answers = of_forward(operation, case.arguments, result, reference.data)
            reference_answers = replace(
                reference_answers, answers={**reference_answers.answers, **forward_answers}
            )
            consensus = combine_answers(reference_answers.answers, shapes, judge=ARBITER)
    for name, gradient, argument in zip(names, result.gradients, case.arguments, strict=True):
        if gradient is None:
            continue
        if gradient.shape == argument.shape:
            comparisons[name] = _compare(gradient, name, consensus, reference_answers)
        else:
            expected_gradient = consensus.reference[name].value
            findings.append(
                explain_shape(name, gradient, expected_gradient, result.value.shape, operation.name)
            )
    steps = None
    if not quick and any(comparisons[name].incorrect.any() for name in names if name in comparisons):
        steps = _recorded_steps(operation, reference, case, result, reference_answers)
    if steps is not None:
        reference_answers = _with_rounding_of(steps, reference_answers)
        for name in names:
            if name in comparisons:
                comparisons[name] = _compare(comparisons[name].submitted, name, consensus, reference_answers)
    comparisons |= _at_kinks(operation, reference, case, result, reference_answers, comparisons)
    of_arguments = {name: comparisons[name] for name in names if name in comparisons}
    wrong = [name for name, comparison in of_arguments.items() if comparison.incorrect.any()]
    if quick:
        findings += [make_finding("gradient-value", name) for name in wrong]
    elif wrong:
        expected = {name: consensus.reference[name].value for name in names if name in shapes}
        findings += explain_values(
            operation, reference, case, result, reference_answers, of_arguments, expected, steps
        )
    total = float(reference_answers.values[reference_answers.problem.output].reshape(()))
    findings += _wrong_along(operation, reference, case, result, reference_answers, comparisons)
    return JudgedUse(case, result, tuple(findings), comparisons, consensus, total, reference_answers.sampled)


def _recorded_steps(
    operation: UserOperation,
    reference: Reference,
    case: Case,
    result: UseResult,
    reference_answers: ReferenceAnswers,
) -> GraphProblem | None:
    """Return the graph of a function of numpy, whose steps can be recorded; else None."""
    if reference_answers.of_row or reference_answers.sampled or result.upstream is None:
        return None
    names = operation.arguments[: len(case.arguments)]
    function = operation.begin().forward if reference.in_numpy is None else reference.in_numpy
    return traced_graph(function, case.arguments, names, reference.data, result.upstream)


def _with_rounding_of(steps: GraphProblem, reference_answers: ReferenceAnswers) -> ReferenceAnswers:
    """Return the answers with the rounding errors of the steps, which show what cancels inside."""
    allowance = dict(reference_answers.allowance)
    for name, error in rounding(steps, PRECISIONS["float64"]).allowance.items():
        if name in allowance and allowance[name].shape == error.shape:
            allowance[name] = np.fmax(allowance[name], error)
    return replace(reference_answers, allowance=allowance)


def _wrong_along(
    operation: UserOperation,
    reference: Reference,
    case: Case,
    result: UseResult,
    reference_answers: ReferenceAnswers,
    comparisons: Mapping[str, Comparison],
) -> list[OperationFinding]:
    """Return findings on gradients that are wrong along random directions, where entries are a sample."""
    findings = []
    rng = np.random.default_rng(0)
    function = function_of(operation, reference)
    assert result.upstream is not None
    for place, name in enumerate(operation.arguments[: len(case.arguments)]):
        sampled = reference_answers.sampled.get(name)
        if name not in comparisons or sampled is None or sampled.size == case.arguments[place].size:
            continue
        if comparisons[name].incorrect.any():
            continue
        submitted, size = comparisons[name].submitted, typical_size(case.arguments[place])
        for _ in range(_DIRECTIONS):
            direction = size * rng.choice([-1.0, 1.0], size.shape)
            slope, error = derivative_along(function, case.arguments, place, direction, result.upstream)
            allowance = float((reference_answers.allowance[name] * size).sum())
            distance = abs(slope - float((submitted * direction).sum()))
            if distance > error + allowance + TOLERANCES["standard"].rtol * abs(slope):
                findings.append(make_finding("gradient-value", name))
                break
    return findings


def _compare(
    submitted: Array, name: str, consensus: Consensus, reference_answers: ReferenceAnswers
) -> Comparison:
    scale = reference_answers.scale[name]
    # the noise of a function without a formula is the same for all entries, small ones too
    decisive = 0.0
    if not reference_answers.of_row:
        largest = float(np.fmax.reduce(scale, axis=None, initial=0.0))
        decisive = max(_RESOLUTION * largest, _ZERO_RESOLUTION * reference_answers.terms.get(name, 0.0))
    return compare(
        submitted,
        consensus.reference[name],
        reference_answers.allowance[name],
        scale,
        consensus.disputed[name],
        TOLERANCES["standard"],
        decisive=decisive,
    )


def _at_kinks(
    operation: UserOperation,
    reference: Reference,
    case: Case,
    result: UseResult,
    reference_answers: ReferenceAnswers,
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
    broken = inconsistent_ties(function, case.arguments, result.upstream, at_kinks, gradients)
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


def _wrong_forward_shape(value: Array, reference: Reference, expected: tuple[int, ...]) -> OperationFinding:
    return make_finding("forward-shape", FORWARD, actual=value.shape, like=reference.name, expected=expected)


def _wrong_forward_value(comparison: Comparison, reference: Reference) -> OperationFinding:
    index = tuple(int(position) for position in np.argwhere(comparison.incorrect)[0])
    return make_finding(
        "forward-value",
        FORWARD,
        actual=f"{comparison.submitted[index]:.10g}",
        expected=f"{comparison.expected[index]:.10g}",
        index=list(index),
        like=reference.name,
    )


def _findings_on_empty(
    operation: UserOperation, reference: Reference, case: Case, result: UseResult
) -> list[OperationFinding]:
    """Return the findings for empty arguments: wrong shapes, or a wrong value."""
    findings = [
        make_finding("gradient-shape", name, actual=gradient.shape, expected=argument.shape)
        for name, gradient, argument in zip(
            operation.arguments, result.gradients, case.arguments, strict=False
        )
        if gradient is not None and gradient.shape != argument.shape
    ]
    if reference.row is not None and result.value is not None and result.upstream is not None:
        fit = reference.fit(case.shapes)
        node = use_node(reference.row, fit, operation, case.arguments, reference.data)
        right = reference.row.value(FLOATS, node, list(case.arguments))
        if not np.array_equal(result.value, right, equal_nan=True):
            words = {"actual": "other numbers", "index": "an empty array", "like": reference.name}
            findings.append(make_finding("forward-value", FORWARD, expected=str(right), **words))
    return findings
