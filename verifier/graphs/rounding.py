"""What honest arithmetic loses on a graph, node by node; the counterpart of `verifier/rounding.py`."""

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
    """risk: the output's value, `loss`: what rounding may cost it. kinks: where it may carry a node over one.

    values: of every node, by plain name. bounds: how to work out, when first asked, what `allowance` and
    `scale` hold by the names of gradients.
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
        """What each entry may lose."""
        return self._bounds[0]

    @property
    def scale(self) -> ByName:
        """Σ of |contributions| to each entry."""
        return self._bounds[1]


def rounding(problem: GraphProblem, precision: Precision, *, independent: bool = False) -> GraphRounding:
    """Estimate the rounding of a backpropagation in `precision`, entry by entry.

    independent: see `RoundingArithmetic`. What passes then passes without it, too.
    """
    arithmetic = HonestNumbers(precision, independent)
    values = values_of(problem, arithmetic)
    kinks = reached_kinks(problem, values, lambda own: (own.value, DEVIATIONS * own.deviation))

    @np.errstate(all="ignore")
    def bounds() -> tuple[ByName, ByName]:
        gradients = gradients_of(problem, values, arithmetic, kinks)
        allowance, scale = {}, {}
        for key in problem.asked:
            own = gradients.get(plain(key))
            if own is None:
                nothing = np.zeros(values[plain(key)].value.shape)
                own = Honest(nothing, nothing, nothing)
            settled = arithmetic.settled(own)
            allowance[key], scale[key] = DEVIATIONS * settled.deviation, own.size
        return allowance, scale

    output = values[problem.output]
    return GraphRounding(
        risk=float(output.value.reshape(())),
        loss=float(DEVIATIONS * output.deviation.reshape(())),
        kinks=kinks,
        values=values.map(lambda own: own.value, FLOATS),
        bounds=bounds,
    )


@np.errstate(all="ignore")
def reached_kinks(
    problem: GraphProblem, values: Stacked, told: Callable[[Any], tuple[Array, Array]]
) -> dict[str, Array]:
    """Say by node where an operand reaches a kink; nodes that reach none are absent.

    told: a number's value, and by how much it may be off.
    """
    found: dict[str, Array] = {}
    for band in bands_of(problem).all:
        if band.node.operation.kinks is no_kinks:
            continue
        own, reach = zip(*map(told, values.operands(band)), strict=True)
        at_kinks = band.node.operation.kinks(band.node, own, reach)
        if at_kinks is None or not at_kinks.any():
            continue
        of_nodes = at_kinks[np.newaxis] if band.rows is None else at_kinks
        found |= {name: each for name, each in zip(band.names, of_nodes, strict=True) if each.any()}
    return found
