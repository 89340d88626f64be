"""The short way for what is right: one pass over all numbers says so, or says nothing.

It asks for more than correctness does: every gradient is there, every entry is correct to rounding beside
a reference that is known and sharp, no kink is near, and all oracles meet. What passes has nothing else to
be said of it, so that what tells a wrong entry from an undecided one need not be worked out. Small
parameters are judged together, large ones in blocks that stay in cache.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np

from reference_impl.array import Array
from verifier.blocks import Block, blocks
from verifier.comparison import RESOLUTION, UNDERFLOWN
from verifier.consensus import MEETING, Evidence
from verifier.convention import Convention, as_submitted
from verifier.estimate import Allowing, Answer, Estimate, WithinRounding
from verifier.report import ParameterReport
from verifier.verdict import Verdict

_LARGEST_SQUARED = 1e100  # squares of larger entries, or of all smaller ones, might leave float64's range
_SMALLEST_SQUARED = 1e-100


@dataclass(frozen=True, slots=True)
class Screened:
    """The reports of a submission that is correct to rounding. uninformative: some true entries are 0."""

    parameters: Mapping[str, ParameterReport]
    evidence: tuple[Evidence, ...]
    uninformative: bool


class _Measures:
    """Figures of every parameter, gathered block by block."""

    def __init__(self, count: int) -> None:
        self.error, self.relative = np.zeros(count), np.full(count, -1.0)
        self.of_submitted, self.of_expected = np.zeros(count), np.zeros(count)  # largest absolute values
        self.submitted_squared, self.expected_squared = np.zeros(count), np.zeros(count)
        self.difference_squared, self.product = np.zeros(count), np.zeros(count)
        self.zeros, self.uninformative = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        self.rounding = np.zeros(count)  # the largest that was asked


@np.errstate(all="ignore")  # NaN and infinities are not clean
def screen(
    asked: Sequence[str],
    gradients: Mapping[str, Array],
    answers: Mapping[str, Answer],
    allowed: Allowing,
    convention: Convention,
) -> Screened | None:
    """Give the reports of a submission that is correct to rounding throughout; None where it may not be.

    asked: the names of all gradients, in the order of the report.
    """
    told = [answer for answer in answers.values() if answer.gradient]
    if set(gradients) != set(asked) or not told or not all(own.size for own in gradients.values()):
        return None
    submitted = {name: gradients[name] for name in asked}
    first, *others = told
    if isinstance(first.gradient, WithinRounding) or _has_slopes(told):
        return None
    distances = np.zeros(len(others))
    unknown = np.zeros(len(others), dtype=np.int64)
    measures = _Measures(len(asked))
    for block in blocks(submitted):
        value, error = _estimates(block, first.gradient)
        if not _is_clean(block, block.of(submitted), value, error, allowed, measures):
            return None
        if not _all_meet(block, value, error, others, distances, unknown):
            return None
    # where rounding may change more than there is in the whole parameter, it excuses nothing
    if not (measures.rounding <= measures.of_expected).all():
        return None
    sizes = np.maximum(measures.of_submitted, measures.of_expected)
    if not ((sizes < _LARGEST_SQUARED) & ((sizes > _SMALLEST_SQUARED) | (sizes == 0))).all():
        return None
    count = sum(array.size for array in submitted.values())
    farthest = iter(zip(distances.tolist(), unknown.tolist(), strict=True))
    evidence = tuple(
        _evidence(oracle, answer, count, answer is first, farthest) for oracle, answer in answers.items()
    )
    parameters = {
        name: _report(name, submitted[name], convention, i, measures) for i, name in enumerate(asked)
    }
    return Screened(parameters, evidence, bool(measures.uninformative.any()))


def _has_slopes(answers: Sequence[Answer]) -> bool:
    estimates = (own.gradient for own in answers if not isinstance(own.gradient, WithinRounding))
    return any(estimate.slopes is not None for gradient in estimates for estimate in gradient.values())


def _estimates(block: Block, gradient: Mapping[str, Estimate]) -> tuple[Array, Array]:
    return (
        block.of({name: estimate.value for name, estimate in gradient.items()}),
        block.of({name: estimate.error for name, estimate in gradient.items()}),
    )


def _is_clean(
    block: Block, submitted: Array, expected: Array, uncertainty: Array, allowed: Allowing, found: _Measures
) -> bool:
    """Say whether all entries are correct to rounding beyond doubt, and add to the figures."""
    own = block.owners
    difference = submitted - expected
    error, size = np.abs(difference), np.abs(expected)
    sharply = error <= uncertainty
    if not sharply.all():
        rounding = block.of(allowed.allowance)
        if not (sharply | (error <= uncertainty + rounding)).all():
            return False
        found.rounding[own] = np.maximum(found.rounding[own], block.largest(rounding))
    known_well = uncertainty <= RESOLUTION * size
    if not known_well.all():
        known_well |= uncertainty <= RESOLUTION * block.of(allowed.scale)
        if not (known_well | ((error == 0) & (uncertainty <= UNDERFLOWN))).all():
            return False
    relative = error / size
    np.copyto(relative, -1.0, where=size <= uncertainty)
    np.copyto(relative, 0.0, where=error == 0)
    for figure, largest in (
        (found.error, error),
        (found.relative, relative),
        (found.of_expected, size),
        (found.of_submitted, np.abs(submitted)),
    ):
        figure[own] = np.maximum(figure[own], block.largest(largest))
    found.submitted_squared[own] += block.products(submitted, submitted)
    found.expected_squared[own] += block.products(expected, expected)
    found.difference_squared[own] += block.products(difference, difference)
    found.product[own] += block.products(submitted, expected)
    found.zeros[own] += block.count(submitted == 0)
    found.uninformative[own] += block.count(expected == 0)
    return True


def _all_meet(
    block: Block, value: Array, error: Array, others: Sequence[Answer], distances: Array, unknown: Array
) -> bool:
    """Say whether all oracles' intervals have a point in common in every entry; see `consensus`.

    Of the last answer within rounding it is enough that its values lie in all other intervals.
    """
    low, high = value - error, value + error
    order = sorted(range(len(others)), key=lambda index: isinstance(others[index].gradient, WithinRounding))
    for index in order:
        other = others[index]
        if index == order[-1] and isinstance(other.gradient, WithinRounding):
            own = block.of(other.gradient.by_name)
            distances[index] = max(distances[index], float(np.abs(own - value).max()))
            if ((low <= own) & (own <= high)).all():
                continue
        own, reach = _estimates(block, other.gradient)
        distance = np.abs(own - value)
        farthest = float(distance.max())
        if not isfinite(farthest) or not isfinite(float(reach.max())):
            known = np.isfinite(own) & np.isfinite(reach)
            unknown[index] += known.size - np.count_nonzero(known)
            own, reach = np.where(known, own, value), np.where(known, reach, np.inf)
            farthest = float(np.where(known, distance, 0.0).max())
        distances[index] = max(distances[index], farthest)
        reach = reach - MEETING * np.abs(own)  # what the subtractions lose
        np.maximum(low, own - reach, out=low)
        np.minimum(high, own + reach, out=high)
    return bool((low <= high).all())


def _evidence(
    oracle: str, answer: Answer, count: int, is_reference: bool, farthest: Iterator[tuple[float, int]]
) -> Evidence:
    if not answer.gradient:
        return Evidence(oracle, 0, None, None, answer.uncertainty, answer.reason)
    distance, unknown = (0.0, 0) if is_reference else next(farthest)
    if unknown == count:
        return Evidence(oracle, 0, None, None, answer.uncertainty, answer.reason)
    return Evidence(oracle, count - unknown, True, distance, answer.uncertainty, answer.reason)


def _report(name: str, array: Array, convention: Convention, index: int, found: _Measures) -> ParameterReport:
    of_submitted, of_expected = sqrt(found.submitted_squared[index]), sqrt(found.expected_squared[index])
    relative, product = float(found.relative[index]), float(found.product[index])
    return ParameterReport(
        name=name,
        shape=tuple(as_submitted(name, array, convention).shape),
        verdict=Verdict.CORRECT,
        correct=array.size,
        uninformative=int(found.uninformative[index]),
        to_rounding=array.size,
        zeros=int(found.zeros[index]),
        max_abs_error=float(found.error[index]),
        max_rel_error=relative if relative >= 0 else None,
        relative_norm_error=_quotient(sqrt(found.difference_squared[index]), of_submitted + of_expected),
        cosine=_quotient(product, of_submitted * of_expected),
        ratio=_quotient(of_submitted, of_expected),
    )


def _quotient(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None
