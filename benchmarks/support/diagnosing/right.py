"""Correct submissions of the soundness benchmark, in which no bug may be diagnosed."""

import numpy as np

from benchmarks.soundness import ASKED, honest_submissions, laid_out, submission
from benchmarks.support.random_problems import draw
from verifier import verify


def measure(seed: int) -> list[tuple[str, str, str, tuple[str, ...]]]:
    """Return (precision, program, verdict, diagnosed bugs) of the correct submissions of one problem."""
    rng = np.random.default_rng([seed, 1])
    problem = draw(rng)
    results = []
    for precision, program, gradients in honest_submissions(problem, rng):
        for tolerance in ("standard", "strict"):
            report = verify(
                laid_out(submission(problem, gradients, precision, tolerance), rng), oracles=ASKED
            )
            bugs = tuple(str(getattr(row, "bug", row)) for row in report.diagnosis)
            results.append((precision, f"{program}, {tolerance}, seed {seed}", str(report.verdict), bugs))
    return results
