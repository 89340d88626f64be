"""Choose the units that finite differences perturb: all of them, or a random sample within a budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from reference_impl.array import Array
from reference_impl.problem import Problem

BUDGET = 400_000_000  # multiplications per problem; all units of 784-128-64-10 take 60 million
LEAST = 4  # minimum of units per layer, whatever they cost
_ACTIVATION_COST = 20  # multiplications that one value of an activation counts as


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Sampled units of one layer, in ascending order. among: the number of units of the layer."""

    units: Array
    among: int

    @property
    def whole(self) -> bool:
        """True if all units are sampled."""
        return len(self.units) == self.among


def sampled_units(problem: Problem, sides: int) -> list[Sample]:
    """Return the units to perturb in every layer.

    The random seed depends only on the shape of the network, so the sample is reproducible.
    """
    widths = [parameters.weight.shape[1] for parameters in problem.parameters]
    costs = [sides * problem.batch.size * _cost(widths[layer:]) for layer in range(len(widths))]
    if sum(cost * width for cost, width in zip(costs, widths, strict=True)) <= BUDGET:
        return [Sample(np.arange(width), width) for width in widths]
    samples = []
    for layer, (cost, width) in enumerate(zip(costs, widths, strict=True)):
        count = min(width, max(LEAST, BUDGET // len(widths) // cost))
        units = np.random.default_rng([layer, *widths]).choice(width, count, replace=False)
        samples.append(Sample(np.sort(units), width))
    return samples


def told(samples: Sequence[Sample]) -> str:
    """Return a note on the sampled units and the risk of missing an error; empty if all are sampled."""
    if all(sample.whole for sample in samples):
        return ""
    parts = [
        f"{len(sample.units)} of {sample.among} units of layer {layer}"
        for layer, sample in enumerate(samples)
        if not sample.whole
    ]
    fewest = min(len(sample.units) for sample in samples if not sample.whole)
    miss_probability = 0.9**fewest
    return (
        f"drawn at random: {', '.join(parts)}, with every weight of theirs; were a tenth of a layer's units "
        f"wrong, the draw would miss them with probability {miss_probability:.1g} at most"
    )


def _cost(widths: Sequence[int]) -> int:
    """Return the multiplications per example from a perturbed unit in the first of the layers to the end."""
    later = widths[1:]
    products = sum(before * after for before, after in pairwise(later))
    return products + _ACTIVATION_COST * max(1, sum(later))
