"""Estimate rounding errors on a graph, node by node; the counterpart of `verifier/rounding.py`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.graphs.arithmetic.honest import Honest, HonestNumbers
from verifier.graphs.arithmetic.numbers import FLOATS
from verifier.graphs.bands import bands_of
from verifier.graphs.operation import no_kinks
from verifier.graphs.problem import GraphProblem, plain
from verifier.graphs.reverse import Kinks, gradients_of
from verifier.graphs.stacked import Stacked
from verifier.graphs.values import values_of
from verifier.precision import Precision
from verifier.rounding_arithmetic import DEVIATIONS

ByName = Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class GraphRounding:
    """Rounding errors of a graph's values and gradients.

    risk, loss: the output's value, and its rounding error. kinks: by node, where rounding may cross a kink.
    values: of every node, by plain name.
    bounds: computes `allowance` and `scale`, by the names of gradients, on first use.
    """

    risk: float
    loss: float
    kinks: Kinks
    values: Stacked
    bounds: Callable[[], tuple[ByName, ByName]]

    @cached_property
    def _bounds(self) -> tuple[ByName, ByName]:
        return self.bounds()

    @property
    def allowance(self) -> ByName:
        """Return the rounding error of each gradient entry."""
        return self._bounds[0]

    @property
    def scale(self) -> ByName:
        """Return Σ |contributions| to each gradient entry."""
        return self._bounds[1]


def rounding(problem: GraphProblem, precision: Precision, *, independent: bool = False) -> GraphRounding:
    """Estimate the rounding error of backpropagation in `precision`, entry by entry.

    independent: see `RoundingArithmetic`. It only makes the estimate smaller, so a gradient that passes with
    it also passes without it.
    """
    arithmetic = HonestNumbers(precision, independent)
    values = values_of(problem, arithmetic)
    kinks = reached_kinks(problem, values, lambda number: (number.value, DEVIATIONS * number.deviation))

    @np.errstate(all="ignore")
    def bounds() -> tuple[ByName, ByName]:
        gradients = gradients_of(problem, values, arithmetic, kinks)
        allowance, scale = {}, {}
        for key in problem.asked:
            gradient = gradients.get(plain(key))
            if gradient is None:
                zeros = np.zeros(values[plain(key)].value.shape)
                gradient = Honest(zeros, zeros, zeros)
            finished = arithmetic.settled(gradient)
            allowance[key], scale[key] = DEVIATIONS * finished.deviation, gradient.size
        return allowance, scale

    output = values[problem.output]
    return GraphRounding(
        risk=float(output.value.reshape(())),
        loss=float(DEVIATIONS * output.deviation.reshape(())),
        kinks=kinks,
        values=values.map(lambda number: number.value, FLOATS),
        bounds=bounds,
    )


@np.errstate(all="ignore")
def reached_kinks(
    problem: GraphProblem, values: Stacked, value_and_error: Callable[[Any], tuple[Array, Array]]
) -> dict[str, Array]:
    """Return by node a mask of operands that reach a kink; nodes that reach none are absent.

    value_and_error: returns a number's value and the bound of its error.
    """
    masks: dict[str, Array] = {}
    for band in bands_of(problem).all:
        if band.node.operation.kinks is no_kinks:
            continue
        operands, reach = zip(*map(value_and_error, values.operands(band)), strict=True)
        at_kinks = band.node.operation.kinks(band.node, operands, reach)
        if at_kinks is None or not at_kinks.any():
            continue
        node_masks = at_kinks[np.newaxis] if band.rows is None else at_kinks
        masks |= {name: mask for name, mask in zip(band.names, node_masks, strict=True) if mask.any()}
    return masks
