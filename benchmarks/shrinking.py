"""Measure the size of the smallest failing network for twenty bugs in a student's function.

python -m benchmarks.shrinking
"""

import argparse
from dataclasses import dataclass
from time import perf_counter

from benchmarks.support.student_functions import BUGS, LOSS, RIGHT, backward
from verifier.testing.check_backward import check_backward
from verifier.testing.problem_search import parameters_of

MOST_LAYERS, MOST_PARAMETERS = 2, 6
TARGET = 18  # of 20


@dataclass(frozen=True)
class ShrinkResult:
    """Result for one bug.

    whole: True if all numbers are whole.
    named: diagnosis with informative parameters.
    """

    bug: str
    layers: int
    parameters: int
    examples: int
    whole: bool
    named: str
    seconds: float

    @property
    def small(self) -> bool:
        return self.layers <= MOST_LAYERS and self.parameters <= MOST_PARAMETERS


def shrink(bug: str) -> ShrinkResult:
    started = perf_counter()
    failure = check_backward(backward(BUGS[bug]), loss=LOSS)
    seconds = perf_counter() - started
    if failure is None:
        return ShrinkResult(bug, 99, 999_999, 0, False, "not found", seconds)
    problem = failure.problem
    report = failure.report if failure.diagnosed is None else failure.diagnosed
    named = ", ".join(f"{row.bug} at {row.layer}" for row in report.diagnosis) if report is not None else ""
    weights = [parameters.weight for parameters in problem.parameters]
    arrays = [problem.batch.inputs, problem.batch.targets, *weights]
    return ShrinkResult(
        bug,
        len(problem.network.layers),
        parameters_of(problem),
        problem.batch.size,
        all((array == array.round()).all() for array in arrays),
        named,
        seconds,
    )


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    started = perf_counter()
    assert check_backward(backward(RIGHT), loss=LOSS) is None
    print(f"the right function passes 100 problems in {perf_counter() - started:.1f} s\n")
    print(f"{'bug':32} layers parameters  N  whole  seconds  named")
    results = [shrink(bug) for bug in BUGS]
    for result in results:
        print(
            f"{result.bug:32} {result.layers:6} {result.parameters:10} {result.examples:2}  "
            f"{'yes' if result.whole else 'no':5} {result.seconds:8.1f}  {result.named}"
        )
    small = sum(result.small for result in results)
    limits = f"{MOST_LAYERS} layers and {MOST_PARAMETERS} parameters"
    print(f"\nat most {limits}: {small} of {len(results)} (target {TARGET})")


if __name__ == "__main__":
    main()
