"""Which known wrong rule gives a wrong gradient its numbers, or its shape."""

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
_CLOSE = 1e-6  # relative, by norm: as near as a wrong rule must come


def of_wrong_shape(name: str, gradient: Array, right: Array, value_shape: Shape, operation: str) -> Finding:
    """Say what became of a gradient of another shape than its argument's."""
    copied = gradient.shape == value_shape and _broadcasts(right.shape, value_shape)
    if copied and _close(np.asarray(summed_back(FLOATS, gradient, tuple(right.shape))), right):
        rule = _RULES["broadcast-not-summed"]
        words = {"place": name, "use": operation}
        shapes = f"It has shape {gradient.shape}, where {name} has {right.shape}."
        explanation = f"{rule.explanation.format(**words)} {shapes}"
        hint = rule.hint.format(**words)
        return Finding(rule.id, "gradient-shape", name, explanation, hint, rule.right, rule.wrong)
    found = str(gradient.shape)
    if gradient.ndim > 1 and gradient.T.shape == right.shape and _close(gradient.T, right):
        found += " (it is the right one transposed)"
    return seen("gradient-shape", name, found=found, expected=right.shape)


def of_values(
    operation: WrittenOperation,
    reference: Reference,
    case: Case,
    found: Tried,
    asked: Asked,
    wrong: Mapping[str, Comparison],
    expected: Mapping[str, Array],
) -> list[Finding]:
    """Name the rule behind each wrong gradient."""
    deaf = _deaf(operation, reference, case, found)
    problem = asked.problem if asked.of_row else pulled_row(operation, asked, expected)
    allowance = {name: asked.allowance[name] for name in wrong}
    rows = {row.node: row for row in diagnose(problem, asked.values, wrong, allowance)}
    findings = []
    for name, comparison in wrong.items():
        row = rows.get(name)
        if name in deaf:
            findings.append(replace(seen("missing-upstream-gradient", name), kind="gradient-value"))
        elif _overwritten(asked, comparison):
            findings.append(replace(seen("repeated-rows-assigned", name), kind="gradient-value"))
        elif row is None or row.bug == UNEXPLAINED_ID:
            findings.append(seen("gradient-value", name))
        else:
            own = _plain(row.explanation), _plain(row.hint), row.right, row.wrong
            findings.append(Finding(row.bug, "gradient-value", name, *own, row.also_consistent))
    return findings


def _plain(text: str) -> str:
    """Call the operation by its own name, not as a node."""
    return text.replace("nodes.", "")


def _overwritten(asked: Asked, comparison: Comparison) -> bool:
    """Whether a row that is looked up several times has one of its gradients in place of their sum."""
    node = asked.problem.nodes[0]
    if node.operation.name != "embedding":
        return False
    places = node.data[1].astype(np.intp)
    upstream = asked.values[WEIGHTS]
    for order in (slice(None), slice(None, None, -1)):
        found = np.zeros(comparison.submitted.shape)
        found[places.ravel()[order]] = upstream.reshape(places.size, -1)[order]
        if _close(comparison.submitted, found):
            return True
    return False


def _deaf(operation: WrittenOperation, reference: Reference, case: Case, found: Tried) -> set[str]:
    """Give the arguments whose gradient stays what it was when the gradient of the output is doubled."""
    assert found.upstream is not None
    doubled = 2.0 * found.upstream
    again = tried(operation, case.arguments, lambda shape: doubled, reference.data)
    pairs = zip(operation.arguments, found.gradients, again.gradients, strict=False)
    return {
        name
        for name, one, other in pairs
        if one is not None and other is not None and one.any() and np.array_equal(one, other)
    }


def _broadcasts(shape: Shape, to: Shape) -> bool:
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False


def _close(one: Array, other: Array) -> bool:
    distance = float(np.linalg.norm(np.ravel(one - other)))
    return distance <= _CLOSE * float(np.linalg.norm(np.ravel(other)))
