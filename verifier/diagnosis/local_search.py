"""Find the wrong local rules of a submission: compare each wrong gradient with those of its users."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.backward_sweep import Edges, backward_sweep
from verifier.diagnosis.catalogue import BUGS, LOCAL_RULES, UNEXPLAINED_IN_GRAPH
from verifier.diagnosis.catalogue.bug import LOCAL_RULE
from verifier.judging.comparison import Comparison
from verifier.problem.graph import NODE, GraphProblem, node_name
from verifier.report.model import UNEXPLAINED_ID, Diagnosis

MOST_GROWN = 1e3  # largest factor of the tolerance where submitted gradients exceed the right ones
_FOLLOWS_NOT = "The error starts at {place}: it does not follow from the gradients of the nodes that use it."
CLOSE = 1e-6  # largest relative residual of a rule, by norm, beyond rounding


@np.errstate(all="ignore")  # a candidate that overflows matches no rule
def diagnose(
    problem: GraphProblem,
    values: Mapping[str, Array],
    comparisons: Mapping[str, Comparison],
    allowance: Mapping[str, Array],
) -> tuple[Diagnosis, ...]:
    """Return a diagnosis for every wrong gradient that does not follow from those of its users.

    values: of all nodes. comparisons, allowance: by submitted gradient.
    """
    keys = {node_name(key): key for key in comparisons}
    diagnoses: list[Diagnosis] = []

    def submitted_gradient(name: str, arcs: Edges) -> Array | None:
        key = keys.get(name)
        if key is None:
            return None
        submitted = comparisons[key].submitted
        return submitted if np.isfinite(submitted).all() else comparisons[key].expected

    for name, arcs, _ in backward_sweep(problem, values, submitted_gradient):
        key = keys.get(name)
        if key is None or not comparisons[key].incorrect.any():
            continue
        if arcs and _follows(comparisons[key], arcs):
            continue  # the error is inherited
        rounding = rounding_norm(allowance[key])
        diagnoses.append(_explained(key, comparisons[key].submitted, arcs, rounding, keys))
    return tuple(_merged(diagnoses))


def _merged(rows: Iterable[Diagnosis]) -> Iterable[Diagnosis]:
    """Return the rows with one for each bug of the whole graph, which shows at many places."""
    results: dict[str, Diagnosis] = {}
    for row in rows:
        of_graph = row.bug != UNEXPLAINED_ID and BUGS[row.bug].in_whole_network
        key = row.bug if of_graph else str(row.node)
        first = results.setdefault(key, row)
        if first is not row:
            results[key] = replace(
                first,
                parameters=(*first.parameters, *row.parameters),
                residual=max(first.residual or 0.0, row.residual or 0.0),
                also_consistent=tuple(bug for bug in first.also_consistent if bug in row.also_consistent),
            )
    return results.values()


def _follows(comparison: Comparison, arcs: Edges) -> bool:
    """True if a gradient is the sum of its edges' shares within its tolerance, entry by entry.

    The tolerance grows where wrong shares are larger than the right gradient, as rounding does.
    """
    total = np.asarray(sum(arc.share for arc in arcs))
    size = np.asarray(sum(np.abs(arc.share) for arc in arcs))
    largest = float(np.max(np.abs(comparison.expected), initial=0.0))
    growth = float(np.clip(np.max(size, initial=0.0) / largest, 1.0, MOST_GROWN)) if largest else 1.0
    error = np.abs(comparison.submitted - total)
    return bool((error <= growth * comparison.tolerance + CLOSE * size).all())


def _explained(key: str, submitted: Array, arcs: Edges, rounding: float, names: Container[str]) -> Diagnosis:
    """Return the diagnosis of one gradient: the first rule that matches, with the others as alternatives.

    names: of the values whose gradients were submitted.
    """
    matches: dict[str, tuple[str, float]] = {}
    for bug, rule in LOCAL_RULES.items():
        for use, candidate in rule.candidates(arcs):
            if BUGS[bug].in_whole_network and use not in names:
                continue  # nobody knows whether the gradient that is handed on is right
            residual = relative_residual(submitted, candidate, rounding)
            if residual <= CLOSE and bug not in matches:
                matches[bug] = (use, residual)
    if not matches:
        users_submitted = all(arc.node.name in names for arc in arcs)
        explanation = _FOLLOWS_NOT if users_submitted else UNEXPLAINED_IN_GRAPH.explanation
        hint = UNEXPLAINED_IN_GRAPH.hint.format(place=key)
        return unexplained(key, (key,), explanation.format(place=key), hint)
    bug, *others = matches
    use, residual = matches[bug]
    return named_by_rule(bug, key, use, (key,), residual, others)


def named_by_rule(
    bug: str, place: str, use: str, parameters: Sequence[str], residual: float, others: Sequence[str]
) -> Diagnosis:
    """Return the diagnosis of a wrong local rule.

    place: the gradient that is wrong. use: the node that contributes wrongly. parameters: the wrong gradients
    that the rule explains. others: ids of rules that give the same numbers.
    """
    rule = LOCAL_RULES[bug]
    filled = {"place": place, "use": NODE + use}
    return Diagnosis(
        bug=bug,
        layer=None,
        equation=LOCAL_RULE,
        parameters=tuple(parameters),
        factor=None,
        residual=residual,
        also_consistent=tuple(others),
        title=rule.title,
        explanation=rule.explanation.format(**filled),
        right=rule.right,
        wrong=rule.wrong,
        hint=rule.hint.format(**filled),
        node=place,
        for_students=rule.explanation.format(**filled),
    )


def unexplained(
    place: str, parameters: Sequence[str], explanation: str, hint: str, nodes: Sequence[str] = ()
) -> Diagnosis:
    """Return the diagnosis of wrong gradients that no rule explains. nodes: where the error may be."""
    return Diagnosis(
        bug=UNEXPLAINED_ID,
        layer=None,
        equation=LOCAL_RULE,
        parameters=tuple(parameters),
        factor=None,
        residual=1.0,
        also_consistent=(),
        title=UNEXPLAINED_IN_GRAPH.title,
        explanation=explanation,
        right="",
        wrong="",
        hint=hint,
        estimates={"nodes": list(nodes)} if nodes else {},
        node=place,
    )


def rounding_norm(allowance: Array) -> float:
    """Return the norm of the rounding errors of all entries."""
    return float(np.linalg.norm(np.ravel(allowance)))


def relative_residual(submitted: Array, candidate: Array, rounding: float) -> float:
    """Return the relative residual norm of a candidate beyond rounding; 2 if it is not finite."""
    with np.errstate(all="ignore"):
        size = float(np.linalg.norm(np.ravel(submitted)))
        distance = float(np.linalg.norm(np.ravel(submitted - candidate)))
    if not np.isfinite(distance) or not np.isfinite(size):
        return 2.0
    distance = max(0.0, distance - rounding)
    return distance / size if size else float(distance > 0)
