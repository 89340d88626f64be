"""Backward sweep over a graph that keeps the contribution of each use of a value to its gradient."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array
from verifier.graphs.arithmetic.numbers import FLOATS
from verifier.graphs.broadcasting import summed_back
from verifier.graphs.operation import Node
from verifier.graphs.problem import GraphProblem


@dataclass(frozen=True, slots=True, eq=False)
class Arc:
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


Arcs = Sequence[Arc]


def swept(
    problem: GraphProblem,
    values: Mapping[str, Array],
    settle: Callable[[str, Arcs], Array | None],
) -> Iterator[tuple[str, Arcs, Array]]:
    """Yield each name with its edges and gradient, in reverse topological order.

    settle: (name, edges) -> the gradient to continue with; None for the sum of the edges' shares.
    """
    shapes = problem.shapes()
    uses: dict[str, list[Arc]] = {name: [] for name in shapes}
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
def _edges_of(node: Node, values: Mapping[str, Array], gradient: Array) -> list[tuple[str, Arc]]:
    """Return the name of each operand with its edge to the node."""
    operands = tuple(values[operand] for operand in node.operands)
    shares = node.operation.pull_back(FLOATS, node, operands, values[node.name], gradient, None)
    return [
        (operand, Arc(node, place, operands, gradient, raw, summed_back(FLOATS, raw, shape)))
        for place, (operand, raw, shape) in enumerate(
            zip(node.operands, shares, node.operand_shapes, strict=True)
        )
        if raw is not None
    ]
