"""Reverse mode over a graph in which a gradient may be replaced on the way, with the edges to its users.

`unsorted_gradients` runs the steps without a topological order, as engines do whose steps follow a search.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, product

import numpy as np

from reference_impl.array import Array
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import summed_back
from verifier.problem.graph import GraphProblem, Node

MOST_STEPS = 4  # backward steps, in nodes of the graph; each step at every arrival may be far more


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """One use of a value: an edge of the graph to `node`, as its operand number `place`.

    upstream: the gradient of the node. share: the contribution to the gradient of the value.
    raw: the same before the sum over broadcast copies. value: of the node.
    arrived: the parts of `upstream`, one for each node that uses this one, from the output on, if several do.
    """

    node: Node
    place: int
    operands: tuple[Array, ...]
    value: Array
    upstream: Array
    arrived: tuple[Array, ...]
    raw: Array
    share: Array

    def share_of(self, upstream: Array) -> Array:
        """Return the contribution that another gradient of the node would make."""
        shares = self.node.operation.vjp(FLOATS, self.node, self.operands, self.value, upstream, None)
        return np.asarray(summed_back(FLOATS, shares[self.place], self.share.shape))


Edges = Sequence[Edge]


def backward_sweep(
    problem: GraphProblem,
    values: Mapping[str, Array],
    settle: Callable[[str, Edges], Array | None],
) -> Iterator[tuple[str, Edges, Array]]:
    """Yield each name with its edges and gradient, in reverse topological order.

    settle: (name, edges) -> the gradient to continue with; None for the sum of the edges' shares.
    """
    shapes = problem.shapes()
    uses: dict[str, list[Edge]] = {name: [] for name in shapes}
    by_name = {node.name: node for node in problem.nodes}
    leaves = [name for name, _ in problem.leaves()]
    for name in [*(node.name for node in reversed(problem.nodes)), *leaves]:
        arcs = uses.pop(name)
        gradient = settle(name, arcs)
        if gradient is None:
            start = np.ones(shapes[name]) if name == problem.output else np.zeros(shapes[name])
            gradient = sum((arc.share for arc in arcs), start)
        yield name, arcs, np.asarray(gradient)
        node = by_name.get(name)
        if node is None:
            continue
        arrived = tuple(_sums_by_node(arcs)) if len(arcs) > 1 else ()
        for operand, arc in edges_of(node, values, np.asarray(gradient), arrived):
            uses[operand].append(arc)


def _sums_by_node(edges: Edges) -> Iterator[Array]:
    """Yield what each using node contributes; it may have the value as several of its operands."""
    for _, of_node in groupby(edges, key=lambda edge: edge.node.name):
        shares = [edge.share for edge in of_node]
        yield np.asarray(sum(shares[1:], shares[0]))


@np.errstate(all="ignore")
def edges_of(
    node: Node, values: Mapping[str, Array], gradient: Array, arrived: tuple[Array, ...]
) -> list[tuple[str, Edge]]:
    """Return the name of each operand with its edge to the node. arrived: see `Edge`."""
    operands, value = tuple(values[operand] for operand in node.operands), values[node.name]
    shares = node.operation.vjp(FLOATS, node, operands, value, gradient, None)
    return [
        (operand, Edge(node, place, operands, value, gradient, arrived, raw, summed_back(FLOATS, raw, shape)))
        for place, (operand, raw, shape) in enumerate(
            zip(node.operands, shares, node.operand_shapes, strict=True)
        )
        if raw is not None
    ]


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
