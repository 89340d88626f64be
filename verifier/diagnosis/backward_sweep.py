"""Reverse mode over a graph in which a gradient may be replaced on the way, with the edges to its users."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import summed_back
from verifier.problem.graph import GraphProblem, Node


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """One use of a value: an edge of the graph to `node`, as its operand number `place`.

    upstream: the gradient of the node. share: the contribution to the gradient of the value.
    raw: the same before the sum over broadcast copies.
    """

    node: Node
    place: int
    operands: tuple[Array, ...]
    upstream: Array
    raw: Array
    share: Array


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
        for operand, arc in _edges_of(node, values, np.asarray(gradient)):
            uses[operand].append(arc)


@np.errstate(all="ignore")
def _edges_of(node: Node, values: Mapping[str, Array], gradient: Array) -> list[tuple[str, Edge]]:
    """Return the name of each operand with its edge to the node."""
    operands = tuple(values[operand] for operand in node.operands)
    shares = node.operation.vjp(FLOATS, node, operands, values[node.name], gradient, None)
    return [
        (operand, Edge(node, place, operands, gradient, raw, summed_back(FLOATS, raw, shape)))
        for place, (operand, raw, shape) in enumerate(
            zip(node.operands, shares, node.operand_shapes, strict=True)
        )
        if raw is not None
    ]
