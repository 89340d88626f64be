"""Attack that guesses one number of the gradient from the reports on earlier guesses."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.support.leaking.question import GUESSED, report_text, right_gradients, verify_problem
from verifier.diagnosis.catalogue import BUGS
from verifier.exporters import student_view
from verifier.report.assignment import DEFAULT

RANGE = 1.0  # prior knowledge: the number is between −1 and 1
AFFORDABLE = 3000  # longer scans are extrapolated and not run
_BISECTIONS = 44


@dataclass(frozen=True)
class Scan:
    """Result of an attack.

    radius: largest error of a guess that passes.
    expected: expected number of submissions until a guess passes.
    made: actual number of submissions; None if the scan was not run because it is too long.
    bisecting: submissions after the first hit.
    digits: additional digits from the bisection.
    """

    tolerance: str
    precision: str
    radius: float
    expected: float
    made: int | None
    bisecting: int
    digits: float


def guess_passes(value: float, tolerance: str, precision: str) -> bool:
    report = verify_problem(
        {GUESSED: [value]}, diagnosis=False, tolerance={"preset": tolerance}, precision=precision
    )
    return report.parameters[GUESSED].verdict == "correct"


def _acceptance_radius(inside: float, outside: float, passing: Callable[[float], bool], steps: int) -> float:
    for _ in range(steps):
        middle = 0.5 * (inside + outside)
        inside, outside = (middle, outside) if passing(middle) else (inside, middle)
    return inside


def scan_tolerance(tolerance: str, precision: str) -> Scan:
    """Try every interval once, then bisect both ends of the one that passes; its midpoint is the answer."""
    truth = float(right_gradients()[GUESSED][0])

    def first_passing(value: float) -> bool:
        return guess_passes(value, tolerance, precision)

    radius = _acceptance_radius(truth, truth + RANGE, first_passing, 60) - truth
    expected = RANGE / (2.0 * radius)  # half of all windows
    made, hit = None, truth + 0.4 * radius
    if 2.0 * expected <= AFFORDABLE:
        made = 0
        for guess in np.arange(-RANGE + radius, RANGE + radius, 1.99 * radius):
            made += 1
            if first_passing(float(guess)):
                hit = float(guess)
                break
    upper = _acceptance_radius(hit, hit + 2.1 * radius, first_passing, _BISECTIONS)
    lower = _acceptance_radius(hit, hit - 2.1 * radius, first_passing, _BISECTIONS)
    error = abs(0.5 * (upper + lower) - truth)
    digits = float(np.log10(radius / max(error, 1e-17)))
    return Scan(tolerance, precision, radius, expected, made, 2 * _BISECTIONS, digits)


def digit_by_digit(enough: int = student_view.ENOUGH, digits: int = 5) -> tuple[int, int]:
    """Search digit by digit with the hints of numbers that are nearly right, `rounded` and `inexact-numbers`.

    enough: least number of wrong entries for a hint. With 1, hints are given for single numbers.
    Return the number of submissions and the number of right decimals.
    """
    kept, student_view.ENOUGH = student_view.ENOUGH, enough
    try:
        truth, estimate, made, decimals = float(right_gradients()[GUESSED][0]), 0.0, 0, 0
        rows = BUGS["rounded"], BUGS["inexact-numbers"]
        hints = [row.words.hint.format(place="the whole network") for row in rows]
        for digit in range(1, digits + 1):
            near = {round(estimate + k * 10.0**-digit, digit) for k in range(-10, 11)}
            guesses = sorted(guess for guess in near if guess != estimate)
            made += len(guesses)
            texts = {guess: report_text(verify_problem({GUESSED: [guess]}), DEFAULT) for guess in guesses}
            hits = [guess for guess, text in texts.items() if any(hint in text for hint in hints)]
            if hits:
                estimate, decimals = max(hits, key=lambda guess: len(str(guess))), digit  # most decimals
        return made, decimals if abs(estimate - truth) <= 0.5001 * 10.0**-decimals and estimate else 0
    finally:
        student_view.ENOUGH = kept
