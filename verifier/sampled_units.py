"""Which units differences look at: all of them, or as many as a budget allows, drawn at random."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from reference_impl.array import Array
from reference_impl.problem import Problem

BUDGET = 400_000_000  # multiplications that differences may cost; all units of 784-128-64-10 take 60 million
LEAST = 4  # units a layer, whatever they cost
_FUNCTION = 20  # multiplications that one value of an activation costs


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """units: of one layer, in order. among: how many it has."""

    units: Array
    among: int

    @property
    def whole(self) -> bool:
        return len(self.units) == self.among


def sampled_units(problem: Problem, sides: int) -> list[Sample]:
    """Choose units of every layer. The draw is that of the network's shape, so that it can be repeated."""
    widths = [own.weight.shape[1] for own in problem.parameters]
    costs = [sides * problem.batch.size * _cost(widths[layer:]) for layer in range(len(widths))]
    if sum(cost * width for cost, width in zip(costs, widths, strict=True)) <= BUDGET:
        return [Sample(np.arange(width), width) for width in widths]
    samples = []
    for layer, (cost, width) in enumerate(zip(costs, widths, strict=True)):
        count = min(width, max(LEAST, BUDGET // len(widths) // cost))
        drawn = np.random.default_rng([layer, *widths]).choice(width, count, replace=False)
        samples.append(Sample(np.sort(drawn), width))
    return samples


def told(samples: Sequence[Sample]) -> str:
    """Say what was looked at, and how likely it misses what; nothing where it was everything."""
    if all(sample.whole for sample in samples):
        return ""
    parts = [
        f"{len(sample.units)} of {sample.among} units of layer {layer}"
        for layer, sample in enumerate(samples)
        if not sample.whole
    ]
    fewest = min(len(sample.units) for sample in samples if not sample.whole)
    missed = 0.9**fewest
    return (
        f"drawn at random: {', '.join(parts)}, with every weight of theirs; were a tenth of a layer's units "
        f"wrong, the draw would miss them with probability {missed:.1g} at most"
    )


def _cost(widths: Sequence[int]) -> int:
    """Count what one example costs to run from a moved unit of the first of some layers to the end."""
    later = widths[1:]
    products = sum(before * after for before, after in pairwise(later))
    return products + _FUNCTION * max(1, sum(later))
