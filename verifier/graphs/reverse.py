"""The way back: the chain rule from the output to every node, in any arithmetic, all paths added."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.graphs.bands import Band, bands_of
from verifier.graphs.broadcasting import summed_back
from verifier.graphs.problem import GraphProblem
from verifier.graphs.stacked import Stacked

Kinks = Mapping[str, Array]


@np.errstate(all="ignore")
def gradients_of(
    problem: GraphProblem, values: Stacked, arithmetic: Any, kinks: Kinks | None = None
) -> Stacked:
    """Give ∂output/∂v for all that the output depends on, by plain name; what is absent has gradient 0.

    kinks: by node, where every slope of the subdifferential counts.
    """
    kinks = kinks or {}
    shape = problem.shapes()[problem.output]
    gradients = Stacked(bands_of(problem), arithmetic)
    gradients.put(problem.output, arithmetic.constant(np.ones(shape)))
    needed = {node.name for node in problem.upstream_of_output}
    for band in reversed(bands_of(problem).all):
        if band.node.name not in needed:  # a band is needed or not as one
            continue
        node, value = band.node, values.of_band(band)
        upstream = arithmetic.settled(gradients.of_band(band))
        shares = node.operation.pull_back(
            arithmetic, node, values.operands(band), value, upstream, _kinks_of(band, kinks)
        )
        for place, share in enumerate(shares):
            if share is None:
                continue
            if band.rows is None:
                own = summed_back(arithmetic, share, node.operand_shapes[place])
                gradients.add(node.operands[place], own)
            else:
                gradients.add_rows(node.shape, band.operands[place], share)
    return gradients


def _kinks_of(band: Band, kinks: Kinks) -> Array | None:
    if band.rows is None:
        return kinks.get(band.node.name)
    own = [kinks.get(name) for name in band.names] if kinks else [None]
    nothing = np.zeros(band.node.shape, dtype=bool)
    return (
        None
        if all(each is None for each in own)
        else np.stack([nothing if each is None else each for each in own])
    )
