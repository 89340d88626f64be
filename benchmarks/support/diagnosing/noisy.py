"""Cases with one bug, or none, in one random problem, with noise in the submitted numbers."""

import traceback
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.support.buggy_students import STUDENTS, Gradients, mistake_layers, student_gradients
from benchmarks.support.buggy_students.numbers import significant
from benchmarks.support.diagnosing import unknown
from benchmarks.support.diagnosing.outcome import layers_reproducing
from benchmarks.support.diagnosing.summary import DiagnosisSummary, SummaryRow, submission, summarize
from benchmarks.support.general_position import CONFIGURATIONS, draw
from benchmarks.support.noise import NOISES
from reference_impl import Problem
from verifier.report.model import UNEXPLAINED_ID

# rows on the quality of the numbers, which stand beside mistakes
NOTES = ("rounded", "lower-precision-than-declared", "numerical-gradient", "inexact-numbers")
# what these change is the numbers themselves, so noise on top of them has no meaning
LEFT_OUT = (*NOTES, "overflow", "zero-gradient", "integer-truncation")
BUGS = tuple(bug for bug in STUDENTS if bug not in LEFT_OUT)
NO_BUG = "no bug"
# bits of information about a mistake that the numbers must have: 6 to choose one of some 60 mistakes, 6 for
# the layer and the form, 10 for estimated numbers, 10 so that chance gives this in less than a case of 1000
DETERMINED_BITS = 32.0
RECOGNISED = 2.0**-23  # relative distance of a printed number from its decimal form, which may be a float32
DIGITS_WITHIN = 1.6  # of the digits that a note says are right: the largest error may be in one layer
WITHIN = 4.0  # times the noise: what another mistake reproduces so closely cannot be told apart
_STRIDE, _ATTEMPTS = 367, 80


@dataclass(frozen=True)
class NoisyOutcome:
    """kind: `named`, `also` (same gradients within noise), `unexplained`, `false`, `extra`, `silent`,
    `raised`, `invisible`; of right gradients `nothing`, `note`, `untrue` (a note that is false) or `finding`.

    determined: the numbers have the information to determine the mistake. notes: rows on their quality.
    """

    noise: str
    level: float
    bug: str
    seed: int
    kind: str
    located: bool
    determined: bool
    rows: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        where = "" if self.located else ", wrong place"
        known = "" if self.determined else ", not determined"
        return (
            f"{self.noise} {self.level:g}: {self.bug} seed {self.seed}: {self.kind}{where}{known}; "
            f"{' | '.join(self.rows) or 'nothing'}; notes {', '.join(self.notes) or 'none'}"
        )


def measure(work: tuple[str, float, str, int]) -> NoisyOutcome | None:
    """Judge one case of (noise, level, bug or `NO_BUG`, seed); None if there is no such case."""
    noise_name, level, bug, seed = work
    noise, start = NOISES[noise_name], zlib.crc32(f"{noise_name} {level} {bug}".encode())
    for attempt in range(_ATTEMPTS):
        rng = np.random.default_rng([start, seed, attempt])
        cell = CONFIGURATIONS[(start + _STRIDE * seed + 7 * attempt) % len(CONFIGURATIONS)]
        problem = draw(rng, cell) if bug == NO_BUG else draw(rng, cell, STUDENTS[bug].requirements)
        if not noise.applies(problem):
            continue
        if bug == NO_BUG:
            return _judge_right(work, problem, rng)
        student = STUDENTS[bug]
        possible = [layer for layer in mistake_layers(problem) if student.applies(problem, layer)]
        if possible:
            mistake = student.draw(problem, possible[rng.integers(len(possible))], rng)
            break
    else:
        return None
    declared, gradients = noise.make(problem, (mistake,), level)
    clean = student_gradients(declared, [mistake])
    right = student_gradients(declared)
    errors = {name: np.abs(gradients[name] - clean[name]) for name in clean}
    determined = _information(declared, clean, right, errors) >= DETERMINED_BITS

    def outcome(kind: str, located: bool, summary: DiagnosisSummary | None, text: str = "") -> NoisyOutcome:
        rows = tuple(str(row) for row in summary.rows) if summary else (text,)
        notes = tuple(row.bug for row in summary.rows if row.bug in NOTES) if summary else ()
        return NoisyOutcome(*work, kind, located, determined, rows, notes)

    try:
        tolerance = "strict" if rng.random() < 0.25 else "standard"
        summary = summarize(submission(declared, gradients, "float64", tolerance))
    except Exception:
        return outcome("raised", False, None, traceback.format_exc(limit=-2).replace("\n", " "))
    rows = [row for row in summary.rows if row.bug not in NOTES]
    if not summary.incorrect:
        return outcome("invisible", False, summary)
    if not rows:
        return outcome("silent", False, summary)
    main = next((row for row in rows if row.bug == bug), rows[0])
    rest = [row for row in rows if row is not main and not (mistake.spreads and row.bug == bug)]
    if any(row.bug == UNEXPLAINED_ID for row in rows):
        return outcome("unexplained", main.layer == mistake.layer, summary)

    def same(first: Gradients, second: Gradients) -> bool:
        return _within(first, second, errors)

    located = main.layer == mistake.layer
    places = (
        None
        if located and main.bug == bug
        else layers_reproducing(declared, main, gradients, np.float64, same=same)
    )
    located = located or bool(places and main.layer in places)
    if rest:
        return outcome("extra" if main.bug == bug else "false", located, summary)
    if main.bug == bug:
        return outcome("named", located, summary)
    listed = bug in main.equivalent_bugs
    if places or (places is None and listed):
        return outcome("also", located or bool(places), summary)
    return outcome("false", located, summary)


def _judge_right(
    work: tuple[str, float, str, int], problem: Problem, rng: np.random.Generator
) -> NoisyOutcome:
    noise, level, _, _ = work
    declared, gradients = NOISES[noise].make(problem, (), level)
    right = student_gradients(declared)
    tolerance = "strict" if rng.random() < 0.25 else "standard"
    summary = summarize(submission(declared, gradients, "float64", tolerance))
    rows = tuple(str(row) for row in summary.rows)
    notes = tuple(row.bug for row in summary.rows if row.bug in NOTES)
    kind = "nothing" if not summary.rows else "note" if len(notes) == len(rows) else "finding"
    if kind == "note" and not all(_is_true(row, noise, level, gradients, right) for row in summary.rows):
        kind = "untrue"
    return NoisyOutcome(*work, kind, True, True, rows, notes)


def _is_true(row: SummaryRow, noise: str, level: float, gradients: Gradients, clean: Gradients) -> bool:
    """True if a note on noise says what was done to the gradients without noise."""
    values = np.concatenate([array.ravel() for array in gradients.values()])
    digits = row.hints.get("digits")
    if row.bug == "rounded":
        unit = RECOGNISED * np.abs(values)
        rounded = (np.round(values, digits), significant(values, digits))
        return any(bool((np.abs(array - values) <= unit).all()) for array in rounded)
    if row.bug == "lower-precision-than-declared":
        return bool((values.astype(np.float32) == values).all())
    if row.bug != "inexact-numbers":
        return False
    if "learning_rate" in row.hints:
        return noise == "weight update" and bool(np.isclose(row.hints["learning_rate"], level, rtol=1e-6))
    if "epsilon" in row.hints and not (noise == "epsilon" and abs(row.hints["epsilon"] / level - 1.0) < 0.1):
        return False
    largest = max(
        float(np.abs(gradients[name] - array).max() / np.abs(array).max())
        for name, array in clean.items()
        if array.any()
    )
    return digits is None or abs(-np.log10(max(largest, 1e-17)) - digits) <= DIGITS_WITHIN


def measure_unknown(work: tuple[str, float, str, int]) -> NoisyOutcome | None:
    """Judge one case of (noise, level, mistake of no catalogue, seed); None if there is no such case.

    The right kind is `unexplained`, `located` in the right layer; a name with the same gradients within the
    noise is `coincident`.
    """
    noise_name, level, name, seed = work
    noise, start = NOISES[noise_name], zlib.crc32(f"{noise_name} {level}".encode())
    for attempt in range(_ATTEMPTS):
        case = unknown.case_of(name, start % 10_000 + _ATTEMPTS * seed + attempt)
        if case is not None and noise.applies(case.problem):
            break
    else:
        return None
    declared, gradients = noise.make(case.problem, (case.mistake,), level)
    clean, right = student_gradients(declared, [case.mistake]), student_gradients(declared)
    errors = {parameter: np.abs(gradients[parameter] - clean[parameter]) for parameter in clean}
    determined = _information(declared, clean, right, errors) >= DETERMINED_BITS
    summary = summarize(submission(declared, gradients))
    rows = [row for row in summary.rows if row.bug not in NOTES]
    named = [row for row in rows if row.bug != UNEXPLAINED_ID]
    located = [row.layer for row in rows] == [case.mistake.layer]
    if not summary.incorrect:
        kind = "invisible"
    elif named:
        same = partial(_within, errors=errors)
        is_same = len(rows) == 1 and layers_reproducing(declared, named[0], gradients, np.float64, same=same)
        kind = "coincident" if is_same else "false"
    else:
        kind = "unexplained" if rows else "silent"
    notes = tuple(row.bug for row in summary.rows if row.bug in NOTES)
    texts = tuple(str(row) for row in summary.rows)
    return NoisyOutcome(*work, kind, located, determined, texts, notes)


def _information(
    problem: Problem, wrong: Gradients, right: Gradients, errors: Mapping[str, np.ndarray]
) -> float:
    """Return the bits that the submitted numbers hold about a mistake.

    An entry that the mistake changes holds log2(change / noise) bits, with the noise of its parameter's
    entries. Of a layer at most out · min(N, in + 1) entries are independent, the mean ones of those changed.
    """
    total, largest = 0.0, max(float(np.abs(array).max()) for array in right.values())
    for index, layer in enumerate(problem.network.layers):
        bits: list[float] = []
        for kind in ("weight", "bias"):
            name = f"layers.{index}.{kind}"
            if name not in wrong:
                continue
            rounding = 1e-14 * max(float(np.abs(wrong[name]).max()), 1e-3 * largest, 1e-300)
            noise = max(float(np.sqrt(np.mean(np.square(errors[name])))), rounding)
            change = np.abs(wrong[name] - right[name]).ravel()
            bits += [float(value) for value in np.log2(np.maximum(change, 1e-300) / noise) if value > 2.0]
        independent = layer.outputs * min(problem.batch.size, layer.inputs + 1)
        if bits:
            total += float(np.mean(bits)) * min(len(bits), independent)
    return total


def _within(first: Gradients, second: Gradients, errors: Mapping[str, np.ndarray]) -> bool:
    """True if all gradients are equal within the noise."""
    largest = max(float(np.abs(array[np.isfinite(array)]).max(initial=0.0)) for array in first.values())
    return all(
        bool(
            (
                np.abs(first[name] - second[name])
                <= WITHIN * errors[name].max() + 1e-9 * np.abs(second[name]).max() + 1e-12 * largest
            ).all()
        )
        for name in first.keys() & second.keys()
    )
