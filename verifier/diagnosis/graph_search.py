"""Find the bugs of a graph's submission, also if only the gradients of parameters were submitted.

First the local rules are tried at every wrong gradient (`local_search.py`). Wrong gradients that stay
unexplained, and whose users' gradients were not submitted, may inherit one error from a node in between. So
every rule is tried at every node, and the numbers that it would give are compared with all submitted ones.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.backward_sweep import unsorted_gradients
from verifier.diagnosis.catalogue import BUGS, LOCAL_RULES
from verifier.diagnosis.catalogue.rules.numbers import least_squares_factor
from verifier.diagnosis.graph_mutants import graph_mutants
from verifier.diagnosis.local_search import (
    CLOSE,
    diagnose,
    named_by_rule,
    relative_residual,
    rounding_norm,
    unexplained,
)
from verifier.judging.comparison import Comparison
from verifier.problem.graph import NODE, GraphProblem, gradient_name, node_name
from verifier.report.model import UNEXPLAINED_ID, Diagnosis

ENOUGH = 3  # entries that one number, a factor, must explain
SAME_FACTOR = 1e-9  # largest relative difference between factors that count as equal
MOST_SHOWN = 8  # nodes in a text
_FACTORS = {"sign-flipped": (-1.0,), "factor-two": (2.0, 0.5)}
_BETWEEN = (
    "The gradients of {wrong} are wrong, and all of them come back through {nodes}. The submitted gradients "
    "that do not come back through there are right. So the error is in the backward step of one of these "
    "nodes, or of several."
)
UNSORTED = "no-topological-order"
_SEARCH = (
    "All submitted gradients follow if the backward steps run in the order of {search}. A node "
    "then hands on its gradient before all nodes that use it have added to it."
)
_SEARCH_HINT = (
    "In which order do your backward steps run, and has everything that uses a value run before it?"
)
_BETWEEN_HINT = "Which of the nodes {nodes} is the first whose gradient you compute in a wrong way?"


@np.errstate(all="ignore")  # a candidate that overflows matches no rule
def diagnose_graph(
    problem: GraphProblem,
    values: Mapping[str, Array],
    comparisons: Mapping[str, Comparison],
    allowance: Mapping[str, Array],
) -> tuple[Diagnosis, ...]:
    """Return the bugs behind the wrong gradients: one for all, or one for each place where an error starts.

    values: of all nodes. comparisons, allowance: by submitted gradient.
    """
    whole = _whole_factor(comparisons, allowance, _batch_sizes(problem))
    if whole is not None:
        return (whole,)
    rows = diagnose(problem, values, comparisons, allowance)
    # an order that shows in one gradient is named there
    if len(rows) > 1 or any(
        row.bug == UNEXPLAINED_ID or (row.bug == UNSORTED and len(row.parameters) > 1) for row in rows
    ):
        unsorted = _unsorted(problem, values, comparisons, allowance)
        if unsorted is not None:
            return (unsorted,)
    submitted = {node_name(key) for key in comparisons}
    # these may inherit an error from a node whose gradient was not submitted
    inheriting = tuple(
        row for row in rows if row.node is not None and not _users(problem, row.node) <= submitted
    )
    without_rule = tuple(row for row in inheriting if row.bug == UNEXPLAINED_ID)
    if not without_rule and len(inheriting) < 2:
        return rows
    common = _mutant(problem, _without(comparisons, rows, inheriting), allowance, inheriting)
    if common is not None:
        return (*(row for row in rows if row not in inheriting), common)
    between = _stretch(problem, _without(comparisons, rows, without_rule), without_rule)
    return rows if between is None else (*(row for row in rows if row not in without_rule), between)


def _without(
    comparisons: Mapping[str, Comparison], rows: Iterable[Diagnosis], kept: Collection[Diagnosis]
) -> dict[str, Comparison]:
    """Return the comparisons without those that rows other than `kept` explain."""
    explained = {key for row in rows if row not in kept for key in row.parameters}
    return {key: comparison for key, comparison in comparisons.items() if key not in explained}


def _users(problem: GraphProblem, key: str) -> set[str]:
    name = node_name(key)
    return {node.name for node in problem.nodes if name in node.operands}


def _batch_sizes(problem: GraphProblem) -> set[int]:
    """Return the numbers of examples in the losses of the graph, without 1."""
    rows = {node.options["rows"][0] for node in problem.nodes if "rows" in node.options}
    return {int(size) for size in rows if size > 1}


def _whole_factor(
    comparisons: Mapping[str, Comparison], allowance: Mapping[str, Array], batch_sizes: Iterable[int]
) -> Diagnosis | None:
    """Return the finding that all gradients are one constant times the right ones; None if they are not."""
    right = np.concatenate([np.ravel(row.expected) for row in comparisons.values()])
    submitted = np.concatenate([np.ravel(row.submitted) for row in comparisons.values()])
    informative = [key for key, row in comparisons.items() if row.expected.any()]
    if len(informative) < 2 or np.count_nonzero(right) < ENOUGH or not np.isfinite(submitted).all():
        return None
    factor = least_squares_factor(submitted, right)
    if not np.isfinite(factor) or factor == 0 or abs(factor - 1.0) <= SAME_FACTOR:
        return None
    residuals = [
        relative_residual(
            comparisons[key].submitted, factor * comparisons[key].expected, rounding_norm(allowance[key])
        )
        for key in comparisons
    ]
    if max(residuals) > CLOSE:
        return None
    factors = {
        **_FACTORS,
        "batch-sum-for-mean": tuple(map(float, batch_sizes)),
        "batch-mean-for-sum": tuple(1.0 / size for size in batch_sizes),
    }
    bug, *others = [
        bug for bug, known in factors.items() if any(abs(factor - one) <= CLOSE * abs(one) for one in known)
    ] or ["constant-factor"]
    words, names = BUGS[bug].words, tuple(comparisons)
    examples = round(max(abs(factor), 1.0 / abs(factor)))
    filled = {"place": "everything", "factor": f"{factor:.6g}", "examples": examples}
    return Diagnosis(
        bug=bug,
        layer=None,
        equation=BUGS[bug].equation,
        parameters=names,
        factor=factor,
        residual=max(residuals),
        also_consistent=tuple(others),
        title=words.title,
        explanation=words.explanation.format(**filled),
        right=words.right,
        wrong=words.wrong,
        hint=words.hint.format(**filled),
        for_students=(words.for_students or words.explanation).format(**filled),
    )


def _unsorted(
    problem: GraphProblem,
    values: Mapping[str, Array],
    comparisons: Mapping[str, Comparison],
    allowance: Mapping[str, Array],
) -> Diagnosis | None:
    """Return the finding that backward steps without a topological order give all gradients; else None."""
    wrong = tuple(key for key, row in comparisons.items() if row.incorrect.any())
    if sum(np.count_nonzero(comparisons[key].submitted) for key in wrong) < ENOUGH:
        return None
    shared = any(len(_users(problem, key)) > 1 for key in comparisons if key.startswith(NODE))
    for search, gradients in unsorted_gradients(problem, values):
        if search.once and not shared:
            continue  # paths that are left out would give the same numbers
        residuals = [
            relative_residual(row.submitted, gradients[node_name(key)], rounding_norm(allowance[key]))
            for key, row in comparisons.items()
        ]
        if max(residuals) <= CLOSE:
            explanation = _SEARCH.format(search=search)
            row = named_by_rule(UNSORTED, "", "", wrong, max(residuals), ())
            return replace(
                row, node=None, explanation=explanation, hint=_SEARCH_HINT, for_students=explanation
            )
    return None


def _mutant(
    problem: GraphProblem,
    compared: Mapping[str, Comparison],
    allowance: Mapping[str, Array],
    rows: Sequence[Diagnosis],
) -> Diagnosis | None:
    """Return the finding of a wrong rule at one node that gives all compared gradients; None without one."""
    wrong = [key for row in rows for key in row.parameters]
    if sum(np.count_nonzero(compared[key].submitted) for key in wrong) < ENOUGH:
        return None
    rounding = {key: rounding_norm(allowance[key]) for key in compared}
    matches: dict[str, tuple[str, str, float]] = {}
    for mutant in graph_mutants(problem.with_requested(tuple(compared))):
        residual = 0.0
        for key, row in compared.items():
            residual = max(residual, relative_residual(row.submitted, mutant.gradients[key], rounding[key]))
            if residual > CLOSE:
                break
        else:
            matches.setdefault(mutant.bug, (mutant.at, mutant.use, residual))
    bugs = [bug for bug in LOCAL_RULES if bug in matches]
    if not bugs:
        return None
    bug, *others = bugs
    at, use, residual = matches[bug]
    return named_by_rule(bug, gradient_name(problem, at), use, wrong, residual, others)


def _stretch(
    problem: GraphProblem, compared: Mapping[str, Comparison], rows: Sequence[Diagnosis]
) -> Diagnosis | None:
    """Return one finding with the nodes that all wrong gradients, and no right ones, come back through."""
    wrong = [key for row in rows for key in row.parameters]
    right = {
        node_name(key)
        for key, row in compared.items()
        if not row.incorrect.any() and not row.uninformative.all()
    }
    names = {node_name(key) for key in wrong}
    before: dict[str, set[str]] = {}  # by node, everything whose gradient comes back through it
    for node in problem.nodes:
        before[node.name] = {node.name}.union(*(before.get(name, {name}) for name in node.operands))
    upstream = {node.name for node in problem.upstream_of_output}
    nodes = [
        name
        for name, reached in before.items()
        if name in upstream and names <= reached and reached.isdisjoint(right)
    ]
    if len(wrong) < 2 or not nodes:
        return None
    shown = nodes if len(nodes) <= MOST_SHOWN else [*nodes[: MOST_SHOWN - 1], "…", nodes[-1]]
    filled = {"wrong": ", ".join(wrong), "nodes": ", ".join(shown)}
    explanation, hint = _BETWEEN.format(**filled), _BETWEEN_HINT.format(**filled)
    return unexplained(NODE + nodes[0], wrong, explanation, hint, nodes)
