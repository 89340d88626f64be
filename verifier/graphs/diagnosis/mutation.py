"""Wrong local rules made on purpose: what a program with one of them at one place hands in for a graph."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array
from verifier.graphs.arithmetic.numbers import FLOATS
from verifier.graphs.broadcasting import summed_back
from verifier.graphs.diagnosis.arcs import Arcs, swept
from verifier.graphs.diagnosis.rules import LOCAL_RULES, LocalRule
from verifier.graphs.problem import GraphProblem, plain
from verifier.graphs.values import values_of

MOST_PASSED = 300_000  # nodes, in all ways back of all mutants; some seconds


@dataclass(frozen=True, slots=True, eq=False)
class GraphMutant:
    """rule, made in the gradient of `at`, a plain name, about its use by the node `use`.

    gradients: of all that is asked, what inherits the mistake included.
    """

    rule: LocalRule
    at: str
    use: str
    gradients: Mapping[str, Array]


def graph_mutants(problem: GraphProblem, only: Collection[str] | None = None) -> Iterator[GraphMutant]:
    """Make every row of `LOCAL_RULES`, or of some only, at every place in every form that the graph allows.

    Beyond a budget of work, at places drawn at random. Some change nothing; what is not finite is left out.
    """
    values = values_of(problem, FLOATS)
    places = {name: (arcs, gradient) for name, arcs, gradient in swept(problem, values, lambda *_: None)}
    right = {key: places[plain(key)][1] for key in problem.asked}
    for name in _looked_at(problem, places):
        arcs, gradient = places[name]
        for rule in LOCAL_RULES:
            if only is not None and rule.id not in only:
                continue
            with np.errstate(all="ignore"):  # not around a yield, which would leave it to whoever asks
                candidates = list(rule.candidates(arcs))
            for use, wrong in candidates:
                if wrong.shape == gradient.shape and np.isfinite(wrong).all():
                    off = carried(problem, values, name, wrong - gradient)
                    made = {key: own + off.get(plain(key), 0.0) for key, own in right.items()}
                    yield GraphMutant(rule, name, use, made)


@np.errstate(all="ignore")
def carried(problem: GraphProblem, values: Mapping[str, Array], at: str, off: Array) -> dict[str, Array]:
    """Say how far all gradients are off when that of `at` is: the chain rule is linear in what comes back."""
    found = {at: off}
    for node in reversed(problem.nodes):
        if node.name not in found:
            continue
        operands = [values[operand] for operand in node.operands]
        shares = node.operation.pull_back(FLOATS, node, operands, values[node.name], found[node.name], None)
        for operand, shape, share in zip(node.operands, node.operand_shapes, shares, strict=True):
            if share is not None:
                own = summed_back(FLOATS, share, shape)
                found[operand] = found[operand] + own if operand in found else own
    return found


def _looked_at(problem: GraphProblem, places: Mapping[str, tuple[Arcs, Array]]) -> list[str]:
    """Give the places whose gradient somebody sees: it is asked, or others follow from it."""
    asked = {plain(key) for key in problem.asked}
    inner = {node.name for node in problem.nodes}
    names = [name for name, (arcs, _) in places.items() if arcs and (name in asked or name in inner)]
    most = MOST_PASSED // (4 * len(LOCAL_RULES) * max(1, len(problem.nodes) // 2))
    if len(names) <= most:
        return names
    chosen = np.random.default_rng(0).choice(len(names), max(1, most), replace=False)
    return [names[own] for own in sorted(chosen)]
