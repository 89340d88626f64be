"""Central finite differences at the units, with error estimates.

δ_j = (ℓ(a_j + h) − ℓ(a_j − h)) / 2h for each unit and example, with h near the cube root of the machine
epsilon, where truncation and rounding errors balance (Press et al., Numerical Recipes, 3rd ed., section 5.7).
Beyond a budget some units of each layer are drawn at random.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from reference_impl.array import Array
from reference_impl.problem import Problem
from verifier.engine.estimate import Answer
from verifier.engine.lazy_products import gradient_from_deltas
from verifier.engine.perturbation import SIDES, penalty_differences, unit_slopes
from verifier.engine.rounding_allowance import Rounding
from verifier.report.model import Uncertainty

BUDGET = 400_000_000  # multiplications per problem; all units of 784-128-64-10 take 60 million
LEAST = 4  # minimum of units per layer, whatever they cost
_ACTIVATION_COST = 20  # multiplications that one value of an activation counts as


def gradient(problem: Problem, float64_rounding: Rounding) -> Answer:
    """Return the gradient, from derivatives of each example's loss along each unit and of the penalties.

    Error: an estimate of truncation and of the rounding of both losses (see `central_difference`). It is
    infinite where a kink may lie between the two sides, and, beyond a budget, at units that were not sampled
    (see `sampled_units`).
    """
    trace = float64_rounding.trace
    middle, noise = float64_rounding.losses[:, None], float64_rounding.loss_errors[:, None]
    samples = sampled_units(problem)
    with np.errstate(all="ignore"):  # overflow ends in an infinite error
        deltas = [
            unit_slopes(problem, trace, layer, sample.units, middle, noise)
            for layer, sample in enumerate(samples)
        ]
        penalties = [penalty_differences(problem, penalty) for penalty in problem.risk.penalties]
    estimates = gradient_from_deltas(problem, trace.z, deltas, penalties)
    return Answer(estimates, Uncertainty.ESTIMATE, sampling_note(samples))


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Sampled units of one layer, in ascending order. among: the number of units of the layer."""

    units: Array
    among: int

    @property
    def whole(self) -> bool:
        """True if all units are sampled."""
        return len(self.units) == self.among


def sampled_units(problem: Problem) -> list[Sample]:
    """Return the units to perturb in every layer.

    The random seed depends only on the shape of the network, so the sample is reproducible.
    """
    widths = [parameters.weight.shape[1] for parameters in problem.parameters]
    evaluations = len(SIDES) * len(problem.batch.inputs)
    costs = [evaluations * _cost(widths[layer:]) for layer in range(len(widths))]
    if sum(cost * width for cost, width in zip(costs, widths, strict=True)) <= BUDGET:
        return [Sample(np.arange(width), width) for width in widths]
    samples = []
    for layer, (cost, width) in enumerate(zip(costs, widths, strict=True)):
        count = min(width, max(LEAST, BUDGET // len(widths) // cost))
        units = np.random.default_rng([layer, *widths]).choice(width, count, replace=False)
        samples.append(Sample(np.sort(units), width))
    return samples


def sampling_note(samples: Sequence[Sample]) -> str:
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
