"""Reverse mode over a graph in which a gradient may be replaced on the way, with the edges to its users."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from reference_impl.array import Array
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import summed_back
from verifier.problem.graph import GraphProblem, Node


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
