"""Compute mutants of a graph: the gradients of a program with one wrong local rule."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.backward_sweep import Edges, backward_sweep
from verifier.diagnosis.catalogue import LOCAL_RULES, ids_of
from verifier.diagnosis.catalogue.bug import LocalRule
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import summed_back, values_of
from verifier.problem.graph import GraphProblem, node_name

MOST_PASSED = 300_000  # nodes visited by the backward sweeps of all mutants; a few seconds


@dataclass(frozen=True, slots=True, eq=False)
class GraphMutant:
    """Gradients with a wrong rule at one place.

    bug: id in `LOCAL_RULES`.
    at: the plain name of the value whose gradient is wrong. use: the node that uses it.
    gradients: all requested gradients, including those that inherit the error.
    """

    bug: str
    at: str
    use: str
    gradients: Mapping[str, Array]


def graph_mutants(
    problem: GraphProblem,
    only: Collection[str] | None = None,
    rules: Mapping[str, LocalRule] = LOCAL_RULES,
) -> Iterator[GraphMutant]:
    """Yield every wrong rule at every place and in every form that the graph allows.

    only: ids of rules, or their aliases; by default all. rules: by id. Large graphs use a random sample of
    places. A mutant may equal the right gradients. Mutants that are not finite are left out.
    """
    chosen = None if only is None else {bug for name in only for bug in ids_of(name)}
    values = values_of(problem, FLOATS)
    places = {
        name: (arcs, gradient) for name, arcs, gradient in backward_sweep(problem, values, lambda *_: None)
    }
    right = {key: places[node_name(key)][1] for key in problem.requested}
    for name in _places_to_mutate(problem, places):
        arcs, gradient = places[name]
        for bug, rule in rules.items():
            if chosen is not None and bug not in chosen:
                continue
            with np.errstate(all="ignore"):  # not around the yield, as it would leak to the caller
                candidates = list(rule.candidates(arcs))
            for use, wrong in candidates:
                if wrong.shape == gradient.shape and np.isfinite(wrong).all():
                    errors = propagate_error(problem, values, name, wrong - gradient)
                    wrong_gradients = {
                        key: right_gradient + errors.get(node_name(key), 0.0)
                        for key, right_gradient in right.items()
                    }
                    yield GraphMutant(bug, name, use, wrong_gradients)


@np.errstate(all="ignore")
def propagate_error(
    problem: GraphProblem, values: Mapping[str, Array], at: str, off: Array
) -> dict[str, Array]:
    """Return the errors of all gradients that follow from the error `off` of the gradient of `at`.

    The chain rule is linear, so they do not depend on the gradients themselves.
    """
    errors = {at: off}
    for node in reversed(problem.nodes):
        if node.name not in errors:
            continue
        operands = [values[operand] for operand in node.operands]
        shares = node.operation.vjp(FLOATS, node, operands, values[node.name], errors[node.name], None)
        for operand, shape, share in zip(node.operands, node.operand_shapes, shares, strict=True):
            if share is not None:
                contribution = summed_back(FLOATS, share, shape)
                errors[operand] = errors[operand] + contribution if operand in errors else contribution
    return errors


def _places_to_mutate(problem: GraphProblem, places: Mapping[str, tuple[Edges, Array]]) -> list[str]:
    """Return the values whose gradient is requested or used by others; a random sample if there are many."""
    requested = {node_name(key) for key in problem.requested}
    inner = {node.name for node in problem.nodes}
    names = [name for name, (arcs, _) in places.items() if arcs and (name in requested or name in inner)]
    most = MOST_PASSED // (4 * len(LOCAL_RULES) * max(1, len(problem.nodes) // 2))
    if len(names) <= most:
        return names
    chosen = np.random.default_rng(0).choice(len(names), max(1, most), replace=False)
    return [names[position] for position in sorted(chosen)]
