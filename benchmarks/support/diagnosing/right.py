"""Correct submissions of the soundness benchmark, in which no bug may be diagnosed."""

import numpy as np

from benchmarks.soundness import DECIDING_ORACLES, correct_submissions, in_random_layout, submission
from benchmarks.support.random_problems import draw
from verifier import verify


def measure(seed: int) -> list[tuple[str, str, str, tuple[str, ...]]]:
    """Return (precision, program, verdict, diagnosed bugs) of the correct submissions of one problem."""
    rng = np.random.default_rng([seed, 1])
    problem = draw(rng)
    results = []
    for precision, program, gradients in correct_submissions(problem, rng):
        for tolerance in ("standard", "strict"):
            report = verify(
                in_random_layout(submission(problem, gradients, precision, tolerance), rng),
                oracles=DECIDING_ORACLES,
            )
            bugs = tuple(str(getattr(row, "bug", row)) for row in report.diagnosis)
            results.append((precision, f"{program}, {tolerance}, seed {seed}", str(report.verdict), bugs))
    return results
