"""A student who guesses one number of the gradient, and learns from what each guess is told."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.leaking.question import GUESSED, judged, right, told
from verifier import student_diagnosis
from verifier.allowed import DEFAULT
from verifier.diagnosis.bugs import BUGS

RANGE = 1.0  # what the student knows at the start: the number is between −1 and 1
AFFORDABLE = 3000  # submissions that a scan really makes; beyond, it is extrapolated
_BISECTIONS = 44


@dataclass(frozen=True)
class Scan:
    """radius: how far off a guess may be and pass. expected: submissions until one passes, on average.

    made: those of a scan that was really made; None where it would take too many.
    bisecting: submissions after the first hit. digits: that they gave.
    """

    tolerance: str
    precision: str
    radius: float
    expected: float
    made: int | None
    bisecting: int
    digits: float


def passes(value: float, tolerance: str, precision: str) -> bool:
    report = judged({GUESSED: [value]}, diagnosis=False, tolerance={"preset": tolerance}, precision=precision)
    return report.parameters[GUESSED].verdict == "correct"


def _edge(inside: float, outside: float, passing: Callable[[float], bool], steps: int) -> float:
    for _ in range(steps):
        middle = 0.5 * (inside + outside)
        inside, outside = (middle, outside) if passing(middle) else (inside, middle)
    return inside


def scan(tolerance: str, precision: str) -> Scan:
    """Try every window once; then bisect both edges of the one that passes, whose middle is the answer."""
    truth = float(right()[GUESSED][0])

    def passing(value: float) -> bool:
        return passes(value, tolerance, precision)

    radius = _edge(truth, truth + RANGE, passing, 60) - truth
    expected = RANGE / (2.0 * radius)  # half of all windows
    made, hit = None, truth + 0.4 * radius
    if 2.0 * expected <= AFFORDABLE:
        made = 0
        for guess in np.arange(-RANGE + radius, RANGE + radius, 1.99 * radius):
            made += 1
            if passing(float(guess)):
                hit = float(guess)
                break
    upper = _edge(hit, hit + 2.1 * radius, passing, _BISECTIONS)
    lower = _edge(hit, hit - 2.1 * radius, passing, _BISECTIONS)
    off = abs(0.5 * (upper + lower) - truth)
    digits = float(np.log10(radius / max(off, 1e-17)))
    return Scan(tolerance, precision, radius, expected, made, 2 * _BISECTIONS, digits)


def digit_by_digit(enough: int = student_diagnosis.ENOUGH, digits: int = 5) -> tuple[int, int]:
    """Search decimal by decimal for what is told to be rounded: (submissions, right decimals).

    enough: with 1, names are told of single numbers, as they were before that was mended.
    """
    kept, student_diagnosis.ENOUGH = student_diagnosis.ENOUGH, enough
    try:
        truth, found, made, decimals = float(right()[GUESSED][0]), 0.0, 0, 0
        hint = BUGS["rounded"].words.hint.format(place="the whole network")
        for digit in range(1, digits + 1):
            near = {round(found + k * 10.0**-digit, digit) for k in range(-10, 11)}
            fresh = sorted(guess for guess in near if guess != found)
            made += len(fresh)
            telling = [g for g in fresh if hint in told(judged({GUESSED: [g]}), DEFAULT)]
            if telling:
                found, decimals = max(telling, key=lambda guess: len(str(guess))), digit  # the finest
        return made, decimals if abs(found - truth) <= 0.5001 * 10.0**-decimals and found else 0
    finally:
        student_diagnosis.ENOUGH = kept
