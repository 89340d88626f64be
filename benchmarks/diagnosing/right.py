"""Right submissions of the soundness benchmark: nothing may be diagnosed in any of them."""

import numpy as np

from benchmarks.drawing import draw
from benchmarks.soundness import ASKED, honest_submissions, laid_out, submission
from verifier import verify


def measure(seed: int) -> list[tuple[str, str, str, tuple[str, ...]]]:
    """Judge right submissions of one problem: (precision, who, verdict, what was diagnosed) each."""
    rng = np.random.default_rng([seed, 1])
    problem = draw(rng)
    found = []
    for precision, who, gradients in honest_submissions(problem, rng):
        for tolerance in ("standard", "strict"):
            report = verify(
                laid_out(submission(problem, gradients, precision, tolerance), rng), oracles=ASKED
            )
            bugs = tuple(str(getattr(row, "bug", row)) for row in report.diagnosis)
            found.append((precision, f"{who}, {tolerance}, seed {seed}", str(report.verdict), bugs))
    return found
