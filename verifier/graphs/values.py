"""Forward passes: every node's value, in any arithmetic, or new values after a change."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from verifier.graphs.bands import bands_of
from verifier.graphs.operation import Node
from verifier.graphs.problem import GraphProblem
from verifier.graphs.stacked import Stacked


@np.errstate(all="ignore")  # overflow and undefined values are handled by the comparison
def values_of(problem: GraphProblem, arithmetic: Any) -> Stacked:
    """Return every value by plain name, leaves included."""
    values = Stacked(bands_of(problem), arithmetic)
    for name, array in problem.leaves():
        values.put(name, arithmetic.constant(array))
    for band in bands_of(problem).all:
        node = band.node
        values.put_band(band, node.operation.value(arithmetic, node, values.operands(band)))
    return values


@np.errstate(all="ignore")
def continued(values: Mapping[str, Any], nodes: Iterable[Node], arithmetic: Any) -> dict[str, Any]:
    """Compute `nodes` from the values, and return all values."""
    results = dict(values)
    for node in nodes:
        results[node.name] = node.operation.value(
            arithmetic, node, [results[operand] for operand in node.operands]
        )
    return results
