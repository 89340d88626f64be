"""Reverse mode: gradients from the output to every node, in any arithmetic."""

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
    """Return ∂output/∂v by plain name, for everything that the output depends on.

    Absent names have gradient 0. kinks: by node, where every slope of the subdifferential counts.
    """
    kinks = kinks or {}
    shape = problem.shapes()[problem.output]
    gradients = Stacked(bands_of(problem), arithmetic)
    gradients.put(problem.output, arithmetic.constant(np.ones(shape)))
    needed = {node.name for node in problem.upstream_of_output}
    for band in reversed(bands_of(problem).all):
        if band.node.name not in needed:  # all nodes of a band are needed, or none
            continue
        node, value = band.node, values.of_band(band)
        upstream = arithmetic.settled(gradients.of_band(band))
        operand_gradients = node.operation.pull_back(
            arithmetic, node, values.operands(band), value, upstream, _kinks_of(band, kinks)
        )
        for place, gradient in enumerate(operand_gradients):
            if gradient is None:
                continue
            if band.rows is None:
                operand_gradient = summed_back(arithmetic, gradient, node.operand_shapes[place])
                gradients.add(node.operands[place], operand_gradient)
            else:
                gradients.add_rows(node.shape, band.operands[place], gradient)
    return gradients


def _kinks_of(band: Band, kinks: Kinks) -> Array | None:
    if band.rows is None:
        return kinks.get(band.node.name)
    masks = [kinks.get(name) for name in band.names] if kinks else [None]
    no_kinks = np.zeros(band.node.shape, dtype=bool)
    return (
        None
        if all(mask is None for mask in masks)
        else np.stack([no_kinks if mask is None else mask for mask in masks])
    )
