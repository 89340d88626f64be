"""Hypotheses about the noise in submitted numbers: few digits, a narrower format, a weight update, any other.

Noise of unknown origin is taken for the rounding of a format with fewer bits. Such formats are tried from the
declared precision upward, in steps of `NOISE_STEP_BITS`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np

from reference_impl.array import Array
from reference_impl.network import Trace, named
from reference_impl.problem import Problem
from verifier.diagnosis.catalogue.rules.numbers import (
    flatten,
    printed_decimals,
    printed_digits,
    unit_of_last_digit,
)
from verifier.diagnosis.costs import (
    BITS_OF_BUG,
    BITS_OF_NUMBER,
    MANY_UPDATE_NUMBERS,
    MAX_GRID_BITS,
    MAX_NOISE_RATIO,
    MIN_FULL_LENGTH_SHARE,
    MIN_NOISE_BITS,
    MIN_NOISE_NUMBERS,
    MIN_UPDATE_NUMBERS,
    NEARLY_RIGHT,
    NOISE_STEP_BITS,
    RIGHT_NOISE,
    ROUNDING_SLACK,
    SHORT_NUMBER_RTOL,
    SHORTER_BITS,
    UPDATE_MULTIPLE_TOLERANCE,
)
from verifier.diagnosis.epsilon import EpsilonHypothesis, epsilon_hypotheses, epsilon_of
from verifier.diagnosis.evidence import SubmittedEvidence
from verifier.engine.rounding import DEVIATIONS
from verifier.engine.rounding_allowance import Rounding, rounding
from verifier.problem.precision import PRECISIONS, Precision, round_to_precision
from verifier.report.model import UNEXPLAINED_ID, Finding

Gradients = Mapping[str, Array]

NOISY = "inexact-numbers"
_NOTES = ("rounded", "lower-precision-than-declared", NOISY)
_NONE: Gradients = MappingProxyType({})
_LEARNING_RATES = sorted(m * 10.0**-k for k in range(7) for m in (1, 2, 3, 5))
# a format with the range of float64, so that nothing overflows or vanishes in it
_NOISE = Precision("noise", 24, 1023, 5e-324)


@dataclass(frozen=True, slots=True, eq=False)
class NoiseHypothesis:
    """How inexact the submitted numbers may be.

    allowance: rounding error of each entry, by parameter. scale: see `Rounding`. unit: the unit roundoff.
    note: says so in the report; None for the declared precision. quantum: see `SubmittedGradient`.
    bits: least description of the noise in one number. epsilon: the loss that the program may have had.
    with_penalties: wrong penalties are tried, too.
    """

    allowance: Gradients
    scale: Gradients
    unit: float
    note: Finding | None = None
    quantum: Gradients = field(default_factory=lambda: _NONE)
    bits: float = 0.0
    epsilon: EpsilonHypothesis | None = None
    with_penalties: bool = True


@dataclass(frozen=True, slots=True)
class PrintedForm:
    """The decimals, or the significant digits, that represent all numbers; None at full precision."""

    decimals: int | None = None
    digits: int | None = None


def printed_form(submitted: Gradients) -> PrintedForm:
    """Return how the submitted numbers may have been printed; numbers that are not finite were not."""
    values = flatten(submitted)
    if not np.isfinite(values).all():
        return PrintedForm()
    return PrintedForm(printed_decimals(values), printed_digits(values))


def noise_hypotheses(
    problem: Problem,
    trace: Trace,
    submitted: Gradients,
    form: PrintedForm,
    right: Gradients,
    declared: Rounding,
    precision: Precision,
) -> Iterator[NoiseHypothesis]:
    """Yield possible noise: none, few decimals, few digits, narrower formats, a weight update, and any other.

    Any other is tried without wrong penalties first, which take most of the search.
    A few numbers are near those of some mistake by chance, so decimals and formats alone are tried for them.
    form: of the submitted numbers. right: the right gradients of the submitted parameters.
    declared: rounding in the declared precision.
    """
    names = tuple(submitted)
    allowance, scale, unit = declared.allowance, declared.scale, precision.unit_roundoff
    yield NoiseHypothesis(allowance, scale, unit)
    values = flatten(submitted)
    if not np.isfinite(values).all():
        return
    decimals, digits = form.decimals, form.digits
    if decimals is not None:
        printed = Finding("rounded", None, "numbers", names, estimates={"digits": decimals})
        half = {name: np.full(array.shape, 0.5 * 10.0**-decimals) for name, array in submitted.items()}
        yield NoiseHypothesis(allowance, scale, unit, printed, half)
    is_enough = np.count_nonzero(values) >= MIN_NOISE_NUMBERS
    if digits is not None and is_enough:
        printed = Finding("rounded", None, "numbers", names, estimates={"digits": digits})
        half = {name: 0.5 * unit_of_last_digit(array, digits) for name, array in submitted.items()}
        yield NoiseHypothesis(allowance, scale, unit, printed, half)
    for other in PRECISIONS.values():
        if other.unit_roundoff > unit and _is_of_precision(values, other):
            lower = Finding("lower-precision-than-declared", None, "numbers", names)
            narrower = rounding(problem, trace, other)
            yield NoiseHypothesis(narrower.allowance, narrower.scale, other.unit_roundoff, lower)
    if not is_enough:
        return
    for changed in epsilon_hypotheses(problem, trace, submitted, allowance):
        note = Finding(NOISY, None, "numbers", names, estimates={"epsilon": changed.epsilon})
        larger = {name: array + changed.allowance.get(name, 0.0) for name, array in allowance.items()}
        yield NoiseHypothesis(larger, scale, unit, note, epsilon=changed)
    rate = learning_rate_of(problem, submitted)
    if rate is not None:
        taken = Finding(NOISY, None, "numbers", names, estimates={"learning_rate": rate})
        quantum = {name: grid / rate for name, grid in _update_grids(problem, submitted, rate).items()}
        yield NoiseHypothesis(allowance, scale, unit, taken, quantum)
    wide = rounding(problem, trace, _NOISE).allowance
    least_noisy = _noise_level(problem, submitted, right, wide)
    least = least_noisy * 2.0**-NOISE_STEP_BITS if least_noisy < RIGHT_NOISE else 0.0

    def of_level(level: float, with_penalties: bool) -> NoiseHypothesis:
        share = level / _NOISE.unit_roundoff
        larger = {name: allowance[name] + share * array for name, array in wide.items()}
        note = Finding(NOISY, None, "numbers", names, estimates={"digits": int(-np.log10(level))})
        bits = np.log2(level / unit)
        return NoiseHypothesis(larger, scale, level, note, bits=bits, with_penalties=with_penalties)

    steps = range(precision.significand_bits - NOISE_STEP_BITS, MIN_NOISE_BITS - 1, -NOISE_STEP_BITS)
    levels = [2.0**-bits for bits in steps]
    enough = _level_of_right(submitted, right, wide)
    if enough <= 2.0**-MIN_NOISE_BITS:
        levels.append(enough)
    levels = [level for level in sorted(levels) if least <= level <= MAX_NOISE_RATIO * least_noisy]
    for with_penalties in (False, True):
        yield from (of_level(level, with_penalties) for level in levels)


def is_of_narrower_precision(problem: Problem, submitted: Gradients) -> bool:
    """True if all numbers, or their sums over the examples, are numbers of a narrower format than float64."""
    values = flatten(submitted)
    sums = values * problem.batch.size
    return any(
        bool(
            (
                np.abs(round_to_precision(array, PRECISIONS["float32"]) - array) <= 2.0**-51 * np.abs(array)
            ).all()
        )
        for array in (values, sums)
    )


def _is_of_precision(values: Array, precision: Precision) -> bool:
    """True if all numbers fit a narrower format, and enough of them use its full length."""
    if not (round_to_precision(values, precision) == values).all():
        return False
    shorter = replace(precision, significand_bits=precision.significand_bits - SHORTER_BITS)
    return bool(np.mean(round_to_precision(values, shorter) != values) > MIN_FULL_LENGTH_SHARE)


def _noise_level(problem: Problem, submitted: Gradients, right: Gradients, allowance: Gradients) -> float:
    """Return the noise of the parameter that agrees best with the right gradient, as a unit roundoff.

    Noise is everywhere, so the whole submission has hardly more. Parameters that are 0 do not count: what is
    recovered from their update has no rounding error.
    """
    levels = []
    for name, before in named(problem.parameters):
        if name not in submitted or not before.any():
            continue
        with np.errstate(all="ignore"):
            ratio = np.abs(submitted[name] - right[name]) / allowance[name]
        ratio = ratio[np.isfinite(ratio) & (right[name] != 0)]
        if ratio.size:
            levels.append(float(np.sqrt(np.mean(np.square(ratio)))))
    return DEVIATIONS * _NOISE.unit_roundoff * min(levels, default=np.inf)


def _level_of_right(submitted: Gradients, right: Gradients, allowance: Gradients) -> float:
    """Return the least noise, as a unit roundoff, with which all submitted numbers are right."""
    with np.errstate(all="ignore"):
        ratios = [
            np.max(np.abs(array - right[name]) / allowance[name], initial=0.0, where=array != right[name])
            for name, array in submitted.items()
        ]
    return _NOISE.unit_roundoff * float(max(ratios)) / ROUNDING_SLACK


def number_grid(submitted: Gradients, form: PrintedForm) -> Gradients:
    """Return the distance of neighbouring numbers of each entry; empty if the numbers have all digits.

    Such numbers are printed ones, and multiples of one step, such as differences of a float32 loss.
    """
    values = flatten(submitted)
    if not np.isfinite(values).all():
        return _NONE
    if form.digits is not None:
        return {name: unit_of_last_digit(array, form.digits) for name, array in submitted.items()}
    step = 10.0**-form.decimals if form.decimals is not None else _common_step(values)
    return _NONE if step is None else {name: np.full(array.shape, step) for name, array in submitted.items()}


def _common_step(values: Array) -> float | None:
    """Return the largest number of which all are multiples, by Euclid's algorithm; None if there is none."""
    sizes = np.unique(np.abs(values[values != 0]))
    if not sizes.size or (sizes.size == 1 and (values != 0).all()):
        return None  # one number, or numbers that are equal for another reason
    largest = sizes[-1]
    step = sizes[0]
    while step > largest * 2.0**-MAX_GRID_BITS:
        rest = np.abs(sizes - np.rint(sizes / step) * step)
        rest = rest[rest > largest * 2.0**-45]
        if not rest.size:
            return float(step)
        step = rest.min()
    return None


def _update_grids(problem: Problem, submitted: Gradients, rate: float) -> dict[str, Array]:
    """Return the distance of the numbers near each parameter before or after an update, whichever is less."""
    grids = {}
    for name, gradient in submitted.items():
        _, layer, kind = name.split(".")
        before = np.abs(getattr(problem.parameters[int(layer)], kind))
        after = np.abs(getattr(problem.parameters[int(layer)], kind) - rate * gradient)
        grids[name] = np.asarray(np.spacing(np.minimum(before, after)))
    return grids


def learning_rate_of(problem: Problem, submitted: Gradients) -> float | None:
    """Return η if all gradients are (W − W′)/η for float64 weights W and W′; None if that cannot be seen."""
    values = flatten(submitted)
    for rate in _LEARNING_RATES:
        grid = flatten(_update_grids(problem, submitted, rate))
        multiples = values * rate / grid
        rounding_error = np.abs(multiples) * 2.0**-51
        known = (rounding_error < UPDATE_MULTIPLE_TOLERANCE) & (values != 0)
        count = int(known.sum())
        is_share = known.mean() >= MIN_FULL_LENGTH_SHARE or count >= MANY_UPDATE_NUMBERS
        if count < MIN_UPDATE_NUMBERS or not is_share:
            continue
        distance = np.abs(multiples - np.rint(multiples))[known]
        if (distance <= UPDATE_MULTIPLE_TOLERANCE).all():
            return float(rate)
    return None


def completed(note: Finding, evidence: SubmittedEvidence) -> Finding:
    """Return a note on noise of unknown origin with the digits that are right, and with an epsilon."""
    if note.bug != NOISY or note.estimates.keys() & {"epsilon", "learning_rate"}:
        return note
    estimates, errors = dict(note.estimates), []
    for part in evidence.all_submitted:
        expected = getattr(evidence.reference[part.layer], part.kind)
        if part.right and expected.any():
            errors.append(np.abs(part.submitted - expected).max() / np.abs(expected).max())
    if errors and max(errors) > 0:
        estimates["digits"] = int(-np.log10(max(errors)))
    epsilon = epsilon_of(evidence)
    return replace(note, estimates=estimates if epsilon is None else {**estimates, "epsilon": epsilon})


@dataclass(frozen=True, eq=False)
class NoiseResult:
    """The findings under one noise hypothesis."""

    evidence: SubmittedEvidence
    findings: tuple[Finding, ...]
    noise: NoiseHypothesis

    @cached_property
    def rank(self) -> tuple[int, float]:
        """Lower is better: what explains all, then what noise may explain, then the shorter description."""
        if is_unexplained(self.findings):
            return 2, remaining_bits(self.evidence)
        bits = description_bits(self.findings) + self.noise.bits * self.numbers
        return (1 if _is_nearly_right(self.findings, self.evidence) else 0), bits

    @property
    def numbers(self) -> int:
        """The count of submitted numbers."""
        return sum(part.allowance.size for part in self.evidence.all_submitted)

    @property
    def is_shortest(self) -> bool:
        """True if no noise can give a shorter description: one mistake explains all."""
        return self.rank <= (0, BITS_OF_BUG)

    def is_shorter_than(self, noise: NoiseHypothesis) -> bool:
        """True if nothing under another noise can be a shorter description, or is worth the search."""
        is_coarse = self.evidence.is_right and self.noise.unit > RIGHT_NOISE
        if self.rank[0] == 0 and noise.bits > 0 and noise.with_penalties and not is_coarse:
            return True
        least = BITS_OF_BUG + noise.bits * self.numbers
        if noise.epsilon is not None:  # it may explain all without a mistake
            least = _bits_of_epsilon(noise.epsilon.epsilon)
        return self.rank[0] == 0 and self.rank[1] <= least


def description_bits(findings: tuple[Finding, ...]) -> float:
    """Return the bits to tell the mistakes and the numbers that were estimated for them."""
    bits = 0.0
    for finding in findings:
        if finding.bug in _NOTES:
            if "epsilon" in finding.estimates:
                bits += _bits_of_epsilon(finding.estimates["epsilon"])
            continue
        bits += BITS_OF_BUG
        if finding.factor is not None and not _is_short(finding.factor):
            bits += BITS_OF_NUMBER
        weights = finding.estimates.get("weights", ())
        bits += BITS_OF_NUMBER * sum(not _is_short(weight) for weight in weights)
    return bits


def _bits_of_epsilon(epsilon: float) -> float:
    return BITS_OF_BUG if _is_short(epsilon) else BITS_OF_NUMBER


def _is_short(value: float) -> bool:
    """True for a number that a program may contain: of few digits, or one over a whole number."""
    if value == 0:
        return True
    numbers = (value, 1.0 / value)
    return any(abs(number - float(f"{number:.2g}")) <= SHORT_NUMBER_RTOL * abs(number) for number in numbers)


def remaining_bits(evidence: SubmittedEvidence) -> float:
    """Return the bits that right gradients leave to be told: of right numbers the noise, of others all."""
    total = 0.0
    for part in evidence.all_submitted:
        values = np.asarray(part.submitted)
        bits = BITS_OF_NUMBER
        if part.right:
            with np.errstate(all="ignore"):
                share = (part.allowance + part.quantum) / np.abs(values)
            known = share[np.isfinite(share)]
            level = float(np.median(known)) if known.size else evidence.unit
            bits = min(bits, max(0.0, bits + np.log2(level))) if level > 0 else 0.0
        total += bits * values.size
    return total


def _is_nearly_right(findings: tuple[Finding, ...], evidence: SubmittedEvidence) -> bool:
    """True if a factor or the weights of the examples are so near 1 that noise may be the reason."""
    if any(finding.bug == "clipped" for finding in findings) and _is_near_reference(evidence):
        return True  # to a norm that is nearly its own
    estimated = [
        finding.estimates.get("weights", finding.factor)
        for finding in findings
        if finding.bug in ("examples-weighted", "constant-factor", "clipped", "penalty-factor")
    ]
    return any(
        bool((np.abs(np.asarray(values, dtype=np.float64) - 1.0) <= NEARLY_RIGHT).all())
        for values in estimated
        if values is not None
    )


def _is_near_reference(evidence: SubmittedEvidence) -> bool:
    """True if all submitted gradients are nearly right, by their norms."""
    pairs = [
        (np.asarray(part.submitted), getattr(evidence.reference[part.layer], part.kind))
        for part in evidence.all_submitted
    ]
    return all(
        float(np.linalg.norm(submitted - right)) <= NEARLY_RIGHT * float(np.linalg.norm(right))
        for submitted, right in pairs
    )


def is_unexplained(findings: tuple[Finding, ...]) -> bool:
    """True if some error has no known bug."""
    return not findings or any(finding.bug == UNEXPLAINED_ID for finding in findings)
