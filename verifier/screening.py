"""The short way for what is right: one pass over all numbers says so, or says nothing.

It asks for more than correctness does: every gradient is there, every entry is correct to rounding beside
a reference that is known and sharp, no kink is near, and all oracles meet. What passes has nothing else to
be said of it, so that what tells a wrong entry from an undecided one need not be worked out. Small
parameters are judged together, large ones in blocks that stay in cache.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from reference_impl.array import Array
from verifier.blocks import Block, blocks
from verifier.by_rows import EstimatesByRows, Rows
from verifier.comparison import RESOLUTION, UNDERFLOWN
from verifier.consensus import Evidence
from verifier.convention import Convention, as_submitted
from verifier.estimate import Allowing, Answer, WithinRounding
from verifier.meeting import all_meet
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
        self.of_expected = np.zeros(count)  # the largest absolute value
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
        found, own = block.of_estimates(first.gradient), block.of(submitted)
        if not _is_sharp(block, found, own, allowed):
            if not (isinstance(first.gradient, EstimatesByRows) and first.gradient.sharpened()):
                return None
            return screen(asked, gradients, answers, allowed, convention)  # all by one reference
        if not _is_clean(block, own, found, allowed, measures):
            return None
        if not all_meet(block, found, others, distances, unknown):
            return None
    if not measures.of_expected.any():  # zeros would pass whatever the code does
        return None
    # where rounding may change more than there is in the whole parameter, it excuses nothing
    if not (measures.rounding <= measures.of_expected).all():
        return None
    sizes = measures.of_expected + measures.error  # the submitted ones are no larger
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
    none = WithinRounding, EstimatesByRows
    told = (own.gradient for own in answers if not isinstance(own.gradient, none))
    return any(estimate.slopes is not None for gradient in told for estimate in gradient.values())


def _is_sharp(block: Block, found: Rows, submitted: Array, allowed: Allowing) -> bool:
    if found.columns is not None:
        return False
    known_well = found.error <= RESOLUTION * np.abs(found.value)
    if known_well.all():
        return True
    known_well |= found.error <= RESOLUTION * block.of(allowed.scale)
    if known_well.all():
        return True
    return bool((known_well | ((submitted == found.value) & (found.error <= UNDERFLOWN))).all())


def _is_clean(block: Block, submitted: Array, reference: Rows, allowed: Allowing, found: _Measures) -> bool:
    """Say whether all entries are correct to rounding, and add to the figures."""
    own, expected, uncertainty = block.owners, reference.value, reference.error
    difference = submitted - expected
    error, size = np.abs(difference), np.abs(expected)
    sharply = error <= uncertainty
    if not sharply.all():
        rounding = block.of(allowed.allowance)
        if not (sharply | (error <= uncertainty + rounding)).all():
            return False
        found.rounding[own] = np.maximum(found.rounding[own], block.largest(rounding))
    relative = error / size
    if not (size > uncertainty).all():
        np.copyto(relative, -1.0, where=size <= uncertainty)
        np.copyto(relative, 0.0, where=error == 0)
    for figure, largest in ((found.error, error), (found.relative, relative), (found.of_expected, size)):
        figure[own] = np.maximum(figure[own], block.largest(largest))
    found.submitted_squared[own] += block.products(submitted, submitted)
    found.expected_squared[own] += block.products(expected, expected)
    found.difference_squared[own] += block.products(difference, difference)
    found.product[own] += block.products(submitted, expected)
    found.zeros[own] += block.count(submitted == 0)
    found.uninformative[own] += block.count(expected == 0)
    return True


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
