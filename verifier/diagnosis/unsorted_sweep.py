"""Reverse mode without a topological order, as engines run it whose backward steps follow a search."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.backward_sweep import edges_of
from verifier.problem.graph import GraphProblem

MOST_STEPS = 4  # backward steps, in nodes of the graph; each step at every arrival may be far more


@dataclass(frozen=True, slots=True)
class Search:
    """The order of the backward steps: that of a search from the output.

    once: a node's step runs when it is reached first; otherwise each time, with the sum so far.
    last_first: the last operand is followed first.
    """

    depth_first: bool
    once: bool
    last_first: bool

    def __str__(self) -> str:
        order = "recursion" if self.depth_first else "queue"
        return (
            f"a {order} from the output, in which a node's step runs {'once' if self.once else 'each time'}"
        )


SEARCHES = tuple(Search(*options) for options in product((True, False), repeat=3))


def unsorted_gradients(
    problem: GraphProblem, values: Mapping[str, Array]
) -> Iterator[tuple[Search, dict[str, Array]]]:
    """Yield the gradients of all values under each order; orders with too many steps are left out."""
    for search in SEARCHES:
        gradients = _gradients(problem, values, search)
        if gradients is not None:
            yield search, gradients


@np.errstate(all="ignore")
def _gradients(problem: GraphProblem, values: Mapping[str, Array], search: Search) -> dict[str, Array] | None:
    nodes = {node.name: node for node in problem.upstream_of_output}
    gradients = {name: np.zeros(np.shape(array)) for name, array in values.items()}
    gradients[problem.output] = np.ones(np.shape(values[problem.output]))
    pending, reached, steps = deque([problem.output]), set[str](), 0
    while pending:
        name = pending.pop() if search.depth_first else pending.popleft()
        if name not in nodes or (search.once and name in reached):
            continue
        reached.add(name)
        steps += 1
        if steps > MOST_STEPS * len(nodes):
            return None
        edges = edges_of(nodes[name], values, gradients[name], ())
        for operand, edge in edges:
            gradients[operand] = gradients[operand] + edge.share
        operands = list(dict.fromkeys(operand for operand, _ in edges))
        # a stack is emptied from its end
        pending.extend(operands if search.last_first == search.depth_first else operands[::-1])
    return gradients
