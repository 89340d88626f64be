"""What each use of a value hands back to it, given the gradients of all that use it."""

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
    """One use of a value: by `node`, as its operand number `place`.

    upstream: the gradient of the node. raw: what its rule hands back, copies not yet summed; `share`: summed.
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
    """Go from the output back; give each name, its arcs and its gradient, every use before what it uses.

    settle: (name, arcs) -> the gradient to go on with; None for the sum of the arcs.
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
        for operand, arc in _handed_back(node, values, np.asarray(gradient)):
            uses[operand].append(arc)


@np.errstate(all="ignore")
def _handed_back(node: Node, values: Mapping[str, Array], gradient: Array) -> list[tuple[str, Arc]]:
    operands = tuple(values[operand] for operand in node.operands)
    shares = node.operation.pull_back(FLOATS, node, operands, values[node.name], gradient, None)
    return [
        (operand, Arc(node, place, operands, gradient, raw, summed_back(FLOATS, raw, shape)))
        for place, (operand, raw, shape) in enumerate(
            zip(node.operands, shares, node.operand_shapes, strict=True)
        )
        if raw is not None
    ]
