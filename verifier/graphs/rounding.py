"""What honest arithmetic loses on a graph, node by node; the counterpart of `verifier/rounding.py`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reference_impl.array import Array
from verifier.graphs.arithmetic.honest import Honest, HonestNumbers
from verifier.graphs.problem import GraphProblem, plain
from verifier.graphs.reverse import Kinks, gradients_of
from verifier.graphs.values import values_of
from verifier.precision import Precision
from verifier.rounding_passes import DEVIATIONS

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
    values: ByName
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


def rounding(problem: GraphProblem, precision: Precision) -> GraphRounding:
    """Estimate the rounding of a backpropagation in `precision`, entry by entry."""
    arithmetic = HonestNumbers(precision)
    values = values_of(problem, arithmetic)
    kinks = {
        name: found
        for name, found in reached_kinks(
            problem,
            {name: own.value for name, own in values.items()},
            {name: DEVIATIONS * own.deviation for name, own in values.items()},
        ).items()
        if found.any()
    }

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
        values={name: own.value for name, own in values.items()},
        bounds=bounds,
    )


@np.errstate(all="ignore")
def reached_kinks(problem: GraphProblem, values: ByName, reach: ByName) -> dict[str, Array]:
    """Say by node where an operand that may be off by `reach` reaches a kink, for operations with kinks."""
    found = {}
    for node in problem.nodes:
        at_kinks = node.operation.kinks(
            node, [values[own] for own in node.operands], [reach[own] for own in node.operands]
        )
        if at_kinks is not None:
            found[node.name] = at_kinks
    return found
