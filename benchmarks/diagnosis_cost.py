"""What a diagnosis costs at worst: submissions made to keep the search busy, seeded.

    python -m benchmarks.diagnosis_cost --size 300

Prints the dearest of them: seconds of judging, seconds of the diagnosis beside it (of one processor), and
their ratio; first, which share they are of 30 times the judging and a second, which none should go beyond.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable
from time import process_time

import numpy as np

from benchmarks.buggy_students import Wish
from benchmarks.diagnosing.said import submission
from benchmarks.drawing import LOSSES_ON
from benchmarks.general_position import HIDDEN, Cell, draw
from reference_impl import Problem, backpropagate, named
from verifier import verify
from verifier.submission import Submission

TIMES_JUDGING = 30.0
SECONDS = 1.0
SHOWN = 12
DEPTHS = (1, 2, 3, 5, 8, 12)
EXAMPLES = (1, 2, 5, 20, 60, 100)
WIDTHS = ((1, 1), (3, 8), (8, 8), (20, 64), (64, 64))

Gradients = dict[str, np.ndarray]
Spoiling = Callable[[np.random.Generator, Gradients], Gradients]


def _noise(rng: np.random.Generator, right: Gradients) -> Gradients:
    return {name: rng.normal(size=own.shape) for name, own in right.items()}


def _noisy(rng: np.random.Generator, right: Gradients) -> Gradients:
    return {name: own * (1.0 + 0.1 * rng.normal(size=own.shape)) for name, own in right.items()}


def _factor_each(rng: np.random.Generator, right: Gradients) -> Gradients:
    return {name: own * rng.normal() for name, own in right.items()}


def _factor_each_layer(rng: np.random.Generator, right: Gradients) -> Gradients:
    factors = rng.choice([-1.0, 0.5, 2.0, 0.7, 3.0], size=len(right))
    return {name: own * factors[int(name.split(".")[1])] for name, own in right.items()}


def _one_entry(rng: np.random.Generator, right: Gradients) -> Gradients:
    found = {name: own.copy() for name, own in right.items()}
    for own in found.values():
        own.flat[rng.integers(own.size)] += 1.0
    return found


def _ones(rng: np.random.Generator, right: Gradients) -> Gradients:
    return {name: np.ones_like(own) for name, own in right.items()}


def _whole_numbers(rng: np.random.Generator, right: Gradients) -> Gradients:
    return {name: rng.integers(-3, 4, size=own.shape).astype(float) for name, own in right.items()}


def _few_bits(rng: np.random.Generator, right: Gradients) -> Gradients:
    return {name: own.astype(np.float16).astype(float) for name, own in _noisy(rng, right).items()}


def _nan_in_places(rng: np.random.Generator, right: Gradients) -> Gradients:
    return {
        name: np.where(rng.random(own.shape) < 0.3 / own.size, np.nan, own)
        for name, own in _noisy(rng, right).items()
    }


SPOILED: dict[str, Spoiling] = {
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
    chosen = str(rng.choice(layers))
    return [name for name in names if name.split(".")[1] == chosen]


def _one(rng: np.random.Generator, names: list[str]) -> list[str]:
    return [str(rng.choice(names))]


def _half(rng: np.random.Generator, names: list[str]) -> list[str]:
    return [name for name in names if rng.random() < 0.5] or names[:1]


HANDED_IN: dict[str, Callable[[np.random.Generator, list[str]], list[str]]] = {
    "all": _all,
    "one layer": _one_layer,
    "one parameter": _one,
    "half": _half,
}


def asked(rng: np.random.Generator) -> Problem:
    """Draw a problem with much to search in: depth, penalties, masks, and weights of one shape."""
    loss, on = LOSSES_ON[rng.integers(len(LOSSES_ON))]
    cell = Cell(str(rng.choice(HIDDEN)), loss, on, int(rng.choice(DEPTHS)), int(rng.choice(EXAMPLES)))
    penalty, masks, equal = (bool(own) for own in rng.random(3) < (0.7, 0.4, 0.5))
    wish = Wish(penalty=penalty, masks=masks, equal_widths=equal)
    return draw(rng, cell, wish, WIDTHS[rng.integers(len(WIDTHS))])


def drawn(seed: int) -> tuple[str, Submission]:
    """Give a submission made to keep the search busy, and what it is in words."""
    rng = np.random.default_rng([2027, seed])
    problem = asked(rng)
    how, which = str(rng.choice(list(SPOILED))), str(rng.choice(list(HANDED_IN)))
    with np.errstate(all="ignore"):
        right = {name: np.array(own) for name, own in named(backpropagate(problem))}
        spoiled = SPOILED[how](rng, right)
    kept = HANDED_IN[which](rng, list(right))
    widths = f"{max(layer.outputs for layer in problem.network.layers)} wide"
    penalties = "+".join(own.norm for own in problem.risk.penalties) or "no penalty"
    text = f"{how}, {which}, {len(problem.parameters)} deep, {widths}, N = {problem.batch.size}, {penalties}"
    return text, submission(problem, {name: spoiled[name] for name in kept})


def measure(seed: int) -> tuple[float, float, str]:
    """Give the seconds of judging and of the diagnosis beside it, and what was judged."""
    text, given = drawn(seed)
    started = process_time()
    verify(given, diagnosis=False)
    judging = process_time() - started
    started = process_time()
    verify(given)
    return judging, max(process_time() - started - judging, 0.0), text


def beyond(judging: float, diagnosing: float) -> float:
    """Give the diagnosis over what it may take."""
    return diagnosing / (TIMES_JUDGING * judging + SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--from", type=int, default=0, dest="start", help="the first seed")
    arguments = parser.parse_args()
    found = []
    measure(0)  # the first warms up
    for seed in range(arguments.start, arguments.start + arguments.size):
        judging, diagnosing, text = measure(seed)
        found.append((beyond(judging, diagnosing), judging, diagnosing, seed, text))
    found.sort(reverse=True)
    print(f"{len(found)} submissions; of what {TIMES_JUDGING:g} times the judging + {SECONDS:g} s allows:")
    for share, judging, diagnosing, seed, text in found[:SHOWN]:
        times = f"{judging:6.2f} s {diagnosing:7.2f} s {diagnosing / judging:6.1f} times"
        print(f"  {share:6.2f} {times}  seed {seed}: {text}")


if __name__ == "__main__":
    main()
