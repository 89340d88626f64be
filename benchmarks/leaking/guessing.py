"""A student who guesses one number of the gradient, and learns from what each guess is told."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.leaking.question import GUESSED, LEVELS, judged, right, told
from verifier import student_diagnosis

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


def digit_by_digit(level: str, enough: int = student_diagnosis.ENOUGH, digits: int = 6) -> tuple[int, int]:
    """Search decimal by decimal, believing what is not told as a wild guess is: (made, right decimals).

    enough: with 1, names are told of single numbers, as they were before that was mended.
    """
    kept, student_diagnosis.ENOUGH = student_diagnosis.ENOUGH, enough
    try:
        truth, found, made, believed = float(right()[GUESSED][0]), 0.0, 1, 0
        wild = told(judged({GUESSED: [-12.345678912345]}), LEVELS[level])
        for digit in range(1, digits + 1):
            step = 10.0**-digit
            near = {round(found + k * step, digit) for k in range(-10, 11)} - {0.0}  # 0 is told by itself
            made += len(near)
            telling = [g for g in near if told(judged({GUESSED: [g]}), LEVELS[level]) != wild]
            if telling:
                found, believed = max(telling, key=abs), digit
        right_ones = [d for d in range(1, believed + 1) if abs(found - truth) <= 0.5 * 10.0**-d]
        return made, max(right_ones, default=0)
    finally:
        student_diagnosis.ENOUGH = kept
