"""Judge one use of an operation: compare its value and its gradients with those of the oracles."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.catalogue import LOCAL_RULES
from verifier.diagnosis.local_search import diagnose
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import summed_back
from verifier.judging.comparison import Comparison, compare
from verifier.judging.consensus import Consensus, combine_answers
from verifier.judging.subgradients import judge_jointly
from verifier.oracles import ARBITER
from verifier.problem.graph import Shape
from verifier.problem.submission import TOLERANCES
from verifier.report.model import UNEXPLAINED_ID
from verifier.testing.operation_check.answers import (
    ALL_ORACLES,
    FORWARD,
    QUICK,
    ReferenceAnswers,
    answers_of_functions,
    answers_of_row,
    function_of,
    graph_with_known_vjp,
    of_forward,
    shape_of_reference,
)
from verifier.testing.operation_check.inputs import Case
from verifier.testing.operation_check.operation import OperationRaised, UseResult, run_once
from verifier.testing.operation_check.references import WEIGHTS, Reference, use_node
from verifier.testing.operation_check.result import OperationFinding, make_finding
from verifier.testing.operation_check.written import UserOperation

_NOT_SUMMED = "bias-not-summed"
_MOST_COPIES = 1000  # numbers of a value that are compared with every entry of the argument
_CLOSE = 1e-6  # relative distance, by norm, below which a wrong rule explains a gradient


def explain_shape(
    name: str, gradient: Array, right: Array, value_shape: Shape, operation: str
) -> OperationFinding:
    """Return the finding for a gradient whose shape differs from that of its argument."""
    not_summed = gradient.shape == value_shape and _broadcasts(right.shape, value_shape)
    if not_summed and _close(np.asarray(summed_back(FLOATS, gradient, tuple(right.shape))), right):
        rule = LOCAL_RULES[_NOT_SUMMED]
        words = {"place": name, "use": operation}
        shapes = f"It has shape {gradient.shape}, where {name} has {right.shape}."
        explanation = f"{rule.explanation.format(**words)} {shapes}"
        hint = rule.hint.format(**words)
        return OperationFinding(
            _NOT_SUMMED, "gradient-shape", name, explanation, hint, rule.right, rule.wrong
        )
    description = str(gradient.shape)
    if gradient.ndim > 1 and gradient.T.shape == right.shape and _close(gradient.T, right):
        description += " (it is the right one transposed)"
    return make_finding("gradient-shape", name, actual=description, expected=right.shape)


def explain_values(
    operation: UserOperation,
    reference: Reference,
    case: Case,
    result: UseResult,
    reference_answers: ReferenceAnswers,
    wrong: Mapping[str, Comparison],
    expected: Mapping[str, Array],
) -> list[OperationFinding]:
    """Return a finding for each wrong gradient, with the wrong rule that explains it if one is known."""
    independent = _independent_of_upstream(operation, reference, case, result)
    problem = (
        reference_answers.problem
        if reference_answers.of_row
        else graph_with_known_vjp(operation, reference_answers, expected)
    )
    allowance = {name: reference_answers.allowance[name] for name in wrong}
    rows = {row.node: row for row in diagnose(problem, reference_answers.values, wrong, allowance)}
    findings = []
    for name, comparison in wrong.items():
        row = rows.get(name)
        if name in independent:
            findings.append(replace(make_finding("missing-upstream-gradient", name), kind="gradient-value"))
        elif _has_overwritten_rows(reference_answers, comparison):
            findings.append(replace(make_finding("repeated-rows-assigned", name), kind="gradient-value"))
        elif row is None or row.bug == UNEXPLAINED_ID:
            argument = case.arguments[operation.arguments.index(name)]
            code = "copies-not-summed" if _is_of_one_copy(result, argument, comparison) else "gradient-value"
            findings.append(replace(make_finding(code, name), kind="gradient-value"))
        else:
            texts = _without_prefix(row.explanation), _without_prefix(row.hint), row.right, row.wrong
            findings.append(OperationFinding(row.bug, "gradient-value", name, *texts, row.also_consistent))
    return findings


def _without_prefix(text: str) -> str:
    """Return the text with the operation's name instead of a node's name."""
    return text.replace("nodes.", "")


def _has_overwritten_rows(reference_answers: ReferenceAnswers, comparison: Comparison) -> bool:
    """True if repeated rows of an embedding have the gradient of one lookup instead of the sum of all."""
    node = reference_answers.problem.nodes[0]
    if node.operation.name != "embedding":
        return False
    rows = node.data[1].astype(np.intp)
    upstream = reference_answers.values[WEIGHTS]
    for order in (slice(None), slice(None, None, -1)):
        assigned = np.zeros(comparison.submitted.shape)
        assigned[rows.ravel()[order]] = upstream.reshape(rows.size, -1)[order]
        if _close(comparison.submitted, assigned):
            return True
    return False


def _is_of_one_copy(result: UseResult, argument: Array, comparison: Comparison) -> bool:
    """True if the value repeats the argument, and each gradient is that of one copy, or the copies' mean."""
    value, upstream, submitted = result.value, result.upstream, comparison.submitted
    if value is None or upstream is None or not argument.size or value.size > _MOST_COPIES:
        return False
    count, rest = divmod(value.size, argument.size)
    is_copy = value.ravel()[None, :] == argument.ravel()[:, None]
    if count < 2 or rest or not is_copy.any(axis=0).all():
        return False
    if _close(count * submitted, comparison.expected):
        return True
    is_one = np.isclose(upstream.ravel()[None, :], submitted.ravel()[:, None], rtol=_CLOSE, atol=0.0)
    return bool((is_one & is_copy).any(axis=1).all())


def _independent_of_upstream(
    operation: UserOperation, reference: Reference, case: Case, result: UseResult
) -> set[str]:
    """Return the arguments whose gradient does not change when the upstream gradient is doubled."""
    assert result.upstream is not None
    doubled = 2.0 * result.upstream
    repeated = run_once(operation, case.arguments, lambda shape: doubled, reference.data)
    pairs = zip(operation.arguments, result.gradients, repeated.gradients, strict=False)
    return {
        name
        for name, before, after in pairs
        if before is not None and after is not None and before.any() and np.array_equal(before, after)
    }


def _broadcasts(shape: Shape, to: Shape) -> bool:
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False


def _close(one: Array, other: Array) -> bool:
    distance = float(np.linalg.norm(np.ravel(one - other)))
    return distance <= _CLOSE * float(np.linalg.norm(np.ravel(other)))


_STEP = 2.0**-17
_RELATIVE_TOLERANCE = 1e-3  # of one-sided slopes at a smooth point, and of sums of gradients
_MOST = 16  # bound on the entries at kinks, because every pair of them is moved

EntryIndex = tuple[int, int]  # index of the argument, and flat index of the entry


def inconsistent_ties(
    function: Callable[..., Any],
    arguments: Sequence[Array],
    upstream: Array,
    at_kinks: Mapping[int, Array],
    gradients: Mapping[int, Array],
) -> list[EntryIndex]:
    """Return the tied entries whose submitted gradients do not sum to the slope of the joint movement.

    at_kinks: boolean arrays by argument; true for entries at kinks.
    gradients: submitted gradients by argument.
    """
    kinked = [
        (place, int(entry)) for place, mask in at_kinks.items() for entry in np.flatnonzero(mask.ravel())
    ]
    if not 2 <= len(kinked) <= _MOST:
        return []

    def moved(entries: Sequence[EntryIndex], step: float) -> float | None:
        shifted = [array.astype(np.float64) for array in arguments]
        for place, entry in entries:
            shifted[place].flat[entry] += step
        try:
            with np.errstate(all="ignore"):
                value = np.asarray(function(*shifted), dtype=np.float64)
        except Exception:  # the user's function may reject the moved arguments
            return None
        return float(np.vdot(value, upstream)) if value.shape == upstream.shape else None

    middle = moved([], 0.0)
    if middle is None:
        return []
    broken: list[EntryIndex] = []
    for group in _tied_groups(kinked, moved, middle):
        above, below = moved(group, _STEP), moved(group, -_STEP)
        if above is None or below is None:
            continue
        right, left = (above - middle) / _STEP, (middle - below) / _STEP
        submitted = [float(gradients[place].flat[entry]) for place, entry in group]
        size = max(abs(right), abs(left), sum(map(abs, submitted)))
        if abs(right - left) > _RELATIVE_TOLERANCE * size:
            continue
        if abs(sum(submitted) - 0.5 * (right + left)) > _RELATIVE_TOLERANCE * size:
            broken += group
    return broken


def _tied_groups(
    kinked: Sequence[EntryIndex], moved: Callable[[Sequence[EntryIndex], float], float | None], middle: float
) -> list[list[EntryIndex]]:
    """Return the groups of entries that are tied with each other, directly or through other entries."""
    single = {place: moved([place], _STEP) for place in kinked}
    groups = {place: {place} for place in kinked}
    for index, one in enumerate(kinked):
        for other in kinked[index + 1 :]:
            both, first, second = moved([one, other], _STEP), single[one], single[other]
            if both is None or first is None or second is None:
                continue
            size = abs(first - middle) + abs(second - middle) + abs(both - middle)
            if abs(both - first - second + middle) > _RELATIVE_TOLERANCE * size + 2.0**-46 * abs(middle):
                joined = groups[one] | groups[other]
                for place in joined:
                    groups[place] = joined
    distinct = {id(group): sorted(group) for group in groups.values() if len(group) > 1}
    return list(distinct.values())


@dataclass(frozen=True, slots=True, eq=False)
class JudgedUse:
    """Result of judging one use.

    findings: all errors.
    comparisons: by argument name and FORWARD, of all arrays with the right shape.
    consensus: None if nothing could be compared.
    total: sum of the value times the upstream gradient.
    """

    case: Case
    tried: UseResult
    findings: tuple[OperationFinding, ...]
    comparisons: Mapping[str, Comparison] = field(default_factory=dict)
    consensus: Consensus | None = None
    total: float = float("nan")

    @property
    def is_decided(self) -> bool:
        """True if no compared entry is undecided."""
        return not any(comparison.undecided.any() for comparison in self.comparisons.values())


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
    comparisons |= _at_kinks(operation, reference, case, result, reference_answers, comparisons)
    wrong = {
        name: comparison
        for name, comparison in comparisons.items()
        if name in names and comparison.incorrect.any()
    }
    if quick:
        findings += [make_finding("gradient-value", name) for name in wrong]
    elif wrong:
        expected = {name: consensus.reference[name].value for name in names if name in shapes}
        findings += explain_values(operation, reference, case, result, reference_answers, wrong, expected)
    total = float(reference_answers.values[reference_answers.problem.output].reshape(()))
    return JudgedUse(case, result, tuple(findings), comparisons, consensus, total)


def _compare(
    submitted: Array, name: str, consensus: Consensus, reference_answers: ReferenceAnswers
) -> Comparison:
    return compare(
        submitted,
        consensus.reference[name],
        reference_answers.allowance[name],
        reference_answers.scale[name],
        consensus.disputed[name],
        TOLERANCES["standard"],
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
