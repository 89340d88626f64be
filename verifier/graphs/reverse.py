"""The way back: the chain rule from the output to every node, in any arithmetic, all paths added."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.graphs.broadcasting import summed_back
from verifier.graphs.problem import GraphProblem

Kinks = Mapping[str, Array]


@np.errstate(all="ignore")
def gradients_of(
    problem: GraphProblem, values: Mapping[str, Any], arithmetic: Any, kinks: Kinks | None = None
) -> dict[str, Any]:
    """Give ∂output/∂v for all that the output depends on, by plain name; what is absent has gradient 0.

    kinks: by node, where every slope of the subdifferential counts.
    """
    kinks = kinks or {}
    gradients = {problem.output: arithmetic.constant(np.ones(problem.shapes()[problem.output]))}
    for node in reversed(problem.nodes):
        if node.name not in gradients:
            continue
        upstream = arithmetic.settled(gradients[node.name])
        operands = [values[operand] for operand in node.operands]
        shares = node.operation.pull_back(
            arithmetic, node, operands, values[node.name], upstream, kinks.get(node.name)
        )
        for operand, shape, share in zip(node.operands, node.operand_shapes, shares, strict=True):
            if share is None:
                continue
            own = summed_back(arithmetic, share, shape)
            gradients[operand] = arithmetic.plus(gradients[operand], own) if operand in gradients else own
    return gradients
