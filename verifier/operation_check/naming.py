"""Identify the known wrong rule behind a wrong gradient or a wrong gradient shape."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from reference_impl.array import Array
from verifier.comparison import Comparison
from verifier.diagnosis.finding import UNEXPLAINED_ID
from verifier.graphs.arithmetic.numbers import FLOATS
from verifier.graphs.broadcasting import summed_back
from verifier.graphs.diagnosis.diagnosing import diagnose
from verifier.graphs.diagnosis.rules import LOCAL_RULES
from verifier.graphs.shapes import Shape
from verifier.operation_check.answers import Asked, pulled_row
from verifier.operation_check.cases import Case
from verifier.operation_check.finding import Finding, seen
from verifier.operation_check.references import WEIGHTS, Reference
from verifier.operation_check.trying import Tried, tried
from verifier.operation_check.written import WrittenOperation

_RULES = {rule.id: rule for rule in LOCAL_RULES}
_CLOSE = 1e-6  # relative distance, by norm, below which a wrong rule explains a gradient


def of_wrong_shape(name: str, gradient: Array, right: Array, value_shape: Shape, operation: str) -> Finding:
    """Return the finding for a gradient whose shape differs from that of its argument."""
    not_summed = gradient.shape == value_shape and _broadcasts(right.shape, value_shape)
    if not_summed and _close(np.asarray(summed_back(FLOATS, gradient, tuple(right.shape))), right):
        rule = _RULES["broadcast-not-summed"]
        words = {"place": name, "use": operation}
        shapes = f"It has shape {gradient.shape}, where {name} has {right.shape}."
        explanation = f"{rule.explanation.format(**words)} {shapes}"
        hint = rule.hint.format(**words)
        return Finding(rule.id, "gradient-shape", name, explanation, hint, rule.right, rule.wrong)
    description = str(gradient.shape)
    if gradient.ndim > 1 and gradient.T.shape == right.shape and _close(gradient.T, right):
        description += " (it is the right one transposed)"
    return seen("gradient-shape", name, found=description, expected=right.shape)


def of_values(
    operation: WrittenOperation,
    reference: Reference,
    case: Case,
    result: Tried,
    reference_answers: Asked,
    wrong: Mapping[str, Comparison],
    expected: Mapping[str, Array],
) -> list[Finding]:
    """Return a finding for each wrong gradient, with the wrong rule that explains it if one is known."""
    independent = _independent_of_upstream(operation, reference, case, result)
    problem = (
        reference_answers.problem
        if reference_answers.of_row
        else pulled_row(operation, reference_answers, expected)
    )
    allowance = {name: reference_answers.allowance[name] for name in wrong}
    rows = {row.node: row for row in diagnose(problem, reference_answers.values, wrong, allowance)}
    findings = []
    for name, comparison in wrong.items():
        row = rows.get(name)
        if name in independent:
            findings.append(replace(seen("missing-upstream-gradient", name), kind="gradient-value"))
        elif _has_overwritten_rows(reference_answers, comparison):
            findings.append(replace(seen("repeated-rows-assigned", name), kind="gradient-value"))
        elif row is None or row.bug == UNEXPLAINED_ID:
            findings.append(seen("gradient-value", name))
        else:
            texts = _without_prefix(row.explanation), _without_prefix(row.hint), row.right, row.wrong
            findings.append(Finding(row.bug, "gradient-value", name, *texts, row.also_consistent))
    return findings


def _without_prefix(text: str) -> str:
    """Return the text with the operation's name instead of a node's name."""
    return text.replace("nodes.", "")


def _has_overwritten_rows(reference_answers: Asked, comparison: Comparison) -> bool:
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


def _independent_of_upstream(
    operation: WrittenOperation, reference: Reference, case: Case, result: Tried
) -> set[str]:
    """Return the arguments whose gradient does not change when the upstream gradient is doubled."""
    assert result.upstream is not None
    doubled = 2.0 * result.upstream
    repeated = tried(operation, case.arguments, lambda shape: doubled, reference.data)
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
