"""The other variant: derivatives propagated forwards, beside the values, one direction at a time."""

from collections.abc import Mapping, Sequence

import numpy as np

from reference_impl.graph.arrays import Array, as_array
from reference_impl.graph.errors import FeedError
from reference_impl.graph.feeds import Feeds, match_feeds
from reference_impl.graph.operation import Operation
from reference_impl.graph.static_graph import StaticGraph


@np.errstate(all="ignore")  # infinity and NaN are results here, not accidents
def directional_derivative(graph: StaticGraph, feeds: Feeds, direction: Feeds) -> tuple[Array, Array]:
    """Run `graph`, and tell how its output changes as inputs and parameters move along `direction`.

    A leaf that `direction` does not mention stays where it is. The output need not be a scalar.

    Shapes: each tangent has the shape of its leaf's value; both results have that of the output.
    Raises: what `StaticGraph.forward` raises; FeedError for tangents that fit no leaf.
    """
    moved = match_feeds(graph.order, direction, required=False)
    value = graph.forward(feeds)
    misfits = [
        f"the tangent of {leaf} has shape {tangent.shape} and its value {leaf.value.shape}"
        for leaf, tangent in moved.items()
        if tangent.shape != leaf.value.shape
    ]
    if misfits:
        raise FeedError(f"{'; '.join(misfits)}: give each tangent the shape of the value that it moves")
    return value, tangents_of(graph.order, moved)[graph.output]


@np.errstate(all="ignore")  # infinity and NaN are results here, not accidents
def tangents_of(order: Sequence[Operation], moved: Mapping[Operation, Array]) -> dict[Operation, Array]:
    """Tell how every node changes as those of `moved`, leaves or not, are moved by hand along tangents.

    Shapes: `order` lists operands before the operations on them; each tangent has its node's shape.
    """
    tangents: dict[Operation, Array] = {}
    for node in order:
        along_operands = [tangents[operand] for operand in node.operands]
        tangents[node] = moved[node] if node in moved else as_array(node.push_forward(*along_operands))
    return tangents
