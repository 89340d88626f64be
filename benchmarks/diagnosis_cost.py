"""Measure the worst-case time of the diagnosis on submissions that make the search expensive.

    python -m benchmarks.diagnosis_cost --size 300

For the most expensive submissions, the benchmark prints the processor time of judging and of the diagnosis,
their ratio, and the share of the allowed time, which is 30 times the judging time plus one second. The
benchmark is seeded.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable
from time import process_time

import numpy as np

from benchmarks.support.buggy_students import Requirements
from benchmarks.support.diagnosing.summary import submission
from benchmarks.support.general_position import HIDDEN, Configuration, draw
from benchmarks.support.random_problems import LOSSES_ON
from reference_impl import Problem, backpropagate, named
from verifier import verify
from verifier.problem.submission import Submission

TIMES_JUDGING = 30.0
SECONDS = 1.0
SHOWN = 12
DEPTHS = (1, 2, 3, 5, 8, 12)
EXAMPLES = (1, 2, 5, 20, 60, 100)
WIDTHS = ((1, 1), (3, 8), (8, 8), (20, 64), (64, 64))

Gradients = dict[str, np.ndarray]
Change = Callable[[np.random.Generator, Gradients], Gradients]


def _noise(rng: np.random.Generator, right: Gradients) -> Gradients:
    return {name: rng.normal(size=array.shape) for name, array in right.items()}


def _noisy(rng: np.random.Generator, right: Gradients) -> Gradients:
    return {name: array * (1.0 + 0.1 * rng.normal(size=array.shape)) for name, array in right.items()}


def _factor_each(rng: np.random.Generator, right: Gradients) -> Gradients:
    return {name: array * rng.normal() for name, array in right.items()}


def _factor_each_layer(rng: np.random.Generator, right: Gradients) -> Gradients:
    factors = rng.choice([-1.0, 0.5, 2.0, 0.7, 3.0], size=len(right))
    return {name: array * factors[int(name.split(".")[1])] for name, array in right.items()}


def _one_entry(rng: np.random.Generator, right: Gradients) -> Gradients:
    gradients = {name: array.copy() for name, array in right.items()}
    for array in gradients.values():
        array.flat[rng.integers(array.size)] += 1.0
    return gradients


def _ones(rng: np.random.Generator, right: Gradients) -> Gradients:
    return {name: np.ones_like(array) for name, array in right.items()}


def _whole_numbers(rng: np.random.Generator, right: Gradients) -> Gradients:
    return {name: rng.integers(-3, 4, size=array.shape).astype(float) for name, array in right.items()}


def _few_bits(rng: np.random.Generator, right: Gradients) -> Gradients:
    return {name: array.astype(np.float16).astype(float) for name, array in _noisy(rng, right).items()}


def _nan_in_places(rng: np.random.Generator, right: Gradients) -> Gradients:
    return {
        name: np.where(rng.random(array.shape) < 0.3 / array.size, np.nan, array)
        for name, array in _noisy(rng, right).items()
    }


CHANGES: dict[str, Change] = {
    "noise": _noise,
    "noisy": _noisy,
    "a factor for each": _factor_each,
    "a factor for each layer": _factor_each_layer,
    "one entry of each": _one_entry,
    "ones": _ones,
    "whole numbers": _whole_numbers,
    "few bits": _few_bits,
    "NaN in places": _nan_in_places,
}


def _all(rng: np.random.Generator, names: list[str]) -> list[str]:
    return names


def _one_layer(rng: np.random.Generator, names: list[str]) -> list[str]:
    layers = sorted({name.split(".")[1] for name in names})
    layer = str(rng.choice(layers))
    return [name for name in names if name.split(".")[1] == layer]


def _one(rng: np.random.Generator, names: list[str]) -> list[str]:
    return [str(rng.choice(names))]


def _half(rng: np.random.Generator, names: list[str]) -> list[str]:
    return [name for name in names if rng.random() < 0.5] or names[:1]


SUBSETS: dict[str, Callable[[np.random.Generator, list[str]], list[str]]] = {
    "all": _all,
    "one layer": _one_layer,
    "one parameter": _one,
    "half": _half,
}


def draw_problem(rng: np.random.Generator) -> Problem:
    """Draw a problem with a large search space: deep, with penalties, masks and weights of equal shape."""
    loss, on = LOSSES_ON[rng.integers(len(LOSSES_ON))]
    cell = Configuration(
        str(rng.choice(HIDDEN)), loss, on, int(rng.choice(DEPTHS)), int(rng.choice(EXAMPLES))
    )
    penalty, masks, equal = (bool(flag) for flag in rng.random(3) < (0.7, 0.4, 0.5))
    requirements = Requirements(penalty=penalty, masks=masks, equal_widths=equal)
    return draw(rng, cell, requirements, WIDTHS[rng.integers(len(WIDTHS))])


def draw_gradients(seed: int) -> tuple[str, Submission]:
    """Return a description and a submission that makes the search expensive."""
    rng = np.random.default_rng([2027, seed])
    problem = draw_problem(rng)
    change, subset = str(rng.choice(list(CHANGES))), str(rng.choice(list(SUBSETS)))
    with np.errstate(all="ignore"):
        right = {name: np.array(array) for name, array in named(backpropagate(problem))}
        spoiled = CHANGES[change](rng, right)
    kept = SUBSETS[subset](rng, list(right))
    widths = f"{max(layer.outputs for layer in problem.network.layers)} wide"
    penalties = "+".join(penalty.norm for penalty in problem.risk.penalties) or "no penalty"
    depth, size = len(problem.parameters), problem.batch.size
    text = f"{change}, {subset}, {depth} deep, {widths}, N = {size}, {penalties}"
    return text, submission(problem, {name: spoiled[name] for name in kept})


def measure(seed: int) -> tuple[float, float, str]:
    """Return the seconds of judging, the seconds of the diagnosis, and the description."""
    text, submitted = draw_gradients(seed)
    started = process_time()
    verify(submitted, diagnosis=False)
    judging = process_time() - started
    started = process_time()
    verify(submitted)
    return judging, max(process_time() - started - judging, 0.0), text


def slower_than_bound(judging: float, diagnosing: float) -> float:
    """Return the time of the diagnosis relative to the allowed time."""
    return diagnosing / (TIMES_JUDGING * judging + SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--from", type=int, default=0, dest="start", help="the first seed")
    arguments = parser.parse_args()
    results = []
    measure(0)  # the first warms up
    for seed in range(arguments.start, arguments.start + arguments.size):
        judging, diagnosing, text = measure(seed)
        results.append((slower_than_bound(judging, diagnosing), judging, diagnosing, seed, text))
    results.sort(reverse=True)
    print(f"{len(results)} submissions; of what {TIMES_JUDGING:g} times the judging + {SECONDS:g} s allows:")
    for share, judging, diagnosing, seed, text in results[:SHOWN]:
        times = f"{judging:6.2f} s {diagnosing:7.2f} s {diagnosing / judging:6.1f} times"
        print(f"  {share:6.2f} {times}  seed {seed}: {text}")


if __name__ == "__main__":
    main()
