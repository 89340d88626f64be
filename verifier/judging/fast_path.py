"""Fast path: accept a submission that is correct to rounding, in one pass over all numbers.

It asks for more than correctness does: all gradients are submitted, the reference of every entry is known
and sharp, no kink is near, and the intervals of all oracles intersect. Such a submission needs neither whole
arrays nor a list of its worst entries. Small parameters are compared together, large ones in blocks that fit
into cache.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from reference_impl.array import Array
from verifier.engine.estimate import Answer, RoundingAllowance, WithinRounding
from verifier.engine.lazy_products import LazyEstimates, RowEstimates
from verifier.judging.comparison import RESOLUTION, UNDERFLOW_ONLY, is_within
from verifier.judging.consensus import Intersection
from verifier.judging.statistics import Block, ComparisonSummary, Statistics, all_true, blocks
from verifier.report.model import Evidence, Uncertainty

_LARGEST_SQUARED = 1e100  # squares of larger entries, or of all smaller ones, might leave float64's range
_SMALLEST_SQUARED = 1e-100


@dataclass(frozen=True, slots=True)
class Accepted:
    """Summaries by parameter, and the evidence, of a submission that is correct to rounding."""

    summaries: Mapping[str, ComparisonSummary]
    evidence: tuple[Evidence, ...]

    @property
    def has_zeros(self) -> bool:
        """True if some entries of the true gradient are 0."""
        return any(summary.uninformative for summary in self.summaries.values())


@np.errstate(all="ignore")  # NaN and infinities are not accepted
def accept_if_correct(
    names: Sequence[str],
    gradients: Mapping[str, Array],
    answers: Mapping[str, Answer],
    rounding_allowance: RoundingAllowance,
) -> Accepted | None:
    """Return summaries of a submission that is correct to rounding, None if the full comparison must decide.

    names: of all gradients, in the order of the report.
    """
    informed = [answer for answer in answers.values() if answer.uncertainty is not Uncertainty.UNKNOWN]
    if set(gradients) != set(names) or not informed or not all(array.size for array in gradients.values()):
        return None
    submitted = {name: gradients[name] for name in names}
    first, *others = informed
    if isinstance(first.gradient, WithinRounding) or _has_slopes(informed):
        return None
    agreement = _Agreement(others)
    statistics = Statistics(len(names))
    largest_rounding = np.zeros(len(names))
    for block in blocks(submitted):
        reference, values = block.of_estimates(first.gradient), block.of(submitted)
        size = np.abs(reference.value)
        if not _is_sharp(block, reference, size, values, rounding_allowance):
            if not (isinstance(first.gradient, LazyEstimates) and first.gradient.sharpened()):
                return None
            return accept_if_correct(names, gradients, answers, rounding_allowance)  # all by one reference
        error = np.abs(values - reference.value)
        if not all_true(error <= reference.error):
            rounding = block.of(rounding_allowance.allowance)
            if not all_true(is_within(error, reference.error, rounding)):
                return None
            owners = block.owners
            largest_rounding[owners] = np.maximum(largest_rounding[owners], block.largest(rounding))
        statistics.add(block, values, reference.value, error, size, size > reference.error)
        if not agreement.includes(block, reference):
            return None
    if not statistics.largest_expected.any():  # zeros would pass whatever the code does
        return None
    # where rounding may change more than there is in the whole parameter, it excuses nothing
    if not all_true(largest_rounding <= statistics.largest_expected):
        return None
    sizes = statistics.largest_expected + statistics.largest_error  # the submitted ones are no larger
    if not all_true((sizes < _LARGEST_SQUARED) & ((sizes > _SMALLEST_SQUARED) | (sizes == 0))):
        return None
    count = sum(array.size for array in submitted.values())
    measured = iter(zip(agreement.distances.tolist(), agreement.unknown.tolist(), strict=True))
    evidence = tuple(
        _evidence(oracle, answer, count, answer is first, measured) for oracle, answer in answers.items()
    )
    summaries = {
        name: statistics.summary(i, correct=array.size, to_rounding=array.size)
        for i, (name, array) in enumerate(submitted.items())
    }
    return Accepted(summaries, evidence)


def _has_slopes(answers: Sequence[Answer]) -> bool:
    smooth = WithinRounding, LazyEstimates
    gradients = (answer.gradient for answer in answers if not isinstance(answer.gradient, smooth))
    return any(
        estimate.subgradient_radius is not None for gradient in gradients for estimate in gradient.values()
    )


def _is_sharp(
    block: Block,
    reference: RowEstimates,
    size: Array,
    submitted: Array,
    rounding_allowance: RoundingAllowance,
) -> bool:
    """True if every uncertainty is small enough to decide. size: |reference|."""
    if reference.columns is not None:
        return False
    sharp = reference.error <= RESOLUTION * size
    if all_true(sharp):
        return True
    sharp |= reference.error <= RESOLUTION * block.of(rounding_allowance.scale)
    if all_true(sharp):
        return True
    return all_true(sharp | ((submitted == reference.value) & (reference.error <= UNDERFLOW_ONLY)))


class _Agreement:
    """Intersects the intervals of the oracles, block by block.

    distances: by oracle, the largest distance from the reference. unknown: by oracle, entries it cannot tell.
    """

    def __init__(self, others: Sequence[Answer]) -> None:
        self._others = others
        self.distances = np.zeros(len(others))
        self.unknown = np.zeros(len(others), dtype=np.int64)
        # values within rounding come last: it is enough that they lie in all other intervals
        self._order = sorted(
            range(len(others)), key=lambda index: isinstance(others[index].gradient, WithinRounding)
        )

    def includes(self, block: Block, reference: RowEstimates) -> bool:
        """True if the intervals of all oracles intersect in every entry of a block."""
        common = Intersection(reference.value, reference.error)
        for index in self._order:
            gradient = self._others[index].gradient
            if index == self._order[-1] and isinstance(gradient, WithinRounding):
                values = block.of(gradient.by_name)
                distance = np.abs(values - reference.value)
                self.distances[index] = max(self.distances[index], float(distance.max()))
                if common.contains(values, distance):
                    continue
            self._narrow(common, index, block.of_estimates(gradient), reference)
        return not common.is_empty()

    def _narrow(
        self, common: Intersection, index: int, estimate: RowEstimates, reference: RowEstimates
    ) -> None:
        values, half_width, columns = estimate.value, estimate.error, estimate.columns
        expected = reference.value if columns is None else reference.value[..., columns]
        self.unknown[index] += reference.value.size - expected.size
        distance = np.abs(values - expected)
        farthest = float(distance.max(initial=0.0))  # none where no column is known
        if not isfinite(farthest) or not isfinite(float(half_width.max(initial=0.0))):
            known = np.isfinite(values) & np.isfinite(half_width)
            self.unknown[index] += known.size - np.count_nonzero(known)
            values, half_width = np.where(known, values, expected), np.where(known, half_width, np.inf)
            distance = np.where(known, distance, 0.0)
            farthest = float(distance.max())
        self.distances[index] = max(self.distances[index], farthest)
        common.narrow(values, half_width, distance, columns)


def _evidence(
    oracle: str, answer: Answer, count: int, is_reference: bool, measured: Iterator[tuple[float, int]]
) -> Evidence:
    if not answer.gradient:
        return Evidence(oracle, 0, None, None, answer.uncertainty, answer.reason)
    distance, unknown = (0.0, 0) if is_reference else next(measured)
    if unknown == count:
        return Evidence(oracle, 0, None, None, answer.uncertainty, answer.reason)
    return Evidence(oracle, count - unknown, True, distance, answer.uncertainty, answer.reason)
