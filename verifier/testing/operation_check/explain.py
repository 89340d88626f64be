"""Explain the wrong gradients of one use of an operation by the wrong rules that give their numbers."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.catalogue import LOCAL_RULES
from verifier.diagnosis.catalogue.rules.numbers import least_squares_factor
from verifier.diagnosis.local_search import diagnose
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import summed_back
from verifier.judging.comparison import Comparison
from verifier.problem.graph import GraphProblem, Shape
from verifier.report.model import UNEXPLAINED_ID
from verifier.testing.operation_check.answers import ReferenceAnswers, function_of, graph_with_known_vjp
from verifier.testing.operation_check.differentiated import derivative_along
from verifier.testing.operation_check.inputs import Case
from verifier.testing.operation_check.operation import UseResult, run_once
from verifier.testing.operation_check.references import WEIGHTS, Reference
from verifier.testing.operation_check.result import OperationFinding, make_finding
from verifier.testing.operation_check.traced_rules import step_mistakes
from verifier.testing.operation_check.written import UserOperation

_NOT_SUMMED, _TRANSPOSED = "bias-not-summed", "transposed-gradient"
_TRANSPOSED_TEXT = "The gradient of {place} holds the right numbers in the wrong places: it is transposed."
_TRANSPOSED_HINT = "Which index of the gradient of {place} belongs to which index of {place}?"
_MOST_ROWS = 16  # of a Jacobian that is compared with its transpose
_OF_COUNTS = ("batch-sum-for-mean", "batch-mean-for-sum", "bias-mean-for-sum")  # more than a factor
_LEAST_NUMBERS = 2  # that a constant factor must explain
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
    comparisons: Mapping[str, Comparison],
    expected: Mapping[str, Array],
    steps: GraphProblem | None,
) -> list[OperationFinding]:
    """Return a finding for each wrong gradient, with the wrong rule that explains it if one is known.

    comparisons: of all gradients, by argument. expected: the right gradients. steps: the graph of a function
    whose operations are recorded.
    """
    wrong = {name: comparison for name, comparison in comparisons.items() if comparison.incorrect.any()}
    independent = _independent_of_upstream(operation, reference, case, result)
    problem = (
        reference_answers.problem
        if reference_answers.of_row
        else graph_with_known_vjp(operation, reference_answers, expected)
    )
    allowance = {name: reference_answers.allowance[name] for name in wrong}
    rows = {row.node: row for row in diagnose(problem, reference_answers.values, wrong, allowance)}
    mistakes = {} if steps is None else step_mistakes(steps, comparisons, reference_answers.allowance)
    findings = []
    for name, comparison in wrong.items():
        row, mistake = rows.get(name), mistakes.get(name)
        possible = () if mistake is None else (mistake.bug, *mistake.others)
        factor = _constant_factor(comparison)
        argument = case.arguments[operation.arguments.index(name)]
        if name in independent:
            finding = make_finding("missing-upstream-gradient", name)
        elif _has_overwritten_rows(reference_answers, comparison):
            finding = make_finding("repeated-rows-assigned", name)
        elif row is not None and row.bug != UNEXPLAINED_ID:
            texts = _without_prefix(row.explanation), _without_prefix(row.hint), row.right, row.wrong
            finding = OperationFinding(row.bug, "gradient-value", name, *texts, row.also_consistent)
        elif mistake is not None and mistake.beyond_chance and (factor is None or mistake.bug in _OF_COUNTS):
            texts = mistake.explanation, mistake.hint, mistake.right, mistake.wrong
            others = mistake.others if factor is None else (*mistake.others, "constant-factor")
            finding = OperationFinding(mistake.bug, "gradient-value", name, *texts, others)
        elif _is_of_one_copy(result, argument, comparison):
            others = () if factor is None else ("constant-factor",)  # the mean is a constant times the sum
            finding = replace(make_finding("copies-not-summed", name), equivalent_bugs=others)
        elif factor is not None:
            finding = replace(
                make_finding("constant-factor", name, factor=f"{factor:.6g}"),
                wrong=f"{factor:.6g} · right",
                equivalent_bugs=possible,
            )
        elif _is_transposed(operation, reference, case, result, name, comparison):
            explanation, hint = (text.format(place=name) for text in (_TRANSPOSED_TEXT, _TRANSPOSED_HINT))
            finding = OperationFinding(_TRANSPOSED, "gradient-value", name, explanation, hint)
        else:
            # a rule that other inputs have to confirm
            finding = replace(make_finding("gradient-value", name), equivalent_bugs=possible)
        findings.append(replace(finding, kind="gradient-value"))
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


def _constant_factor(comparison: Comparison) -> float | None:
    """Return the factor between the submitted and the right gradient; None if there is none."""
    known = np.isfinite(comparison.expected) & np.isfinite(comparison.uncertainty)
    right, submitted = comparison.expected[known], comparison.submitted[known]
    if np.count_nonzero(right) < _LEAST_NUMBERS or not np.isfinite(submitted).all():
        return None
    factor = least_squares_factor(submitted, right)
    return factor if factor != 0.0 and _close(submitted, factor * right) else None


def _is_transposed(
    operation: UserOperation,
    reference: Reference,
    case: Case,
    result: UseResult,
    name: str,
    comparison: Comparison,
) -> bool:
    """True if a gradient is the right one transposed, or is that of the transposed Jacobian of a vector."""
    submitted, expected, upstream = comparison.submitted, comparison.expected, result.upstream
    if submitted.ndim == 2 and submitted.shape[0] == submitted.shape[1] > 1:
        return _close(submitted, expected.T)
    if upstream is None or submitted.ndim != 1 or submitted.shape != upstream.shape:
        return False
    if not 1 < submitted.size <= _MOST_ROWS:
        return False
    function, place = function_of(operation, reference), operation.arguments.index(name)
    rows = [
        derivative_along(function, case.arguments, place, upstream, row)[0] for row in np.eye(submitted.size)
    ]
    return _close(submitted, np.array(rows))


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
