"""Forward mode: derivatives propagated beside the values, one direction at a time."""

from collections.abc import Mapping, Sequence

import numpy as np

from reference_impl.graph.arrays import Array, as_array
from reference_impl.graph.errors import FeedError
from reference_impl.graph.operations import Operation
from reference_impl.graph.static_graph import Feeds, StaticGraph, match_feeds


@np.errstate(all="ignore")  # infinity and NaN are valid results here
def directional_derivative(graph: StaticGraph, feeds: Feeds, direction: Feeds) -> tuple[Array, Array]:
    """Run `graph`, and return its output and the derivative of the output along `direction`.

    `direction` holds a tangent for some inputs and parameters; the others stay constant. The output need
    not be a scalar.

    Shapes: each tangent has the shape of its leaf's value; both results have that of the output.
    Raises the errors of `StaticGraph.forward`, and FeedError for tangents that fit no leaf.
    """
    leaf_tangents = match_feeds(graph.order, direction, required=False)
    value = graph.forward(feeds)
    misfits = [
        f"the tangent of {leaf} has shape {tangent.shape} and its value {leaf.value.shape}"
        for leaf, tangent in leaf_tangents.items()
        if tangent.shape != leaf.value.shape
    ]
    if misfits:
        raise FeedError(f"{'; '.join(misfits)}: give each tangent the shape of the value that it moves")
    return value, tangents_of(graph.order, leaf_tangents)[graph.output]


@np.errstate(all="ignore")  # infinity and NaN are valid results here
def tangents_of(order: Sequence[Operation], moved: Mapping[Operation, Array]) -> dict[Operation, Array]:
    """Return the tangent of every node, where those of the nodes in `moved`, leaves or not, are fixed.

    Shapes: `order` lists operands before the operations on them; each tangent has its node's shape.
    """
    tangents: dict[Operation, Array] = {}
    for node in order:
        operand_tangents = [tangents[operand] for operand in node.operands]
        tangents[node] = moved[node] if node in moved else as_array(node.push_forward(*operand_tangents))
    return tangents
